#include "cli/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

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

/* One line of the list of options: as it is written, its default or "", what it is for. */
typedef void row(const char *left, const char *value, const char *help);

static void each_row(const struct cli_table *t, row *emit)
{
    const struct cli *c = t->cli;
    char value[512];

    for (int i = 0; i < t->n; i++) {
        const struct cli_option *o = &t->options[i];
        char *left = xformat("--%s%s", o->name, value_name(o));

        value_format(value, sizeof value, o);
        emit(left, o->type == CLI_FLAG ? "" : value, o->help);
        free(left);
    }
    emit("-c FILE", "", "read settings from FILE, one a line: key = value");
    if (!c->no_output)
        emit("-o FILE", "standard output", "where the output goes");
    emit("--print-config", "", "print the settings that decide the output, and exit");
    if (!c->no_output) {
        emit("--why", "", "print why the file at -o is not what these settings give, and exit");
        emit("--audit", "",
             "the same by the contents of all inputs, whatever they record of themselves");
    }
    emit("--help, --version", "", "print, and exit");
}

/* Each line of TEXT, behind BEFORE. */
static void print_lines(const char *before, const char *text)
{
    for (int n; *text; text += n + (text[n] == '\n')) {
        n = (int)strcspn(text, "\n");
        printf("%s%.*s\n", before, n, text);
    }
}

static void print_row(const char *left, const char *value, const char *help)
{
    int width = printf("  %s", left);

    if (width >= 30)
        width = printf("\n") - 1;
    printf("%*s%s", 30 - width, "", help);
    if (*value)
        printf(" [%s]", value);
    putchar('\n');
}

void help_print(const struct cli_table *t)
{
    const struct cli *c = t->cli;
    const char *command = getenv("KASANE_COMMAND");
    char *before = command && *command ? xformat("%s ", command) : xstrdup("");

    printf("usage: %s%s [OPTION]... %s\n\n%s\n\noptions, with their defaults:\n", before, c->tool,
           c->synopsis, c->summary);
    each_row(t, print_row);
    if (c->example) {
        printf("\nexample:\n");
        print_lines(xformat("  %s", before), c->example);
    }
    free(before);
}

static void describe_row(const char *left, const char *value, const char *help)
{
    if (strncmp(left, "--threads ", 10) == 0)
        value = "all that the process may use";
    printf("option\t%s\t%s\t%s\n", left, value, help);
}

void help_describe(const struct cli_table *t)
{
    const struct cli *c = t->cli;

    printf("tool\t%s\nsynopsis\t%s\n", c->tool, c->synopsis);
    print_lines("summary\t", c->summary);
    each_row(t, describe_row);
    if (c->example)
        print_lines("example\t", c->example);
}

static void print_setting(void *context, const char *key, const char *value)
{
    (void)context;
    printf("%s = %s\n", key, value);
}

void help_settings(const struct cli *cli)
{
    cli_each_setting(cli, print_setting, NULL);
}
