/* reference: the net of net.h by the definition, in double precision, as plainly as it can be
 * written.
 *
 * What the tests hold the fast code against. It shares with it the description of a net and the
 * layout of its weights, and no arithmetic: every sum is a loop over the indices that the equation
 * names. Layout NHWC, kernels HWIO.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stddef.h>

#include "net/net.h"
#include "base/rng.h"

struct reference_shape {
    size_t n, h, w, c;
}; /* of x */

/* y[n,i,j,k] = b[k] + sum_{r,s,c} w[r,s,c,k] * x[n,i+r-p,j+s-p,c], p = (R-1)/2; x is 0 outside. y
 * (N,H,W,K). */
void reference_conv(double *y, const double *x, const double *w, const double *b,
                    struct reference_shape s, size_t k, size_t r);
/* y[n,i,j,c] = max of the four x[n,2i+a,2j+b,c]; its gradient goes to the first maximum in
 * row-major order. */
void reference_pool(double *y, const double *x, struct reference_shape s);
/* y[n,i,j,c] = x[n,i/2,j/2,c]; its gradient sums the four. y (N,2H,2W,C). */
void reference_upsample(double *y, const double *x, struct reference_shape s);
/* Batch normalisation over (N,H,W), eps 1e-3, in place of x with MEAN and VARIANCE (C): of the
 * batch where BATCH (then they are set). */
void reference_norm(double *y, const double *x, const double *gamma, const double *beta,
                    double *mean, double *variance, bool batch, struct reference_shape s);

/* The code (n,h,w,C_K) and, where y is not NULL, the reconstruction (n,H,W,C) of x: as net_encode
 * and net_reconstruct, from WEIGHTS as net_weights orders them. */
void reference_forward(double *code, double *y, const struct net_spec *spec, const double *weights,
                       const double *x, size_t n);
/* The loss of the batch x with target t, penalties included, as net_train, and its gradient (NULL:
 * the loss alone, by the running statistics, as net_evaluate). */
double reference_loss(double *gradient, const struct net_spec *spec, const double *weights,
                      const double *x, const double *t, size_t n,
                      const struct net_penalty *penalty);
/* y[i] = x[i] + sigma*z[i], kept within low..high: kernels.h's noise. */
void reference_noise(double *y, const double *x, size_t n, double sigma, double low, double high,
                     struct rng stream);

#endif
