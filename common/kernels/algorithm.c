#include "kernels/algorithm.h"

#include <math.h>
#include <stdio.h>

static const struct algorithm *const algorithms[] = {
    &algorithm_direct,
    &algorithm_dot,
    &algorithm_winograd,
};

struct plan plan_convolution(const struct conv_shape *c, const struct kernels *kernels)
{
    struct plan best = {0};
    double least = INFINITY;

    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        struct plan p = {.algorithm = algorithms[i], .kernels = kernels, .of = *c};
        const double price = p.algorithm->roles[c->role] ? p.algorithm->price(&p) : INFINITY;
        if (price < least)
            best = p, least = price;
    }
    return best;
}

void plan_name(char *name, size_t size, const struct plan *p)
{
    const int n = snprintf(name, size, "%s", p->algorithm->name);
    if (p->algorithm->describe != NULL)
        p->algorithm->describe(name + n, size - (size_t)n, p);
}

struct conv plan_conv(const struct plan *p, const struct conv_images *g)
{
    const struct conv_shape *c = &p->of;
    return (struct conv){.rows = c->H,
                         .cols = c->W,
                         .taps = c->R,
                         .run = c->R * c->C,
                         .channels = c->K,
                         .pooled = c->pooled,
                         .x_row = c->stride * g->x_row,
                         .x_col = (size_t)c->stride * c->C,
                         .x_tap = g->x_row,
                         .y_row = g->y_row,
                         .y_col = g->y_col};
}

void plan_pack(const struct plan *p, float *packed, const float *w, const float *scale, int pad,
               int lanes)
{
    const struct conv_shape *c = &p->of;
    const ptrdiff_t pixel = (ptrdiff_t)c->C * c->K;
    kernels_pack(packed, w, scale,
                 &(struct packing){c->R, c->R, c->C, c->K, pad, c->R * pixel, pixel, c->K, 1},
                 lanes);
}
