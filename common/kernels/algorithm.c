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

static size_t ask(size_t (*size)(const struct plan *p), const struct plan *p)
{
    return size == NULL ? 0 : size(p);
}

size_t plan_packed(const struct plan *p)
{
    return p->algorithm == NULL ? 0 : ask(p->algorithm->packed, p);
}

size_t plan_scratch(const struct plan *p)
{
    return p->algorithm == NULL ? 0 : ask(p->algorithm->scratch, p);
}

size_t plan_temporary(const struct plan *p)
{
    return p->algorithm == NULL ? 0 : ask(p->algorithm->temporary, p);
}

struct conv plan_conv(const struct plan *p, const struct conv_images *g)
{
    const struct conv_shape *c = &p->of;
    return (struct conv){.rows = c->H,
                         .cols = c->W,
                         .taps = c->R,
                         .run = c->R * c->C,
                         .channels = c->K,
                         .x_row = c->stride * g->x_row,
                         .x_col = (size_t)c->stride * c->C,
                         .x_tap = g->x_row,
                         .y_row = g->y_row,
                         .y_col = g->y_col};
}

size_t plan_padded(const struct plan *p, int channels)
{
    const size_t lanes = (size_t)p->kernels->lanes;
    return ((size_t)channels + lanes - 1) / lanes * lanes;
}
