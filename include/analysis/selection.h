/* selection: the rows of a tensor that a program works on: all, or those of some classes or one
 * split that an index tells.
 */
#ifndef SELECTION_H
#define SELECTION_H

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
void selection_release(struct selection *s);

#endif
