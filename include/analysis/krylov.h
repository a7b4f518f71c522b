/* krylov: the same as matrix.h, of large matrices of which few components are wanted, by block
 * Lanczos (lanczos.h): passes over the rows, each of which multiplies a block of vectors.
 *
 *     w = q X'X     fast: rows and products in single precision, sums of 1024 rows in double
 *
 * Each pass is a sum (sums.h), in one more part for each slice every 16384 rows, 8 at most. All
 * else is little and done at every rank.
 */
#ifndef KRYLOV_H
#define KRYLOV_H

#include <stdbool.h>

#include "analysis/rows.h"

struct krylov {
    struct rows *rows;       /* n of D numbers */
    const double *mean;      /* (D) */
    double total;            /* the sum of squares of the rows minus their mean */
    double none, none_share; /* values up to this, or this share of the largest, are none */
    size_t P;
};

/* Whether this way is tried for P components: where it costs less than the matrix. */
bool krylov_suits(size_t n, size_t D, size_t P);
/* values (P), largest first, v (P,D), so near that each coordinate is within 1e-4 of the largest of
 * its component. False where it would cost more than the matrix, or does not converge. */
bool krylov_find(double *values, double *v, const struct krylov *k);
/* How many numbers it keeps besides these. */
double krylov_memory(size_t D, size_t P);

#endif
