/* parameters: what those of a net or of a head start from, and what they add to the loss.
 *
 * P and N: the table of spec_describe or head_describe, or its beginning; weights and gradients:
 * the flat block that it describes, and one of the same layout.
 */
#ifndef PARAMETERS_H
#define PARAMETERS_H

#include <stdint.h>

#include "base/rng.h"
#include "net/spec.h"

/* Kernels by how many numbers a result sees, and how many results see a number, as Keras counts:
 * in = R*R*channels in, out = R*R*channels out.
 *
 *     Glorot uniform   U(+-sqrt(6 / (in + out)))
 *     Glorot normal    N(0, 2 / (in + out))
 *     He normal        N(0, 2 / in)
 */
enum net_initialiser { NET_GLOROT_UNIFORM, NET_GLOROT_NORMAL, NET_HE_NORMAL };
/* Their names in this order: "glorot-uniform|glorot-normal|he-normal". */
extern const char net_initialisers[];
/* Kernels so, from the streams (seed, PURPOSE, index in P); gamma and variance 1, all else 0. */
void parameters_initialise(float *weights, const struct net_parameter *p, size_t n,
                           enum net_initialiser how, enum rng_purpose purpose, uint64_t seed);

/* l2 * the sum of w^2 over the kernels; and its gradient, 2*l2*w, added to the gradients. */
double parameters_penalty(const float *weights, const struct net_parameter *p, size_t n, double l2);
void parameters_penalise(float *gradients, const float *weights, const struct net_parameter *p,
                         size_t n, double l2);

#endif
