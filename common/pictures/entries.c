#include "pictures/entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static char *class_name(const struct sorted *row)
{
    return xformat("%.*s", (int)row->class_len, row->class_name);
}

void entries_write(const struct entries *e, const char *path, const struct history *h)
{
    struct index_writer *index = index_create(path);

    for (size_t i = 0; i < e->n; i++) {
        char *name = class_name(&e->rows[i]);

        index_add(index, e->rows[i].split, name, e->files[i]);
        free(name);
    }
    index_commit(index, h, path);
}

/* Marks the files that the index at PATH has lines for; false where it is no index of them. */
static bool mark_rows(const char *path, const struct folder *f, bool *is_row)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0, k = 0;
    ssize_t len = file ? getline(&line, &size, file) : -1;
    bool fits = len > 0 && strcmp(line, index_header) == 0;

    while (fits && (len = getline(&line, &size, file)) > 0) {
        char *name = strrchr(line, '\t');

        line[len - (line[len - 1] == '\n')] = '\0';
        for (fits = false; name && !fits && k < f->n; k++) {
            char *want = index_format(0, INDEX_TRAIN, "", f->files[k]);

            fits = is_row[k] = strcmp(strrchr(want, '\t'), name) == 0;
            free(want);
        }
    }
    if (file)
        fclose(file);
    free(line);
    return fits;
}

/* Whether the index at PATH has these lines, and no file that should not be there. */
static bool has_lines(const char *path, const struct entries *e)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    bool fits = file && getline(&line, &size, file) > 0;

    for (size_t i = 0; fits && i < e->n; i++) {
        char *name = class_name(&e->rows[i]),
             *want = index_format(i, e->rows[i].split, name, e->files[i]);
        ssize_t len = getline(&line, &size, file);

        fits = len == (ssize_t)strlen(want) + 1 && line[len - 1] == '\n'
            && memcmp(line, want, (size_t)len - 1) == 0;
        free(name);
        free(want);
    }
    if (file)
        fclose(file);
    free(line);
    return fits;
}

bool entries_fit(const char *path, const struct folder *f, const struct sorting_settings *s,
                 const struct labels *labels)
{
    bool *is_row = xcalloc(f->n + 1, sizeof *is_row), fits = mark_rows(path, f, is_row);
    struct entries e = entries_new(f, is_row, s, labels);

    fits = fits && has_lines(path, &e);
    entries_release(&e);
    free(is_row);
    return fits;
}
