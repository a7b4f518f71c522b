/* columns: batch normalisation of the columns of a matrix with the relu behind it, in the hidden
 * layers of a head (Ioffe and Szegedy 2015; eps 1e-3).
 *
 *     v = (u - mean) / sqrt(var + eps)               mean and var over the rows
 *     a = relu(gamma * v + beta)
 *     du = gamma / sqrt(var + eps) * (g - mean(g) - mean(g*v) * v)         g = da where a > 0
 *
 * Matrices are float32, n rows of dense_row(width) floats (dense.h); what stands behind the width
 * may be anything. Sums over rows are taken in double in the order of the rows, whatever the number
 * of threads. All threads take part.
 */
#ifndef COLUMNS_H
#define COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

struct columns {
    size_t width;
    const float *gamma, *beta;              /* (width) */
    float *mean, *variance;                 /* (width): running averages */
    float *scale, *shift, *centre, *spread; /* (dense_row(width)): a = relu(v * scale + shift), v =
                                               (u - centre) * spread, of columns_forward */
};

/* u becomes v. TRAIN: by the statistics of these rows, which move the running averages, each kept
 * by MOMENTUM; otherwise by the averages. */
void columns_forward(const struct columns *c, float *a, float *u, size_t n, bool train,
                     double momentum);
/* Behind columns_forward in training: da becomes du; dgamma, dbeta (width). */
void columns_backward(const struct columns *c, float *dgamma, float *dbeta, float *da,
                      const float *v, const float *a, size_t n);
/* sums (width), over the rows of x. */
void columns_sum(float *sums, const float *x, size_t n, size_t width);

#endif
