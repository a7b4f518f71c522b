/* loss: of what a net makes of a batch.
 *
 *     loss = mean over the images of loss(y_0, t) + l1 * mean over the images of sum |code_K|
 *     loss(y, t) = mean of (y - t)^2, or of the binary cross-entropy of y = sigmoid(a)
 *
 * To which net.h adds l2 * sum of w^2. Sums of an image are in double, in order; for those of the
 * images see slices.h.
 */
#ifndef LOSS_H
#define LOSS_H

#include "net/layer.h"

/* losses: of y_0 of the first layer, against t. In training y_0, which shares dy_0's place, becomes
 * the gradient before the activation. */
void loss_reconstruction(struct layer *first, const struct work *w);
/* code_sums, where l1 > 0: of code_K of the last layer, which is never negative. */
void loss_code(struct layer *last, const struct work *w);

/* Over all of the batch, on one thread: of losses; of code_sums, times l1. */
double loss_mean(const struct batch *b);
double loss_penalty(const struct batch *b);

#endif
