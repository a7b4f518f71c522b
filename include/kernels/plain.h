/* plain: the convolution of algorithm.h by its definition, a loop for each index, sums in double.
 *
 * What every algorithm is, and what the checks compare them with. y, dsmall and dw are dense but
 * for the floats that G says lie between their rows; dw (R,R,C,K).
 */
#ifndef PLAIN_H
#define PLAIN_H

#include "kernels/algorithm.h"

/* y without a pool, whatever C says. */
void plain_forward(float *y, const float *x, const float *w, const float *b,
                   const struct conv_shape *c, const struct conv_images *g);
/* dw = the gradient, nothing added. dsmall is plain_forward of dy with zeros for b. */
void plain_backward(float *dw, const float *dy, const float *small, const struct conv_shape *c,
                    const struct conv_images *g);

#endif
