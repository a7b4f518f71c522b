#include "kernels/algorithm.h"

#include <math.h>

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

size_t plan_padded(const struct plan *p, int channels)
{
    const size_t lanes = (size_t)p->kernels->lanes;
    return ((size_t)channels + lanes - 1) / lanes * lanes;
}
