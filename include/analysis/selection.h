/* selection: the rows of a tensor that a program works on: all, or those of some classes or one
 * split that an index tells.
 */
#ifndef SELECTION_H
#define SELECTION_H

#include <stdbool.h>

#include "files/history.h"
#include "files/index.h"
#include "files/tensor.h"

struct selection_options {
    const char *index, *classes;
    int split;
}; /* of the command line; NULL or empty: none */

struct selection {
    size_t n;
    struct index *ix;  /* NULL where there is none; then so are */
    size_t *positions; /* (n) in ix->rows, and */
    size_t *rows;      /* (n) in the tensor, ascending */
};

/* Dies (2) where classes or a split are wanted and there is no index. */
struct selection selection_read(const struct selection_options *o, const struct tensor_reader *t);
/* Adds to H what the rows of S come from: T and the index. Of a pipe: after its last row was read.
 */
void selection_add_to_history(const struct selection *s, struct tensor_reader *t,
                              struct history *h);
/* The same at once where T is a file; then whether that at PATH is current (history_is_current). */
bool selection_is_current(const struct selection *s, struct tensor_reader *t, struct history *h,
                          const char *path);
/* The same where T is a pipe, which tells its history at its end. */
void selection_finish(const struct selection *s, struct tensor_reader *t, struct history *h);
void selection_release(struct selection *s);

#endif
