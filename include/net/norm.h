/* norm: batch normalisation between the encoder's convolution and its relu (Ioffe and Szegedy 2015;
 * eps 1e-3, running averages with momentum 0.99, as Keras,
 * unless net_set_momentum says another).
 *
 *     z = conv(in, E) + b
 *     zn = (z - mean(z)) / sqrt(var(z) + eps)         mean and var over (N,H,W) of the batch
 *     code = maxpool2(relu(gamma * zn + beta))
 *     dz = scale * (g - mean(g) - mean(g*zn) * zn)    scale = gamma / sqrt(var + eps)
 *
 * g is the gradient of gamma * zn + beta. The sums over the batch are taken in double, slice by
 * slice, then as a tree. dz is dense, unlike g behind its
 * pool: the gradients to kernel and input are those of any convolution, together from dz at the
 * points where minimal filtering pays. In inference the running averages are part of kernel and
 * bias (layer_pack_encoder).
 */
#ifndef NORM_H
#define NORM_H

#include "net/layer.h"

void norm_encode(struct layer *l, const struct work *w); /* z, and its sums */
/* Of the batch of n images; moves the running averages. */
void norm_statistics(struct layer *l, float *weights, float *gradients, size_t n);
void norm_relu_pool(struct layer *l, const struct work *w); /* code and argmax */
void norm_sums(struct layer *l, const struct work *w);      /* of g and g*zn */
/* Of gamma and beta; what dz needs. */
void norm_gradients(struct layer *l, float *weights, float *gradients, size_t n);
/* As layer_encode_backward; dense. dz takes the place of z. */
void norm_encode_backward(struct layer *l, const struct work *w);

#endif
