#include "files/alike.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ranks.h"
#include "base/report.h"

static void want_file(void *unused, const char *path)
{
    struct stat st;

    (void)unused;
    if (strcmp(path, "-") == 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
        die_file(path, "read once, want a file that all %d ranks can read", ranks_count());
}

void alike_want_files(const struct cli *cli)
{
    if (ranks_count() > 1)
        cli_each_file(cli, CLI_INPUT, want_file, NULL);
}

void alike_want(const char *text, const char *what)
{
    size_t len = strlen(text) + 1, own_len = len;
    char *first;

    ranks_broadcast(&len, sizeof len);
    first = xmalloc(len);
    if (ranks_own() == 0)
        memcpy(first, text, len);
    ranks_broadcast(first, len);
    if (ranks_own() > 0 && (own_len != len || memcmp(first, text, len) != 0))
        die("%s not those of rank 0", what);
    free(first);
}

bool alike_is_current(const struct history *h, const struct cli *cli)
{
    char *text = history_text(h, "");
    bool current = false;

    alike_want(text, "files or settings that are");
    if (ranks_own() == 0 || cli->audit)
        current = history_is_current(h, cli->output);
    ranks_broadcast(&current, sizeof current);
    free(text);
    return current;
}
