/* pairs: the squared distances of all pairs of rows, a block of them at a time.
 *
 *     d(i,j)^2 = |x_i|^2 + |x_j|^2 - 2 x_i.x_j           in blocks, a matrix product
 *
 * x are the rows minus their mean, which changes no distance and spares digits. The form is fast,
 * and loses digits: what is small beside |x|^2 is rounding. Blocks depend on n and D alone, so that
 * the bytes do not depend on the number of threads.
 */
#ifndef PAIRS_H
#define PAIRS_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/rows.h"

struct pairs {
    /* squares (n,width), to be written over, of rows first..first+n-1 to rows
     * other..other+width-1; OTHER ascends. Called by one thread: it may start its own. */
    void (*visit)(void *context, double *squares, size_t first, size_t n, size_t other,
                  size_t width);
    /* After all others of rows first..first+n-1. */
    void (*done)(void *context, size_t first, size_t n);
    void *context;
    bool once; /* blocks OTHER from FIRST on alone: those before were visited the other way round */
};

/* Visits all pairs of the rows of R, i and i itself among them. */
void pairs_visit(const struct pairs *p, struct rows *r);
/* |a - b|^2 (D), without that loss; summed in the same order on every processor. */
double pairs_exact(const double *a, const double *b, size_t D);
/* squares (n) = |x_i - mean|^2, mean (D) NULL: 0. */
void pairs_squares(double *squares, struct rows *r, const double *mean);

#endif
