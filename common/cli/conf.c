#include "cli/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

static char *trim(char *s)
{
    size_t n;

    while (isspace((unsigned char)*s))
        s++;
    for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
        s[n - 1] = '\0';
    return s;
}

/* Where the key of TEXT ends: at "=" or, as others write it, ":". */
static char *find_equals(char *text)
{
    return strpbrk(text, "=:");
}

/* Cuts a comment off: a '#' that starts the line or follows a blank, unless the value starts with
 * it ("#ffffff"). */
static void cut_comment(char *text)
{
    char *equals = find_equals(text),
         *value = equals ? equals + 1 + strspn(equals + 1, " \t") : NULL;

    for (char *p = text; (p = strchr(p, '#')); p++)
        if (p == text || (isspace((unsigned char)p[-1]) && p != value)) {
            *p = '\0';
            return;
        }
}

struct file {
    const char *path;
    const struct cli_table *table;
    const bool *given;
    int line_set[CLI_MAX_OPTIONS]; /* the line that set the option, 0: none */
};

static _Noreturn void bad_line(const struct file *f, int line, const char *reason)
{
    die_usage("'%s' line %d: %s", f->path, line, reason);
}

/* TEXT is "key = value" and outlives the process. */
static void read_setting(struct file *f, char *text, int line)
{
    char *equals = find_equals(text), *key = text, *value;
    struct cli_option option;
    char scratch[sizeof(int64_t)];
    int i;

    if (!equals)
        bad_line(f, line, xformat("'%s' is no setting, want 'key = value'", text));
    *equals = '\0';
    key = trim(key);
    value = trim(equals + 1);
    if (strchr(value, '\r'))
        bad_line(f, line, "a carriage return within it, want each line ended by a newline");
    i = cli_find(f->table, cli_current_name(f->table->cli, key));
    if (i < 0)
        bad_line(f, line, xformat("unknown setting '%s'%s", key, cli_nearest(f->table, key)));
    if (f->line_set[i])
        bad_line(f, line, xformat("'%s' is given twice, first in line %d", key, f->line_set[i]));
    f->line_set[i] = line;
    option = f->table->options[i];
    if (f->given[i])
        option.value = scratch;
    if (!value_parse(&option, value))
        bad_line(f, line, xformat("%s '%s', want %s", key, value, value_wanted(&option)));
}

void conf_read(const char *path, const struct cli_table *t, const bool given[CLI_MAX_OPTIONS])
{
    struct file f = {.path = path, .table = t, .given = given};
    char *text = NULL;
    size_t size = 0;
    ssize_t length;
    FILE *stream = fopen(path, "r");

    if (!stream)
        die_file(path, "%s", strerror(errno));
    for (int line = 1; (length = getline(&text, &size, stream)) >= 0; line++) {
        bool marked = line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0;
        char *start = text + (marked ? 3 : 0);

        if (line == 1 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
            bad_line(&f, line, "text in UTF-16, want UTF-8");
        if (strlen(text) != (size_t)length)
            bad_line(&f, line, "a NUL byte, want text");
        cut_comment(start);
        if (*trim(start))
            read_setting(&f, xstrdup(trim(start)), line);
    }
    if (ferror(stream))
        die_file(path, "%s", strerror(errno));
    fclose(stream);
    free(text);
}
