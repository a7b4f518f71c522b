/* direct: the definition, tiles of sums in registers. */
#include "kernels/algorithm.h"

static double price(struct plan *p)
{
    const struct conv_shape *c = &p->of;
    return (double)c->H * c->W * c->R * c->R * c->C * c->K;
}

static size_t packed_size(const struct plan *p)
{
    return (size_t)p->of.R * p->of.R * p->of.C * plan_padded(p, p->of.K);
}

static void pack(const struct plan *p, float *packed, const float *w, const float *scale,
                 float *temporary)
{
    const struct conv_shape *c = &p->of;
    const ptrdiff_t pixel = (ptrdiff_t)c->C * c->K;
    (void)temporary;
    kernels_pack(packed, w, scale,
                 &(struct packing){c->R, c->R, c->C, c->K, 1, c->R * pixel, pixel, c->K, 1},
                 p->kernels->lanes);
}

static void forward(const struct plan *p, float *y, uint8_t *argmax, const float *x,
                    const float *packed, const float *b, const struct conv_images *g,
                    float *scratch)
{
    const struct conv conv = plan_conv(p, g);
    const size_t pooled = (size_t)(p->of.H / 2) * (p->of.W / 2) * g->y_col;
    (void)scratch;
    for (size_t m = 0; m < g->n; m++, x += g->x_image, y += g->y_image)
        if (p->of.pooled)
            p->kernels->conv_relu_pool(y, argmax == NULL ? NULL : argmax + m * pooled, x, packed, b,
                                       &conv);
        else
            p->kernels->conv(y, x, packed, b, &conv);
}

static void backward(const struct plan *p, float *dsmall, float *du, const float *dy,
                     const float *small, const float *packed, const struct conv_images *g,
                     float *scratch)
{
    struct conv conv = plan_conv(p, g);
    (void)scratch;
    conv.y_row = g->small_row;
    p->kernels->conv_dw(du, dy, small, &conv, g->n, g->x_image, g->small_image);
    conv.y_row = g->y_row;
    for (size_t m = 0; m < g->n && dsmall != NULL; m++)
        p->kernels->conv(dsmall + m * g->y_image, dy + m * g->x_image, packed, NULL, &conv);
}

static const float *fold(const struct plan *p, const float *du, float *temporary)
{
    const struct conv_shape *c = &p->of;
    const size_t row = plan_padded(p, c->K);
    kernels_unpack(temporary, du, (size_t)c->R * c->R * c->C, row, row, (size_t)p->kernels->lanes);
    return temporary;
}

const struct algorithm algorithm_direct = {
    .name = "direct",
    .roles = {true, true, true, true, true},
    .price = price,
    .packed = packed_size,
    .temporary = packed_size,
    .pack = pack,
    .forward = forward,
    .backward = backward,
    .fold = fold,
};
