/* norm: batch normalisation between the encoder's convolution and its relu (Ioffe and Szegedy 2015;
 * eps 1e-3, running averages with momentum 0.99, as Keras).
 *
 *     z = conv(in, E) + b;   v = gamma * (z - mean(z)) / sqrt(var(z) + eps) + beta;   code =
 * maxpool2(relu(v))      mean and var over (N,H,W) of the batch dz = scale*g - scale*mean(g) -
 * scale*mean(g*zn)*zn,  scale = gamma/sqrt(var+eps), zn the normalised z, g the gradient of v
 *
 * The sums over the batch are taken in double, slice by slice. dz is dense, unlike g behind its
 * pool: the gradients to kernel and input are those of any convolution, together from dz at the
 * points where minimal filtering pays. In inference the running averages are part of kernel and
 * bias (layer_pack_encoder).
 */
#ifndef NORM_H
#define NORM_H

#include "net/layer.h"

void norm_encode(struct layer *l, const struct work *w); /* z, and its sums */
void norm_statistics(struct layer *l, float *weights, float *gradients,
                     size_t n); /* of the batch of n images; moves the running averages */
void norm_relu_pool(struct layer *l, const struct work *w); /* code and argmax */
void norm_sums(struct layer *l, const struct work *w);      /* of g and g*zn */
void norm_gradients(struct layer *l, float *weights, float *gradients,
                    size_t n); /* of gamma and beta; what dz needs */
void norm_encode_backward(
    struct layer *l,
    const struct work *w); /* as layer_encode_backward; dense. dz takes the place of z */

#endif
