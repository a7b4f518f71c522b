/* labels: a table of the user's own that says which pictures there are and of what class.
 *
 * A line a picture: its path, relative to the folder, its class and perhaps its split, in a table
 * as table.h reads it. A first line of names is used where it has one of each of these, in any
 * order and among other columns:
 *
 *     path  file filename file_name image   class  label category   split  set subset (or none)
 *
 * else the columns are path, class and split. A split is train, or test, val, valid or validation.
 * An index of import-images is such a table, with its escapes.
 */
#ifndef LABELS_H
#define LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include "files/index.h"
#include "pictures/folder.h"
#include "pictures/tally.h"

struct label {
    const char *path, *class_name;
    enum index_split split; /* INDEX_ALL: it does not say */
    size_t line;
    bool used; /* by labels_choose */
};

struct labels {
    size_t n;
    struct label *labels; /* ordered by path */
    bool has_split;
    bool is_index;             /* with the escapes of one */
    const char *path, *digest; /* of the file */
    struct table *table;       /* what all point into */
};

/* Dies where the table is none, with the line. PATH must outlive it. */
struct labels *labels_read(const char *path);
struct label *labels_find(const struct labels *l, const char *path); /* NULL: there is none */
/* Leaves the files of F that the labels name, and counts the others. Warns of labels without a
 * file; dies where none has one. */
void labels_choose(struct labels *l, struct folder *f, struct tally *others);
void labels_free(struct labels *l);

/* train, test, val, valid or validation, in small or capital letters; INDEX_ALL: none of them. */
enum index_split labels_split(const char *name, size_t len);

#endif
