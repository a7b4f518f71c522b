#include "net/dense.h"

#include <string.h>

#include "base/sizes.h"
#include "kernels/processor.h"

enum { PART = 48 }; /* of x's columns at once, whose gradients stay in the caches */

size_t dense_row(size_t K)
{
    return divide_up(K, KERNELS_MAX_LANES) * KERNELS_MAX_LANES;
}

size_t dense_scratch(size_t C, size_t K)
{
    return (C + 1) * dense_row(K);
}

void dense_multiply(float *y, size_t y_row, const float *x, size_t x_row, size_t n,
                    const struct dense_weights *w, const float *b, float *scratch)
{
    const struct kernels *kernels = kernels_get();
    const size_t lanes = (size_t)kernels->lanes;
    float *bias = scratch + w->C * dense_row(w->K);
    const struct conv all = {.rows = n % 2 == 0 ? 2 : 1, /* for the tiles, which take two */
                             .cols = (int)(n % 2 == 0 ? n / 2 : n),
                             .taps = 1,
                             .run = (int)w->C,
                             .x_row = n / 2 * x_row,
                             .x_col = x_row,
                             .y_row = n / 2 * y_row,
                             .y_col = y_row};

    memset(bias, 0, dense_row(w->K) * sizeof *bias);
    if (b)
        memcpy(bias, b, w->K * sizeof *bias);
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t k = 0; k < w->K; k += lanes) {
        struct conv g = all;
        float *packed = scratch + k * w->C;
        g.channels = (int)smaller(w->K - k, lanes);
        kernels_pack(packed, w->w + (ptrdiff_t)k * w->out, NULL,
                     &(struct packing){1, 1, (int)w->C, g.channels, 1, 0, 0, w->in, w->out},
                     kernels->lanes);
        kernels->conv(y + k, NULL, x, packed, bias + k, &g);
    }
}

void dense_gradient(float *dw, const float *x, size_t x_row, const float *dy, size_t dy_row,
                    size_t n, size_t C, size_t K, float *scratch)
{
    const struct kernels *kernels = kernels_get();
    const size_t lanes = (size_t)kernels->lanes, row = divide_up(K, lanes) * lanes;

#pragma omp parallel for schedule(dynamic, 1)
    for (size_t c = 0; c < C; c += PART) {
        const size_t part = smaller(C - c, PART);
        float *sums = scratch + c * row;
        const struct conv g = {.rows = 1,
                               .cols = (int)n,
                               .taps = 1,
                               .run = (int)part,
                               .channels = (int)K,
                               .x_col = x_row,
                               .y_col = dy_row};
        memset(sums, 0, part * row * sizeof *sums);
        kernels->conv_dw(sums, x + c, dy, &g, 1, 0, 0);
        kernels_unpack(dw + c * K, sums, part, K, K, lanes);
    }
}
