#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "pictures/folder.h"

enum { MAX_NAMED = 10 };

/* The first file at or behind the path INSIDE, followed by a slash. */
static size_t first_below(const struct folder *f, const char *inside)
{
    char *below = xformat("%s/", inside);
    size_t first = 0, end = f->n;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (strcmp(f->files[middle], below) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    free(below);
    return first;
}

/* Whether PATH lies below the folder ABOVE. */
static bool is_below(const char *path, const char *above)
{
    size_t len = strlen(above);

    return strncmp(path, above, len) == 0 && path[len] == '/';
}

static bool has_rows(const struct folder *f, const bool *is_row, const char *inside)
{
    for (size_t i = first_below(f, inside); i < f->n && is_below(f->files[i], inside); i++)
        if (is_row[i])
            return true;
    return false;
}

void folder_warn_empty(const struct folder *f, const bool *is_row)
{
    const char *above = NULL;
    size_t n = 0;

    for (size_t i = 0; i < f->n_folders; i++) {
        char *path;

        if ((above && is_below(f->folders[i], above)) || has_rows(f, is_row, f->folders[i]))
            continue;
        above = f->folders[i];
        path = xformat("%s/%s", f->path, above);
        if (n++ < MAX_NAMED)
            warn_file(path, "no picture in it that can be read");
        free(path);
    }
    if (n > MAX_NAMED)
        warn("and %zu more folders without a picture that can be read", n - MAX_NAMED);
}
