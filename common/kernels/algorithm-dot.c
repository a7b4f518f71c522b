/* dot: for 1 to 4 channels of the result, which leave most of a channel block empty: vectors lie
 * along the taps. */
#include "kernels/algorithm.h"

#include <math.h>

/* Measured on images of 32x32 from 8 to 32 channels, kernels 3 to 7, its time over that of the
 * next best for a training step:
 *
 *     channels   AVX-512        AVX2
 *     1          0.43 to 0.69   0.62 to 0.72
 *     3          0.66 to 0.89   0.78 to 0.96
 *     4          0.78 to 0.98   0.89 to 1.08
 *     6          0.82 to 1.03   1.01 to 1.14
 */
enum { MOST_CHANNELS = 4 };

static double price(struct plan *p)
{
    const struct conv_shape *c = &p->of;
    p->packed = (size_t)c->R * c->K * kernels_round_up(c->R * c->C, KERNELS_DOT);
    return c->K <= MOST_CHANNELS && c->stride == 1 ? 0 : INFINITY;
}

static void pack(const struct plan *p, float *packed, const float *w, const float *scale)
{
    plan_pack(p, packed, w, scale, KERNELS_DOT, 1);
}

static void forward(const struct plan *p, float *y, uint8_t *argmax, const float *x,
                    const float *packed, const float *b, const struct conv_images *g,
                    float *scratch)
{
    const struct conv conv = plan_conv(p, g);
    (void)argmax, (void)scratch;
    for (size_t m = 0; m < g->n; m++)
        p->kernels->conv_dot(y + m * g->y_image, x + m * g->x_image, packed, b, &conv);
}

const struct algorithm algorithm_dot = {
    .name = "dot",
    .roles = {[CONVOLUTION_PHASE] = true},
    .price = price,
    .pack = pack,
    .forward = forward,
};
