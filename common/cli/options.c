#include "cli/options.h"

#include <string.h>

#include "base/report.h"

static void add(struct cli_table *t, struct cli_option option)
{
    if (t->n == CLI_MAX_OPTIONS)
        die("more than %d options", CLI_MAX_OPTIONS);
    t->options[t->n++] = option;
}

static void add_all(struct cli_table *t, const struct cli_option *o)
{
    for (; o && o->name; o++)
        add(t, *o);
}

void cli_table_init(struct cli_table *t, const struct cli *cli)
{
    struct cli *c = (struct cli *)cli; /* its values are set through the table */

    t->cli = cli;
    t->n = 0;
    add_all(t, c->options);
    add_all(t, c->more);
    if (c->uses_seed)
        add(t,
            (struct cli_option){"seed", CLI_INT, &c->seed, 0, 9007199254740992.0, NULL, CLI_SETTING,
                                "what all random choices start from"});
    add(t,
        (struct cli_option){"threads", CLI_INT, &c->threads, 1, 1024, NULL, 0,
                            "threads; the result is the same for any number"});
    add(t,
        (struct cli_option){"memory", CLI_SIZE, &c->memory, 64 << 20, 0x1p50, NULL, 0,
                            "memory to stay within"});
    add(t,
        (struct cli_option){"profile", CLI_FLAG, &c->profile, 0, 0, NULL, 0,
                            "say at the end where the time went"});
}

int cli_find(const struct cli_table *t, const char *key)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->options[i].name, key) == 0)
            return i;
    return -1;
}

const char *cli_current_name(const struct cli *cli, const char *key)
{
    for (const struct cli_renamed *r = cli->renamed; r && r->before; r++)
        if (strcmp(r->before, key) == 0)
            return r->now;
    return key;
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

const char *cli_nearest(const struct cli_table *t, const char *key)
{
    int best = -1, best_distance = 4;

    for (int i = 0; i < t->n; i++) {
        int d = distance(key, t->options[i].name);
        if (d < best_distance && d < (int)strlen(t->options[i].name)) {
            best = i;
            best_distance = d;
        }
    }
    return best < 0 ? "" : xformat(", nearest is '%s'", t->options[best].name);
}

/* The canonical value of O; in ROOM unless it is text, which may be of any length. */
static const char *canonical(const struct cli_option *o, char room[64])
{
    const char *text = o->type == CLI_TEXT ? *(const char **)o->value : NULL;

    if (text)
        return text;
    value_format(room, 64, o);
    return room;
}

void cli_note_defaults(struct cli *cli)
{
    struct cli_table t;
    char room[64];

    cli_table_init(&t, cli);
    cli->defaults = xcalloc((size_t)t.n, sizeof *cli->defaults);
    for (int i = 0; i < t.n; i++)
        if (t.options[i].flags & CLI_LATER)
            cli->defaults[i] = xstrdup(canonical(&t.options[i], room));
}

static void each_setting(const struct cli *cli, bool recorded,
                         void (*each)(void *, const char *, const char *), void *context)
{
    struct cli_table t;
    char room[64];

    cli_table_init(&t, cli);
    for (int i = 0; i < t.n; i++) {
        const struct cli_option *o = &t.options[i];
        const char *value = o->flags & CLI_SETTING ? canonical(o, room) : NULL,
                   *standard = recorded && cli->defaults ? cli->defaults[i] : NULL;
        if (value && !(standard && strcmp(value, standard) == 0))
            each(context, o->name, value);
    }
}

const char *cli_unrecorded(const struct cli *cli, const char *key)
{
    struct cli_table t;
    int i;

    cli_table_init(&t, cli);
    i = cli->defaults ? cli_find(&t, key) : -1;
    return i < 0 ? NULL : cli->defaults[i];
}

void cli_each_setting(const struct cli *cli, void (*each)(void *, const char *, const char *),
                      void *context)
{
    each_setting(cli, false, each, context);
}

void cli_each_recorded(const struct cli *cli, void (*each)(void *, const char *, const char *),
                       void *context)
{
    each_setting(cli, true, each, context);
}

void cli_each_file(const struct cli *cli, unsigned flag, void (*each)(void *, const char *),
                   void *context)
{
    struct cli_table t;

    for (int i = 0; flag == CLI_INPUT && i < cli->n_arguments; i++)
        each(context, cli->arguments[i]);
    cli_table_init(&t, cli);
    for (int i = 0; i < t.n; i++) {
        const char *path = t.options[i].flags & flag ? *(const char **)t.options[i].value : NULL;
        if (path && *path)
            each(context, path);
    }
}
