#include "cli/start.h"

#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/conf.h"
#include "cli/help.h"
#include "base/cores.h"
#include "base/profile.h"
#include "base/progress.h"
#include "base/report.h"

struct parser {
    struct cli *cli;
    struct cli_table table;
    bool given[CLI_MAX_OPTIONS]; /* on the command line */
    const char *file;            /* -c FILE */
    bool help, version, print, describe;
};

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
    else if (strcmp(key, "describe") == 0)
        p->describe = true;
    else if (strcmp(key, "why") == 0 && !p->cli->no_output)
        p->cli->why = true;
    else if (strcmp(key, "audit") == 0 && !p->cli->no_output)
        p->cli->audit = true;
    else
        return false;
    return true;
}

static _Noreturn void unknown_option(const struct parser *p, const char *key)
{
    const char *now = cli_current_name(p->cli, key);
    const char *renamed = now != key ? xformat("; it is --%s now", now) : "";

    if (strcmp(key, "output") == 0 && !p->cli->no_output)
        die_usage("unknown option '--output'%s; the file to write is -o FILE", renamed);
    die_usage("unknown option '--%s'%s", key, *renamed ? renamed : cli_nearest(&p->table, key));
}

static void long_option(struct parser *p, char **argv, int *i)
{
    const char *word = argv[*i] + 2, *value = strchr(word, '=');
    char *key = value ? strndup(word, (size_t)(value - word)) : xstrdup(word);
    const struct cli_option *o;
    int k;

    if (!value && question(p, key))
        return;
    k = cli_find(&p->table, key);
    if (k < 0)
        unknown_option(p, key);
    o = &p->table.options[k];
    if (value)
        value++;
    else if (o->type == CLI_FLAG)
        value = "yes";
    else if (!(value = argv[*i + 1]))
        die_usage("--%s wants a value", key);
    else
        ++*i;
    if (!value_parse(o, value))
        die_usage("--%s '%s', want %s", key, value, value_wanted(o));
    p->given[k] = true;
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

struct outputs {
    const char *paths[CLI_MAX_OPTIONS + 1];
    int n;
};

static const char *without_dots(const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        for (path += 2; *path == '/';)
            path++;
    return path;
}

/* Whether a file can be made there is said before any work is done. A folder that another host
 * made may be seen later. */
static void check_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? xformat("%.*s/", (int)(slash - path), path) : xstrdup(".");

    if (access(folder, W_OK | X_OK) != 0 && !(errno == ENOENT && getenv("KASANE_WAIT")))
        die_file(path, "%s", strerror(errno));
    free(folder);
}

static void add_output(void *context, const char *path)
{
    struct outputs *o = context;
    struct stat st;
    bool there = lstat(path, &st) == 0;

    if (strcmp(path, "-") == 0 || (there && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return;
    if (there && S_ISDIR(st.st_mode))
        die_file(path, "%s", strerror(EISDIR));
    for (int i = 0; i < o->n; i++)
        if (strcmp(without_dots(o->paths[i]), without_dots(path)) == 0)
            die_usage("'%s' is given for two outputs, want a file for each", path);
    o->paths[o->n++] = path;
    check_folder(path);
}

static void check_outputs(const struct cli *c)
{
    struct outputs o = {0};

    if (c->output && *c->output && !c->makes_folder)
        add_output(&o, c->output);
    cli_each_file(c, CLI_OUTPUT, add_output, &o);
}

/* GNU OpenMP lets a waiting thread spin for milliseconds before it sleeps. Where another program
 * wants the core, each barrier then costs a time slice: a small net trained 400 times slower on a
 * busy machine. The library reads GOMP_SPINCOUNT in its constructor. Of our code only
 * .preinit_array runs before that. It runs before the C library's constructor too, so setenv would
 * be lost: the variable must stand in the environment as the kernel laid it, in the place of
 * another. One that no library reads gives its place and gets it back in cli_parse. Where there is
 * none of them the program works as well, slower. */
static char spin[] = "GOMP_SPINCOUNT=5000", *displaced;

#define UNINSTRUMENTED __attribute__((no_sanitize("address", "undefined", "thread")))

UNINSTRUMENTED static bool starts_with(const char *text, const char *start)
{
    while (*start && *text == *start)
        text++, start++;
    return *start == '\0';
}

UNINSTRUMENTED static void wait_briefly(int argc, char **argv, char **environment)
{
    char **place = NULL;

    (void)argc;
    (void)argv;
    for (char **v = environment; *v; v++) {
        if (starts_with(*v, "OMP_WAIT_POLICY=") || starts_with(*v, "GOMP_SPINCOUNT="))
            return;
        if (starts_with(*v, "_=") || starts_with(*v, "PWD=") || starts_with(*v, "SHLVL=")
            || starts_with(*v, "LOGNAME=") || starts_with(*v, "PATH="))
            place = v;
    }
    if (place) {
        displaced = *place;
        *place = spin;
    }
}

__attribute__((section(".preinit_array"),
               used)) static void (*before_libraries)(int, char **, char **) = wait_briefly;

static void put_back(void)
{
    for (char **v = environ; *v; v++)
        if (*v == spin)
            *v = displaced;
}

void cli_parse(struct cli *cli, int argc, char **argv)
{
    struct parser p = {.cli = cli};

    put_back();
    report_init(cli->tool);
    cli->threads = cores_available();
    cli->memory = (int64_t)1 << 30;
    cli_note_defaults(cli);
    cli_table_init(&p.table, cli);
    read_command(&p, argc, argv);
    if (p.help)
        help_print(&p.table);
    else if (p.version)
        printf("%s (Kasane) %s\n", cli->tool, KASANE_VERSION);
    else if (p.describe)
        help_describe(&p.table);
    if (p.help || p.version || p.describe)
        finish();
    if (p.file)
        conf_read(p.file, &p.table, p.given);
    if (p.print) {
        help_settings(cli);
        finish();
    }
    if ((cli->why || cli->audit) && !cli->output)
        die_usage("--%s wants the file to ask about, -o FILE", cli->why ? "why" : "audit");
    if (!cli->why)
        check_arguments(cli);
    if (!cli->why && !cli->audit)
        check_outputs(cli);
    omp_set_num_threads((int)cli->threads);
    progress_start(cli->output);
    profile_start(cli->tool, cli->output, cli->profile,
                  cli->why || cli->audit ? NULL : getenv("KASANE_PROFILE"));
}
