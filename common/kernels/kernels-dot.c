/* dot: the convolution as dot products, vectors along the taps and channels of x. */
#include "kernels-vectors.h"

enum { DOT = KERNELS_DOT, PARTS = DOT / LANES, DOT_COLS = PARTS == 1 ? 8 : PARTS == 2 ? 4 : 2 };

/* Lanes FROM of a, then b. */
INLINE vec shuffle(vec a, vec b, ivec from)
{
#if defined(__clang__)
    vec v = {0};
#pragma GCC unroll 16
    for (int l = 0; l < LANES; l++)
        v[l] = from[l] < LANES ? a[from[l]] : b[from[l] - LANES];
    return v;
#else
    return __builtin_shuffle(a, b, from);
#endif
}

/* Of each pair of blocks of 2*SPAN lanes: lower half + upper half, those of a below those of b. */
INLINE vec fold_pair(vec a, vec b, int span)
{
    const ivec lane = LANE_NUMBERS, lower = lane + (((lane & span) != 0) & (LANES - span));
    return shuffle(a, b, lower) + shuffle(a, b, lower + span);
}

/* COLS positions from (0,0) of x and y by channels 0..K-1. */
INLINE void dot_tile(int cols, int K, float *y, const float *x, const float *w, const float *b,
                     const struct conv *g)
{
    const size_t w_row = (size_t)(g->run + DOT - 1) / DOT * DOT, w_channel = w_row * g->taps;
    vec acc[PARTS][24];
    int left = cols * K;
#pragma GCC unroll 4
    for (int part = 0; part < PARTS; part++)
#pragma GCC unroll 24
        for (int i = 0; i < cols * K; i++)
            acc[part][i] = (vec){0};
    for (int r = 0; r < g->taps; r++) {
        const float *base[2];
        size_t step = g->x_col, step3 = 3 * g->x_col;
#pragma GCC unroll 2
        for (int j = 0; j < cols; j += 5)
            base[j / 5] = x + r * g->x_tap + j * g->x_col;
        step = g->x_col;
        step3 = 3 * g->x_col;
        for (int q = 0; q < g->run; q += DOT, w += DOT) {
            __asm__ volatile("" : "+r"(step), "+r"(step3));
#pragma GCC unroll 4
            for (int part = 0; part < PARTS; part++) {
                vec wk[3];
#pragma GCC unroll 3
                for (int k = 0; k < K; k++)
                    wk[k] = *(const vec *)(w + k * w_channel + part * LANES);
#pragma GCC unroll 8
                for (int j = 0; j < cols; j++) {
                    vec xj = load(base[j / 5] + (j % 5 == 3 ? step3 : j % 5 * step) + part * LANES);
                    IN_REGISTER(xj);
#pragma GCC unroll 3
                    for (int k = 0; k < K; k++)
                        acc[part][j * K + k] += wk[k] * xj;
                }
            }
#pragma GCC unroll 2
            for (int j = 0; j < cols; j += 5)
                base[j / 5] += DOT;
        }
    }
    /* lanes l and l+8, then l+4, l+2, l+1, whatever the width; two sums share a vector after each
     * halving, which bit-reverses their order */
#pragma GCC unroll 4
    for (int n = PARTS / 2; n > 0; n /= 2)
#pragma GCC unroll 4
        for (int part = 0; part < n; part++)
#pragma GCC unroll 24
            for (int i = 0; i < cols * K; i++)
                acc[part][i] += acc[part + n][i];
#pragma GCC unroll 4
    for (int span = LANES / 2; span > 0; span /= 2) {
#pragma GCC unroll 12
        for (int i = 0; i < (left + 1) / 2; i++)
            acc[0][i] =
                fold_pair(acc[0][2 * i], 2 * i + 1 < left ? acc[0][2 * i + 1] : (vec){0}, span);
        left = (left + 1) / 2;
    }
#pragma GCC unroll 8
    for (int j = 0; j < cols; j++)
#pragma GCC unroll 3
        for (int k = 0; k < K; k++) {
            const int i = j * K + k;
            int lane = 0;
#pragma GCC unroll 4
            for (int bit = 1; bit < LANES; bit *= 2)
                lane += (i & bit) ? LANES / 2 / bit : 0;
            y[j * g->y_col + k] = acc[0][i / LANES][lane] + b[k];
        }
}

INLINE void dot_channels(int K, float *y, const float *x, const float *w, const float *b,
                         const struct conv *g)
{
    const int most = K == 1 || PARTS == 1
        ? DOT_COLS
        : DOT_COLS / 2; /* sums fit the registers, and one channel's are enough that none waits */
    for (int j = 0, cols; j < g->cols; j += cols) {
        float *yj = y + j * g->y_col;
        const float *xj = x + j * g->x_col;
        for (cols = most; cols > g->cols - j; cols /= 2)
            ;
        switch (cols) {
            CASE(1, dot_tile(1, K, yj, xj, w, b, g));
            CASE(2, if (most >= 2) dot_tile(2, K, yj, xj, w, b, g));
            CASE(4, if (most >= 4) dot_tile(4, K, yj, xj, w, b, g));
            CASE(8, if (most >= 8) dot_tile(8, K, yj, xj, w, b, g));
        default:
            assert(!"columns of a tile");
        }
    }
}

void KERNELS(conv_dot)(float *y, const float *x, const float *w, const float *b,
                       const struct conv *g)
{
    const size_t w_channel = (size_t)(g->run + DOT - 1) / DOT * DOT * g->taps;
    const int groups = (g->channels + 2) / 3;
    for (int i = 0; i < g->rows; i++)
        for (int group = 0; group < groups; group++) {
            const int k = g->channels * group / groups, end = g->channels * (group + 1) / groups;
            float *yi = y + i * g->y_row + k;
            const float *xi = x + i * g->x_row, *wk = w + k * w_channel;
            switch (end - k) {
                CASE(1, dot_channels(1, yi, xi, wk, b + k, g));
                CASE(2, dot_channels(2, yi, xi, wk, b + k, g));
                CASE(3, dot_channels(3, yi, xi, wk, b + k, g));
            default:
                assert(!"channels at once");
            }
        }
}
