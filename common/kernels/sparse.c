#include "kernels/sparse.h"

#include <string.h>

enum { BAND = (16 << 10) / sizeof(float) };

struct sparse sparse_new(const struct kernels *kernels, int R, int C, int K, int h, int w)
{
    return (struct sparse){.kernels = kernels,
                           .R = R,
                           .C = C,
                           .K = K,
                           .h = h,
                           .w = w,
                           .window = kernels_round_up(R * C, kernels->lanes)};
}

void sparse_bands(struct sparse *s, size_t x_row, int chunk)
{
    const int fit = (int)(BAND / (2 * x_row)), at_once = fit / s->h;
    s->band = fit < 2 ? 2 : fit < s->h ? fit : s->h;
    s->images = at_once < 1 ? 1 : at_once < chunk ? at_once : chunk;
    s->list = (size_t)s->band * s->w * s->images;
}

size_t sparse_entries(const struct sparse *s)
{
    return (s->list > 5 ? s->list : 5) * s->K; /* of a band; of a position, see sparse_dx */
}

size_t sparse_size(const struct sparse *s)
{
    return s->R * s->window * s->K;
}

void sparse_pack(const struct sparse *s, float *packed, const float *w)
{
    const ptrdiff_t K = s->K, pixel = s->C * K;
    kernels_pack(
        packed, w, NULL,
        &(struct packing){s->R, s->R, s->C, s->K, s->kernels->lanes, s->R * pixel, pixel, K, 1}, 1);
}

/* By bands of pooled rows, or by as many images, whose x stays in the first-level cache over all
 * channels. */
void sparse_dw(const struct sparse *s, float *du, float *db, const float *x, const float *g,
               const uint8_t *argmax, const struct sparse_images *images, struct entry *entries)
{
    const size_t argmax_row = (size_t)s->w * s->K;
    const int32_t below = (int32_t)images->x_row;
    const struct sparse_window window = {s->R, s->R * s->C, images->x_row, s->window,
                                         s->R * s->window};
    struct pooled row = {
        .cols = s->w, .channels = s->K, .step = 2 * s->C, .offset = {0, s->C, below, below + s->C}};
    uint32_t n[4096];
    for (size_t first = 0; first < images->n; first += s->images)
        for (int band = 0; band < s->h; band += s->band) {
            memset(n, 0, s->K * sizeof *n);
            for (size_t m = first; m < images->n && m < first + s->images; m++)
                for (int i = band; i < s->h && i < band + s->band; i++) {
                    row.at = (int32_t)((m - first) * images->x_image + 2 * i * images->x_row);
                    s->kernels->sparse_list(entries, s->list, n, db,
                                            g + m * images->g_image + i * images->g_row,
                                            argmax + (m * s->h + i) * argmax_row, &row);
                }
            s->kernels->sparse_sum(du, x + first * images->x_image, &window, entries, s->list, n,
                                   s->K);
        }
}

void sparse_fold(const struct sparse *s, float *dw, const float *du)
{
    const size_t run = (size_t)s->R * s->C, K = s->K;
    for (size_t r = 0; r < (size_t)s->R; r++)
        for (size_t q = 0; q < run; q++)
            for (size_t k = 0; k < K; k++)
                dw[(r * run + q) * K + k] = du[(k * s->R + r) * s->window + q];
}

/* At each of the four positions under a pooled one, the kernels of the channels that it passed. */
void sparse_dx(const struct sparse *s, float *dx, size_t dx_row, const float *packed,
               const float *g, size_t g_row, const uint8_t *argmax, struct entry *entries)
{
    const int32_t kernel = (int32_t)(s->R * s->window);
    const struct sparse_window window = {s->R, s->R * s->C, s->window, dx_row, 0};
    for (int i = 0; i < s->h; i++)
        for (int j = 0; j < s->w; j++, argmax += s->K) {
            const float *gij = g + i * g_row + (size_t)j * s->K;
            uint32_t n[5] = {0};
            for (int k = 0; k < s->K; k++) {
                struct entry *list = entries + argmax[k] * s->K;
                list[n[argmax[k]]++] = (struct entry){k * kernel, gij[k]};
            }
            for (int q = 0; q < 4; q++)
                if (n[q] > 0)
                    s->kernels->sparse_sum(dx + (2 * i + (q >> 1)) * dx_row
                                               + (2 * j + (q & 1)) * (size_t)s->C,
                                           packed, &window, entries + q * s->K, 0, &n[q], 1);
        }
}
