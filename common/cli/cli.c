#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/profile.h"
#include "base/report.h"

#define VERSION "0.1"
enum { MAX_OPTIONS = 64 };

enum source { UNSET, FROM_FILE, FROM_COMMAND };

struct parser {
    struct cli *cli;
    struct cli_option table[MAX_OPTIONS]; /* the program's own options, then the common ones */
    int n;
    enum source set[MAX_OPTIONS]; /* the command line wins over the file */
    int line_set[MAX_OPTIONS];    /* line of the file that set it, 0: none */
    const char *file;             /* -c FILE */
    bool help, version, print;
};

static void add(struct parser *p, struct cli_option option)
{
    if (p->n == MAX_OPTIONS)
        die("more than %d options", MAX_OPTIONS);
    p->table[p->n++] = option;
}

static void build_table(struct parser *p)
{
    struct cli *c = p->cli;

    for (const struct cli_option *o = c->options; o && o->name; o++)
        add(p, *o);
    for (const struct cli_option *o = c->more; o && o->name; o++)
        add(p, *o);
    if (c->uses_seed)
        add(p,
            (struct cli_option){"seed", CLI_INT, &c->seed, 0, 9007199254740992.0, NULL, CLI_SETTING,
                                "what all random choices start from"});
    add(p,
        (struct cli_option){"threads", CLI_INT, &c->threads, 1, 1024, NULL, 0,
                            "threads; the result is the same for any number"});
    add(p,
        (struct cli_option){"memory", CLI_SIZE, &c->memory, 64 << 20, 0x1p50, NULL, 0,
                            "memory to stay within"});
    add(p,
        (struct cli_option){"profile", CLI_FLAG, &c->profile, 0, 0, NULL, 0,
                            "say at the end where the time went"});
}

/* --- values --- */

/* The shortest decimal that reads back as the same number; whole numbers without an exponent. */
static void format_real(char *text, size_t size, double v)
{
    if (v == floor(v) && fabs(v) < 1e15) {
        snprintf(text, size, "%.0f", v);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            return;
    }
}

static void format_size(char *text, size_t size, int64_t v)
{
    int unit = 0;

    while (unit < 4 && v >= 1024 && v % 1024 == 0) {
        v /= 1024;
        unit++;
    }
    snprintf(text, size, "%lld%.*s", (long long)v, unit > 0, &" KMGT"[unit]);
}

static void format_value(char *text, size_t size, const struct cli_option *o)
{
    const uint8_t *rgb = o->value;
    const char *choice, *string;
    int length;

    switch (o->type) {
    case CLI_INT:
        snprintf(text, size, "%lld", (long long)*(int64_t *)o->value);
        break;
    case CLI_REAL:
        format_real(text, size, *(double *)o->value);
        break;
    case CLI_BOOL:
    case CLI_FLAG:
        snprintf(text, size, "%s", *(bool *)o->value ? "yes" : "no");
        break;
    case CLI_CHOICE:
        choice = cli_choice(o->choices, *(int *)o->value, &length);
        snprintf(text, size, "%.*s", length, choice);
        break;
    case CLI_TEXT:
        string = *(const char **)o->value;
        snprintf(text, size, "%s", string ? string : "");
        break;
    case CLI_SIZE:
        format_size(text, size, *(int64_t *)o->value);
        break;
    case CLI_TIME:
        format_real(text, size, *(double *)o->value);
        snprintf(text + strlen(text), size - strlen(text), "s");
        break;
    case CLI_COLOUR:
        snprintf(text, size, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
        break;
    }
}

static bool parse_int(const char *text, int64_t *v)
{
    char *end;

    errno = 0;
    *v = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && !isspace((unsigned char)*text);
}

static bool parse_real(const char *text, double *v)
{
    char *end;

    *v = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*v) && !isspace((unsigned char)*text);
}

/* 4096, 512M, 1G, 1GiB, 1.5G */
static bool parse_size(const char *text, int64_t *v)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end;
    double value = strtod(text, &end);

    if (end == text || isspace((unsigned char)*text) || !(value >= 0))
        return false;
    if (*end && (unit = strchr(units, toupper((unsigned char)*end)))) {
        value *= exp2(10.0 * (double)(unit - units + 1));
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B')
        end++;
    if (*end || value > 0x1p62)
        return false;
    *v = (int64_t)value;
    return true;
}

/* 90, 60s, 1.5m, 1h */
static bool parse_time(const char *text, double *v)
{
    char *end;

    *v = strtod(text, &end);
    if (end == text || isspace((unsigned char)*text) || !isfinite(*v))
        return false;
    if (*end == 'm' || *end == 'h')
        *v *= *end == 'm' ? 60 : 3600;
    return *end == '\0' || (strchr("smh", *end) && end[1] == '\0');
}

static bool parse_colour(const char *text, uint8_t rgb[3])
{
    if (strcmp(text, "white") == 0 || strcmp(text, "black") == 0) {
        memset(rgb, *text == 'w' ? 255 : 0, 3);
        return true;
    }
    if (strlen(text) != 7 || text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6)
        return false;
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint8_t)strtoul((char[]){text[1 + 2 * i], text[2 + 2 * i], '\0'}, NULL, 16);
    return true;
}

const char *cli_choice(const char *choices, int position, int *length)
{
    while (position-- > 0)
        choices = strchr(choices, '|') + 1;
    *length = (int)strcspn(choices, "|");
    return choices;
}

int cli_find_choice(const char *choices, const char *text, size_t length)
{
    for (int i = 0; *choices; i++) {
        size_t n = strcspn(choices, "|");
        if (n == length && strncmp(choices, text, n) == 0)
            return i;
        choices += n + (choices[n] == '|');
    }
    return -1;
}

static bool parse_choice(const char *text, const char *choices, int *position)
{
    int found = cli_find_choice(choices, text, strlen(text));

    if (found >= 0)
        *position = found;
    return found >= 0;
}

static bool in_range(const struct cli_option *o, double v)
{
    return (o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max);
}

/* Stores TEXT in the option; false where it is no such value or out of range. TEXT must outlive the
 * process. */
static bool store(const struct cli_option *o, const char *text)
{
    int64_t i = 0;
    double d;
    int choice;

    switch (o->type) {
    case CLI_INT:
    case CLI_SIZE:
        if (!(o->type == CLI_INT ? parse_int(text, &i) : parse_size(text, &i))
            || !in_range(o, (double)i))
            return false;
        *(int64_t *)o->value = i;
        return true;
    case CLI_REAL:
    case CLI_TIME:
        if (!(o->type == CLI_REAL ? parse_real(text, &d) : parse_time(text, &d)) || !in_range(o, d))
            return false;
        *(double *)o->value = d;
        return true;
    case CLI_BOOL:
    case CLI_FLAG:
        if (!parse_choice(text, "no|yes", &choice))
            return false;
        *(bool *)o->value = choice;
        return true;
    case CLI_CHOICE:
        return parse_choice(text, o->choices, o->value);
    case CLI_TEXT:
        *(const char **)o->value = text;
        return true;
    case CLI_COLOUR:
        return parse_colour(text, o->value);
    }
    return false;
}

/* What a good value would be: "a number from 0 to 1". */
static const char *wanted(const struct cli_option *o)
{
    bool ranged = o->min != 0 || o->max != 0;
    const char *what;
    char low[40], high[40];

    switch (o->type) {
    case CLI_INT:
    case CLI_REAL:
        format_real(low, sizeof low, o->min);
        format_real(high, sizeof high, o->max);
        what = o->type == CLI_INT ? "a whole number" : "a number";
        return ranged ? xformat("%s from %s to %s", what, low, high) : what;
    case CLI_SIZE:
        format_size(low, sizeof low, (int64_t)o->min);
        format_size(high, sizeof high, (int64_t)o->max);
        return xformat("a size from %s to %s, such as 512M", low, high);
    case CLI_TIME:
        return "a time, such as 60s, 5m or 1h";
    case CLI_CHOICE:
        return xformat("one of %s", o->choices);
    case CLI_COLOUR:
        return "white, black or #rrggbb";
    default:
        return "yes or no";
    }
}

/* --- keys --- */

static int find(const struct parser *p, const char *key)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->table[i].name, key) == 0)
            return i;
    return -1;
}

/* Edit distance (Levenshtein), a row of the table at a time; no key is as long as the row. */
static int distance(const char *a, const char *b)
{
    int row[64], n = (int)strlen(b);

    if (n >= 64)
        return n;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

/* ", nearest is 'epochs'", or nothing where no key is near. */
static const char *nearest(const struct parser *p, const char *key)
{
    int best = -1, best_distance = 4;

    for (int i = 0; i < p->n; i++) {
        int d = distance(key, p->table[i].name);
        if (d < best_distance && d < (int)strlen(p->table[i].name)) {
            best = i;
            best_distance = d;
        }
    }
    return best < 0 ? "" : xformat(", nearest is '%s'", p->table[best].name);
}

/* --- .conf files --- */

static char *trim(char *s)
{
    size_t n;

    while (isspace((unsigned char)*s))
        s++;
    for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
        s[n - 1] = '\0';
    return s;
}

/* Cuts a comment off: a '#' that starts the line or follows a blank, unless the value starts with
 * it ("#ffffff"). */
static void cut_comment(char *text)
{
    char *equals = strchr(text, '='),
         *value = equals ? equals + 1 + strspn(equals + 1, " \t") : NULL;

    for (char *p = text; (p = strchr(p, '#')); p++)
        if (p == text || (isspace((unsigned char)p[-1]) && p != value)) {
            *p = '\0';
            return;
        }
}

static _Noreturn void bad_line(const struct parser *p, int line, const char *reason)
{
    die_usage("'%s' line %d: %s", p->file, line, reason);
}

/* TEXT is "key = value" and outlives the process. */
static void read_setting(struct parser *p, char *text, int line)
{
    char *equals = strchr(text, '='), *key = text, *value;
    struct cli_option option;
    char scratch[sizeof(int64_t)];
    int i;

    if (!equals)
        bad_line(p, line, xformat("'%s' is no setting, want 'key = value'", text));
    *equals = '\0';
    key = trim(key);
    value = trim(equals + 1);
    i = find(p, key);
    if (i < 0)
        bad_line(p, line, xformat("unknown setting '%s'%s", key, nearest(p, key)));
    if (p->line_set[i])
        bad_line(p, line, xformat("'%s' is given twice, first in line %d", key, p->line_set[i]));
    p->line_set[i] = line;
    option = p->table[i];
    if (p->set[i] == FROM_COMMAND)
        option.value = scratch; /* the command line has set it: checked all the same */
    else
        p->set[i] = FROM_FILE;
    if (!store(&option, value))
        bad_line(p, line, xformat("%s '%s', want %s", key, value, wanted(&option)));
}

static void read_conf(struct parser *p)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t length;
    FILE *f = fopen(p->file, "r");

    if (!f)
        die_file(p->file, "%s", strerror(errno));
    for (int line = 1; (length = getline(&text, &size, f)) >= 0; line++) {
        if (strlen(text) != (size_t)length)
            bad_line(p, line, "a NUL byte, want text");
        cut_comment(text);
        if (*trim(text))
            read_setting(p, xstrdup(trim(text)), line);
    }
    if (ferror(f))
        die_file(p->file, "%s", strerror(errno));
    fclose(f);
    free(text);
}

/* --- --help and --print-config --- */

static const char *value_name(const struct cli_option *o)
{
    switch (o->type) {
    case CLI_FLAG:
        return "";
    case CLI_BOOL:
        return " yes|no";
    case CLI_COLOUR:
        return " COLOUR";
    case CLI_SIZE:
        return " SIZE";
    case CLI_TIME:
        return " TIME";
    case CLI_TEXT:
        return xformat(" %s", o->choices ? o->choices : "TEXT");
    default:
        return xformat(" %s", o->choices ? o->choices : "N");
    }
}

static void print_option(const char *left, const char *help, const char *value)
{
    int width = printf("  %s", left);

    if (width >= 30)
        width = printf("\n") - 1;
    printf("%*s%s", 30 - width, "", help);
    if (value && *value)
        printf(" [%s]", value);
    putchar('\n');
}

static void print_help(const struct parser *p)
{
    const struct cli *c = p->cli;
    char value[512];

    printf("usage: %s [OPTION]... %s\n\n%s\n\noptions, with their defaults:\n", c->tool,
           c->synopsis, c->summary);
    for (int i = 0; i < p->n; i++) {
        const struct cli_option *o = &p->table[i];
        format_value(value, sizeof value, o);
        print_option(xformat("--%s%s", o->name, value_name(o)), o->help,
                     o->type == CLI_FLAG ? NULL : value);
    }
    print_option("-c FILE", "read settings from FILE, one a line: key = value", NULL);
    if (!c->no_output)
        print_option("-o FILE", "where the output goes", "standard output");
    print_option("--print-config", "print the settings that decide the output, and exit", NULL);
    if (!c->no_output) {
        print_option("--why", "print why the file at -o is not what these settings give, and exit",
                     NULL);
        print_option("--audit",
                     "the same by the contents of all inputs, whatever they record of themselves",
                     NULL);
    }
    print_option("--help, --version", "print, and exit", NULL);
    if (c->example)
        printf("\nexample:\n  %s\n", c->example);
}

void cli_each_setting(const struct cli *cli, void (*each)(void *, const char *, const char *),
                      void *context)
{
    struct parser p = {.cli = (struct cli *)cli};
    char value[64];

    build_table(&p);
    for (int i = 0; i < p.n; i++) {
        const struct cli_option *o = &p.table[i];
        const char *text =
            o->type == CLI_TEXT ? *(const char **)o->value : NULL; /* of any length */
        if (!(o->flags & CLI_SETTING))
            continue;
        format_value(value, sizeof value, o);
        each(context, o->name, text ? text : value);
    }
}

void cli_each_file(const struct cli *cli, unsigned flag, void (*each)(void *, const char *),
                   void *context)
{
    struct parser p = {.cli = (struct cli *)cli};

    for (int i = 0; flag == CLI_INPUT && i < cli->n_arguments; i++)
        each(context, cli->arguments[i]);
    build_table(&p);
    for (int i = 0; i < p.n; i++) {
        const char *path = p.table[i].flags & flag ? *(const char **)p.table[i].value : NULL;
        if (path && *path)
            each(context, path);
    }
}

static void print_setting(void *context, const char *key, const char *value)
{
    (void)context;
    printf("%s = %s\n", key, value);
}

/* Text about the program that could not be written is a failure too. */
static _Noreturn void finish(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        die("standard output: %s", strerror(errno));
    exit(0);
}

/* --- the command line --- */

/* The value of a short option: what follows its letter ("-oFILE") or the next word. */
static const char *short_value(char **argv, int *i)
{
    const char *word = argv[*i];

    if (word[2])
        return word + 2;
    if (!argv[*i + 1])
        die_usage("-%c wants a file name", word[1]);
    return argv[++*i];
}

/* Options that are answered and not set; false where KEY is none of them. */
static bool question(struct parser *p, const char *key)
{
    if (strcmp(key, "help") == 0)
        p->help = true;
    else if (strcmp(key, "version") == 0)
        p->version = true;
    else if (strcmp(key, "print-config") == 0)
        p->print = true;
    else if (strcmp(key, "why") == 0 && !p->cli->no_output)
        p->cli->why = true;
    else if (strcmp(key, "audit") == 0 && !p->cli->no_output)
        p->cli->audit = true;
    else
        return false;
    return true;
}

static void long_option(struct parser *p, char **argv, int *i)
{
    const char *word = argv[*i] + 2, *value = strchr(word, '=');
    char *key = value ? strndup(word, (size_t)(value - word)) : xstrdup(word);
    const struct cli_option *o;
    int k;

    if (!value && question(p, key))
        return;
    k = find(p, key);
    if (k < 0)
        die_usage("unknown option '--%s'%s", key, nearest(p, key));
    o = &p->table[k];
    if (value)
        value++;
    else if (o->type == CLI_FLAG)
        value = "yes";
    else if (!(value = argv[*i + 1]))
        die_usage("--%s wants a value", key);
    else
        ++*i;
    if (!store(o, value))
        die_usage("--%s '%s', want %s", key, value, wanted(o));
    p->set[k] = FROM_COMMAND;
    free(key);
}

static void read_command(struct parser *p, int argc, char **argv)
{
    struct cli *c = p->cli;
    bool only_arguments = false;

    c->arguments = xcalloc((size_t)argc + 1, sizeof *c->arguments);
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (only_arguments || word[0] != '-' || word[1] == '\0')
            c->arguments[c->n_arguments++] = word;
        else if (strcmp(word, "--") == 0)
            only_arguments = true;
        else if (word[1] == '-')
            long_option(p, argv, &i);
        else if (word[1] == 'c')
            p->file = short_value(argv, &i);
        else if (word[1] == 'o' && !c->no_output)
            c->output = short_value(argv, &i);
        else if (strcmp(word, "-h") == 0)
            p->help = true;
        else
            die_usage("unknown option '%s'", word);
    }
}

static void check_arguments(const struct cli *c)
{
    int n = c->n_arguments, inputs = 0;

    if (n < c->min_arguments)
        die_usage("%d argument%s, want %s", n, n == 1 ? "" : "s", c->synopsis);
    if (c->max_arguments >= 0 && n > c->max_arguments)
        die_usage("argument '%s' is one too many, want %s", c->arguments[c->max_arguments],
                  c->synopsis);
    for (int i = 0; i < n; i++)
        inputs += strcmp(c->arguments[i], "-") == 0;
    if (inputs > 1)
        die_usage("'-' is given twice, and standard input can be read once");
}

/* GNU OpenMP lets a waiting thread spin for milliseconds before it sleeps. Where another program
 * wants the core, each barrier then costs a time slice: a small net trained 400 times slower on a
 * busy machine. The library reads its settings when it is loaded, so the program starts itself
 * again with a spin of some microseconds. */
static void wait_briefly(char **argv)
{
    static const char *const asked[] = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND",
                                        "OMP_PLACES", "GOMP_CPU_AFFINITY"};
    char path[4096];
    ssize_t length;

    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        if (getenv(asked[i]))
            return; /* the last three have bound this thread to a core, on which all would be after
                       an exec */
    if (setenv("GOMP_SPINCOUNT", "5000", 1) != 0)
        return;
    length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return;
    path[length] = '\0';
    execv(path, argv); /* where it fails, all works as well, slower */
}

void cli_parse(struct cli *cli, int argc, char **argv)
{
    struct parser p = {.cli = cli};

    wait_briefly(argv);
    report_init(cli->tool);
    cli->threads =
        omp_get_num_procs(); /* those it may use, even where it has bound this thread to one */
    cli->memory = (int64_t)1 << 30;
    build_table(&p);
    read_command(&p, argc, argv);
    if (p.help) {
        print_help(&p);
        finish();
    }
    if (p.version) {
        printf("%s (Kasane) %s\n", cli->tool, VERSION);
        finish();
    }
    if (p.file)
        read_conf(&p);
    if (p.print) {
        cli_each_setting(cli, print_setting, NULL);
        finish();
    }
    if ((cli->why || cli->audit) && !cli->output)
        die_usage("--%s wants the file to ask about, -o FILE", cli->why ? "why" : "audit");
    if (!cli->why)
        check_arguments(cli);
    omp_set_num_threads((int)cli->threads);
    profile_start(cli->tool, cli->output, cli->profile,
                  cli->why || cli->audit ? NULL : getenv("KASANE_PROFILE"));
}
