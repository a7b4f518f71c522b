/* index: which row of the images is which picture. A TSV file with a header line:
 *
 *     row  split  class  path
 *     0    train  akane  akane/000.png
 *     1    test   akane  akane/001.png
 *
 * row: in the tensor of all images, each at most once, so that an index may be cut down with awk or
 * grep and still fits its tensor; written ascending, read in any order; split: train or test; class
 * and path: any bytes but NUL, with tab, newline, carriage return and backslash written \t \n \r
 * \\. The path is relative to the imported folder. What else may stand in the file is told by
 * table.h; columns are found by their names, and others passed over. An index that breaks this ends
 * the process, with the file and the line.
 */
#ifndef INDEX_H
#define INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "files/history.h"
#include "files/table.h"
#include "files/zio.h"

enum index_split {
    INDEX_TRAIN,
    INDEX_TEST,
    INDEX_ALL
}; /* as CLI_CHOICE: "train|test|all"; rows are one of the first two */

struct index_row {
    size_t row; /* in the tensor */
    enum index_split split;
    size_t class_number; /* in classes */
    const char *path;
};

struct index {
    size_t n;
    struct index_row *rows;
    size_t n_classes;
    const char **classes; /* in order of first appearance: bytewise, as import-images writes them */
    const char *digest;   /* of the file */
    struct table *table;  /* what all the names point into */
};

/* Whether the file at PATH is an index that a program wrote, with its history beside it, and still
 * holds what that says. Anybody's own has none; one whose history is damaged counts as such. */
enum index_state { INDEX_OWN, INDEX_WRITTEN, INDEX_EDITED };
enum index_state index_state(const char *path);

/* Whether T has the columns of an index. */
bool index_has_columns(const struct table *t);
/* Undoes the escapes of a field, in place; false where one is unknown. */
bool index_unescape(char *field);

/* Reads the index at PATH ("-": standard input). N_ROWS: of the tensor it belongs to; a row beyond
 * them is an error, and so is INDEX_EDITED: an output is no place for what somebody knows. */
struct index *index_read(const char *path, size_t n_rows);
void index_free(struct index *ix);

/* The positions in ix->rows, ascending, of one split (INDEX_ALL: both) and of some classes: *n of
 * them, the caller frees them. CLASSES lists names, separated by commas or, where there is no
 * comma, by blanks; in a name, a backslash takes the next byte as it is, or stands for what it does
 * in the file. NULL: all classes. Dies where a class does not exist, naming those that do, and
 * where nothing is left. */
size_t *index_select(const struct index *ix, enum index_split split, const char *classes,
                     size_t *n);

/* Writes the four fields of ix->rows[i] as they stand in the file, with a tab behind each: for
 * tables that start with them. */
void index_write_fields(struct zio_writer *file, const struct index *ix, size_t i);
/* Writes TEXT as it stands in a field of an index, and a tab. */
void index_write_text(struct zio_writer *file, const char *text);

/* Writing: rows are numbered from 0 in the order in which they come. */
struct index_writer;
struct index_writer *index_create(const char *path);
void index_add(struct index_writer *w, enum index_split split, const char *class_name,
               const char *path);
/* PATH as it was created; its history goes beside it. */
void index_commit(struct index_writer *w, const struct history *h, const char *path);
/* One line as index_add writes it, without its end; the caller frees it. */
char *index_format(size_t row, enum index_split split, const char *class_name, const char *path);
extern const char index_header[]; /* the first line, with its end */

#endif
