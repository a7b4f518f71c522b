/* entries: the lines of an index of a folder, one for each of its files that became a row.
 */
#ifndef ENTRIES_H
#define ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

#include "files/history.h"
#include "pictures/folder.h"
#include "pictures/labels.h"
#include "pictures/sorting.h"

struct entries {
    size_t n, n_test, n_classes;
    const char **files;  /* (n) of the folder */
    struct sorted *rows; /* (n) of which split and class */
};

/* The files of F for which is_row holds, sorted (sorting.h). F and LABELS must live as long. */
struct entries entries_new(const struct folder *f, const bool *is_row,
                           const struct sorting_settings *s, const struct labels *labels);
void entries_release(struct entries *e);
/* Writes the index to PATH, and its history beside it. */
void entries_write(const struct entries *e, const char *path, const struct history *h);

#endif
