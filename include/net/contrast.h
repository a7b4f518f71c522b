/* contrast: NT-Xent, the loss of views that should agree (Chen, Kornblith, Norouzi, Hinton 2020,
 * equation 1).
 *
 *     s[i,k] = z_i . z_k / temperature                       i, k < 2n;  i and p(i) = (i+n) mod 2n
 *     p[i,k] = exp(s[i,k]) / sum_{m != i} exp(s[i,m])                      are views of one image
 *     loss = -1/2n sum_i log p[i,p(i)]
 *     dz = H z / temperature,  H = G + G^T,  G[i,k] = (p[i,k] - [k = p(i)]) / 2n, G[i,i] = 0
 *
 * The rows of z have length 1. Exponentials and sums over k in double, in order: the bytes do not
 * depend on the number of threads.
 */
#ifndef CONTRAST_H
#define CONTRAST_H

#include <stddef.h>

struct contrast;

/* For up to MAX_ROWS = 2n rows of WIDTH numbers. */
struct contrast *contrast_new(size_t max_rows, size_t width);
size_t contrast_memory(size_t max_rows, size_t width); /* bytes it takes */
void contrast_free(struct contrast *c);
/* Of z (ROWS,width), whose rows are Z_ROW floats apart, ROWS even. Unless NULL, *dz becomes the
 * gradient, of the same form, until the next call. */
double contrast_loss(struct contrast *c, const float *z, size_t rows, size_t z_row,
                     double temperature, float **dz);

#endif
