/* direct: the definition, tiles of sums in registers. */
#include "kernels/algorithm.h"

static double price(struct plan *p)
{
    const struct conv_shape *c = &p->of;
    p->packed = (size_t)c->R * c->R * c->C * kernels_round_up(c->K, p->kernels->lanes);
    return (double)c->H * c->W * c->R * c->R * c->C * c->K;
}

static void pack(const struct plan *p, float *packed, const float *w, const float *scale)
{
    plan_pack(p, packed, w, scale, 1, p->kernels->lanes);
}

static void forward(const struct plan *p, float *y, uint8_t *argmax, const float *x,
                    const float *packed, const float *b, const struct conv_images *g,
                    float *scratch)
{
    const struct conv conv = plan_conv(p, g);
    const size_t pooled = (size_t)(p->of.H / 2) * (p->of.W / 2) * g->y_col;
    (void)scratch;
    for (size_t m = 0; m < g->n; m++)
        p->kernels->conv(y + m * g->y_image, argmax == NULL ? NULL : argmax + m * pooled,
                         x + m * g->x_image, packed, b, &conv);
}

static void backward(const struct plan *p, float *dsmall, float *du, const float *dy,
                     const float *small, const float *packed, const struct conv_images *g,
                     float *scratch)
{
    struct conv conv = plan_conv(p, g);
    conv.y_row = g->small_row;
    p->kernels->conv_dw(du, dy, small, &conv, g->n, g->x_image, g->small_image);
    if (dsmall != NULL)
        forward(p, dsmall, NULL, dy, packed, NULL, g, scratch);
}

static void fold(const struct plan *p, float *dw, const float *du)
{
    const struct conv_shape *c = &p->of;
    const size_t row = kernels_round_up(c->K, p->kernels->lanes);
    kernels_unpack(dw, du, (size_t)c->R * c->R * c->C, row, row, (size_t)p->kernels->lanes);
}

const struct algorithm algorithm_direct = {
    .name = "direct",
    .roles = {true, true, true, true, true},
    .price = price,
    .pack = pack,
    .forward = forward,
    .backward = backward,
    .fold = fold,
};
