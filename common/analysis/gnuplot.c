#include "analysis/gnuplot.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/child.h"
#include "base/report.h"
#include "base/scratch.h"

/* What gnuplot needs of the environment. The rest may change pictures: its own variables, those of
 * fontconfig, FreeType, Pango and Cairo, the locale, the settings of fonts in a home. */
static bool is_kept(const char *variable)
{
    static const char *const kept[] = {"PATH=", "TMPDIR=", "LD_"};

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strncmp(variable, kept[i], strlen(kept[i])) == 0)
            return true;
    return false;
}

/* The strings are those of this process. The caller frees the list. */
static char **clean_environment(void)
{
    size_t n = 0, kept = 0;
    char **list;

    while (environ[n])
        n++;
    list = xcalloc(n + 2, sizeof *list);
    for (size_t i = 0; i < n; i++)
        if (is_kept(environ[i]))
            list[kept++] = environ[i];
    list[kept] = "LC_ALL=C.UTF-8";
    return list;
}

static int run(char *const argv[], const int *shared, int output, int errors)
{
    char **environment = clean_environment();
    int status = child_run(argv, environment, shared, output, errors);

    free(environment);
    if (status < 0)
        die("gnuplot is not installed");
    return status;
}

char *gnuplot_version(void)
{
    static char *const command[] = {"gnuplot", "--version", NULL};
    int output = scratch_open(), errors = scratch_open();
    char *text, *version;
    size_t len;

    if (run(command, NULL, output, errors) != 0)
        die("gnuplot --version fails");
    text = child_text(output, &len);
    text[strcspn(text, "\n")] = '\0';
    version = xstrdup(strncmp(text, "gnuplot ", 8) == 0 ? text + 8 : text);
    free(text);
    close(output);
    close(errors);
    return version;
}

/* The line of ERRORS that says why: the first that is neither a mark below the script nor a
 * warning. */
static char *why(int errors)
{
    size_t len;
    char *text = child_text(errors, &len), *line, *rest = text, *found = NULL;

    while (!found && (line = strsep(&rest, "\n"))) {
        size_t blank = strspn(line, " ^\t");

        if (line[blank] && !strcasestr(line, "warning"))
            found = xstrdup(line + blank);
    }
    free(text);
    return found ? found : xstrdup("it does not say why");
}

static char *name_of(int fd)
{
    return xformat("/dev/fd/%d", fd);
}

int gnuplot_draw(const char *path, const char *script, const char *type, int numbers, int names,
                 int title)
{
    int program = scratch_open(), output = scratch_open(), errors = scratch_open(), status;
    const int shared[] = {program, numbers, names, title, -1};
    char *command[] = {"gnuplot",        "-d",           "-c",
                       name_of(program), xstrdup(type),  name_of(numbers),
                       name_of(names),   name_of(title), NULL};
    size_t n = sizeof command / sizeof *command;

    scratch_write(program, gnuplot_style, strlen(gnuplot_style));
    scratch_write(program, script, strlen(script));
    status = run(command, shared, output, errors);
    if (status != 0)
        die_file(path, "gnuplot: %s", why(errors));
    for (size_t i = 3; i < n; i++)
        free(command[i]);
    close(program);
    close(errors);
    return output;
}
