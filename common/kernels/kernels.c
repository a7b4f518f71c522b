#include "kernels/kernels.h"

#include <string.h>

size_t kernels_round_up(int n, int lanes)
{
    return (size_t)(n + lanes - 1) / lanes * lanes;
}

void kernels_pack(float *p, const float *w, const float *scale, const struct packing *g, int lanes)
{
    const int blocks = (g->K + lanes - 1) / lanes;
    const size_t used = (size_t)g->taps_x * g->C, run = (used + g->pad - 1) / g->pad * g->pad;
    for (int block = 0; block < blocks; block++)
        for (int r = 0; r < g->taps; r++) {
            float *to = p + ((size_t)block * g->taps + r) * run * lanes;
            const int k0 = block * lanes, n = g->K - k0 < lanes ? g->K - k0 : lanes;
            for (int s = 0; s < g->taps_x; s++)
                for (int c = 0; c < g->C; c++, to += lanes) {
                    const float *from = w + r * g->row + s * g->col + c * g->in + k0 * g->out;
                    for (int l = 0; l < n; l++)
                        to[l] = scale == NULL ? from[l * g->out] : from[l * g->out] * scale[k0 + l];
                    for (int l = n; l < lanes; l++)
                        to[l] = 0;
                }
            memset(to, 0, (run - used) * lanes * sizeof *to);
        }
}

void kernels_unpack(float *dw, const float *p, size_t n, size_t K, size_t row, size_t lanes)
{
    for (size_t k0 = 0; k0 < K; k0 += lanes)
        for (size_t i = 0; i < n; i++, p += lanes)
            memcpy(dw + i * row + k0, p, (K - k0 < lanes ? K - k0 : lanes) * sizeof *dw);
}

void kernels_box(float *box, const float *w, int R, int C, int K)
{
    const size_t CK = (size_t)C * K;
    for (int t = 0; t <= R; t++)
        for (int u = 0; u <= R; u++) {
            float *to = box + ((size_t)t * (R + 1) + u) * CK;
            memset(to, 0, CK * sizeof *to);
            for (int e = 0; e < 2; e++)
                for (int f = 0; f < 2; f++) {
                    const int r = R - 1 - t + e, s = R - 1 - u + f;
                    const float *from;
                    if (r < 0 || r >= R || s < 0 || s >= R)
                        continue;
                    from = w + ((size_t)r * R + s) * CK;
                    for (size_t i = 0; i < CK; i++)
                        to[i] += from[i];
                }
        }
}

/* Transposed by 16 columns of k: what is written stays in the first-level cache. */
void kernels_box_fold(float *dw, const float *dbox, int R, int C, int K, size_t row)
{
    const size_t col = (size_t)C * row, below = (size_t)(R + 1) * col;
    for (int r = 0; r < R; r++)
        for (int s = 0; s < R; s++) {
            const float *a = dbox + (R - 1 - r) * below + (R - 1 - s) * col, *b = a + below;
            float *to = dw + ((size_t)r * R + s) * K * C;
            for (int k0 = 0; k0 < K; k0 += 16)
                for (int c = 0; c < C; c++)
                    for (int k = k0; k < K && k < k0 + 16; k++) {
                        const size_t at = c * row + k;
                        to[(size_t)k * C + c] = (a[at] + a[col + at]) + (b[at] + b[col + at]);
                    }
        }
}
