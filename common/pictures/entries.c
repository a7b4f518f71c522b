#include "pictures/entries.h"

#include <stdlib.h>

#include "base/report.h"
#include "files/index.h"

struct entries entries_new(const struct folder *f, const bool *is_row,
                           const struct sorting_settings *s, const struct labels *labels)
{
    struct entries e = {.files = xcalloc(f->n + 1, sizeof *e.files)};

    for (size_t i = 0; i < f->n; i++)
        if (is_row[i])
            e.files[e.n++] = f->files[i];
    e.rows = sorting_sort(e.files, e.n, s, labels);
    e.n_classes = sorting_classes(e.rows, e.n);
    for (size_t i = 0; i < e.n; i++)
        e.n_test += e.rows[i].split == INDEX_TEST;
    return e;
}

void entries_release(struct entries *e)
{
    free(e->files);
    free(e->rows);
    *e = (struct entries){0};
}

void entries_write(const struct entries *e, const char *path, const struct history *h)
{
    struct index_writer *index = index_create(path);

    for (size_t i = 0; i < e->n; i++) {
        char *name = xformat("%.*s", (int)e->rows[i].class_len, e->rows[i].class_name);

        index_add(index, e->rows[i].split, name, e->files[i]);
        free(name);
    }
    index_commit(index, h, path);
}
