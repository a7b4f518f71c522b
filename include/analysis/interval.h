/* interval: how far a figure may be trusted, by the bootstrap (Efron 1979).
 *
 * The rows are drawn anew, with repetitions, as many as there are, 1,000 times; 95 % of the figures
 * of these draws lie from low to high (percentiles 2.5 and 97.5). Draw b is the stream (seed,
 * RNG_BOOTSTRAP, b): the same for every figure, so that two may be compared row by row.
 */
#ifndef INTERVAL_H
#define INTERVAL_H

#include <stddef.h>
#include <stdint.h>

struct interval {
    double value, low, high;
};

/* The figure of rows[0..n-1], which may repeat. Called from several threads at once. */
typedef double interval_figure(void *context, const uint32_t *rows, size_t n);

/* rows (n), 1 <= n < 2^32: those that are drawn from, and all of which give the value. */
struct interval interval_find(interval_figure *figure, void *context, const uint32_t *rows,
                              size_t n, uint64_t seed);
/* The mean of scores[rows[i]]. */
struct interval interval_mean(const float *scores, const uint32_t *rows, size_t n, uint64_t seed);

#endif
