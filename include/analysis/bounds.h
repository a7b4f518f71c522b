/* bounds: how near each query may be to each row at least, by matrix products in single precision.
 *
 *     d(i,j)^2 >= a_i + t_ij,   t_ij = |y_j|^2 - 2 x_i.y_j - its rounding,   a_i = |x_i|^2 - its
 *
 * x, y: the numbers minus those of a middle row, times a power of two. What rounds is known by its
 * bound, so that a row whose bound is beyond a distance need not be looked at, and none is lost;
 * metric_square decides about the others. Bounds are lower ones whatever the numbers are; where
 * they do not fit single precision, t is -infinity.
 *
 * Source of the bound: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 3.1: an
 * inner product of D terms, added in any order, is off by D u |x|.|y| at most.
 */
#ifndef BOUNDS_H
#define BOUNDS_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/rows.h"

/* As CLI_CHOICE: "euclidean|cosine". Cosine: 1 - x.y / |x| |y|, half the square of the Euclidean
 * distance of x/|x| and y/|y|; 1 where one of them is 0. */
enum metric { METRIC_EUCLIDEAN, METRIC_COSINE };

/* What is compared in place of the numbers x (D), which it replaces. */
void metric_prepare(double *x, size_t D, enum metric metric);
/* The square of the distance of two that are prepared; for cosine twice the distance. Summed in the
 * same order on every processor. */
double metric_square(const double *x, const double *y, size_t D);
double metric_distance(double square, enum metric metric);
double metric_to_square(double distance, enum metric metric);

/* Some rows of many: n positions in ROWS, ascending; which NULL: all. */
struct row_set {
    struct rows *rows;
    const size_t *which;
    size_t n;
};
size_t row_set_at(const struct row_set *s, size_t i);

/* A part of all: queries first..first+n-1, rows other..other+m-1, positions in their sets. */
struct bounds {
    size_t first, n, other, m;
    const double *a; /* (n) */
    const float *t;  /* (n,m): metric_square * unit >= a[i] + t[i][j] */
    double unit;
};

struct bounds_visitor {
    /* Several threads call at once; the number of this one. */
    void (*visit)(void *context, const struct bounds *b, int thread);
    /* After all others of the queries of B, whose other, m and t say nothing. By one thread. */
    void (*done)(void *context, const struct bounds *b);
    void *context;
    bool upper; /* queries and rows are the same set: others before the first query are left out */
};
/* Visits all pairs, on omp_get_max_threads() threads. Queries come in blocks of at most
 * BOUNDS_QUERIES. Takes 16 MiB, and 20 a thread, or what a row takes. */
enum { BOUNDS_QUERIES = 1024 };
void bounds_visit(const struct bounds_visitor *v, const struct row_set *queries,
                  const struct row_set *rows, enum metric metric);

#endif
