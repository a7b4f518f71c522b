/* dense: products of matrices, by the kernels of convolutions: a row of x is the run of one
 * position.
 *
 *     multiply   y[i,k] = b[k] + sum_c w[c,k] * x[i,c]         i < n, c < C, k < K
 *     gradient   dw[c,k] = sum_i x[i,c] * dy[i,k]
 *
 * float32; each element is one sum, in the order of the equation, whatever the number of threads
 * and the width of vectors. Rows are dense_row(K) floats apart, or more; between K and there a
 * matrix may hold anything. All threads take part.
 */
#ifndef DENSE_H
#define DENSE_H

#include <stddef.h>

/* w[c,k] stands at w[c*in + k*out]. */
struct dense_weights {
    const float *w;
    ptrdiff_t in, out;
    size_t C, K;
};

size_t dense_row(size_t K);               /* K rounded up to the widest vectors */
size_t dense_scratch(size_t C, size_t K); /* floats, aligned to 64 bytes, for either */

/* b (K), or NULL: 0. */
void dense_multiply(float *y, size_t y_row, const float *x, size_t x_row, size_t n,
                    const struct dense_weights *w, const float *b, float *scratch);
/* dw (C,K), dense. dy is read to the end of its rows of dense_row(K). */
void dense_gradient(float *dw, const float *x, size_t x_row, const float *dy, size_t dy_row,
                    size_t n, size_t C, size_t K, float *scratch);

#endif
