/* The kernels of one instruction set; the Makefile compiles this file once for each, and kernels.c chooses at start.
 *
 * GCC vector extensions at the native width. This file alone is compiled with -ffp-contract=fast: acc += w*x is then one
 * instruction where there is one. Each element of a result is summed in an order that the equations in kernels.h fix and the width of a vector
 * does not change, so that AVX2 and AVX-512 give the same bytes.
 */
#include "kernels.h"

#include <math.h>
#include <string.h>

#if defined(__AVX512F__)
enum { LANES = 16, TILE_COLS = 10, TILE_RUN = 24 };  /* 32 registers */
#define TABLE kernels_avx512
#define NAME "avx512"
#elif defined(__AVX2__) && defined(__FMA__)
enum { LANES = 8, TILE_COLS = 6, TILE_RUN = 12 };    /* 16 registers */
#define TABLE kernels_avx2
#define NAME "avx2"
#else
enum { LANES = 4, TILE_COLS = 6, TILE_RUN = 12 };
#define TABLE kernels_base
#define NAME "base"
#endif

typedef float vec __attribute__((vector_size(4 * LANES), may_alias));
typedef float vec_unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), may_alias));
typedef uint8_t bvec_unaligned __attribute__((vector_size(LANES), aligned(1), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float *p) { return *(const vec_unaligned *)p; }
INLINE void store(float *p, vec v) { *(vec_unaligned *)p = v; }
INLINE vec select(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }

/* The first N lanes only. */
INLINE void store_part(float *p, vec v, int n)
{
    if (n >= LANES)
        store(p, v);
    else
        for (int i = 0; i < n; i++)
            p[i] = v[i];
}

/* --- conv: the register tile --- */

struct epilogue { enum { PLAIN, RELU, POOL } kind; uint8_t *argmax; };

/* Output positions ROWS x COLS from (0,0) of x and y, output channels k0..k0+LANES-1 of which N are real. */
INLINE void tile(int rows, int cols, float *y, const float *x, const float *w, vec bias, const struct conv *g, int n, struct epilogue e)
{
    vec acc[2][TILE_COLS];
#pragma GCC unroll 2
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 10
        for (int j = 0; j < cols; j++)
            acc[i][j] = bias;
    for (int r = 0; r < g->taps; r++) {
        const float *xr = x + r * g->x_tap;
        for (int q = 0; q < g->run; q++, w += LANES) {
            const vec wq = *(const vec *)w;
#pragma GCC unroll 2
            for (int i = 0; i < rows; i++)
#pragma GCC unroll 10
                for (int j = 0; j < cols; j++)
                    acc[i][j] += wq * xr[i * g->x_row + j * g->x_col + q];
        }
    }
    const vec zero = {0};
    if (e.kind == POOL) {
        if (rows != 2 || cols % 2 != 0)
            return;
#pragma GCC unroll 5
        for (int j = 0; j < cols; j += 2) {
            vec best = acc[0][j];
            ivec where = {0}, better;
            better = acc[0][j + 1] > best;  best = select(better, acc[0][j + 1], best);  where = (better & 1) | (~better & where);
            better = acc[1][j] > best;      best = select(better, acc[1][j], best);      where = (better & 2) | (~better & where);
            better = acc[1][j + 1] > best;  best = select(better, acc[1][j + 1], best);  where = (better & 3) | (~better & where);
            const ivec live = best > zero;
            where = (live & where) | (~live & KERNELS_DEAD);
            store_part(y + j / 2 * g->y_col, select(live, best, zero), n);
            if (e.argmax != NULL) {
                uint8_t *a = e.argmax + (size_t)(j / 2) * g->channels;
                if (n >= LANES)
                    *(bvec_unaligned *)a = __builtin_convertvector(where, bvec_unaligned);
                else
                    for (int l = 0; l < n; l++)
                        a[l] = (uint8_t)where[l];
            }
        }
        return;
    }
#pragma GCC unroll 2
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 10
        for (int j = 0; j < cols; j++) {
            vec v = acc[i][j];
            if (e.kind == RELU)
                v = select(v > zero, v, zero);
            store_part(y + i * g->y_row + j * g->y_col, v, n);
        }
}

static void any_tile(int rows, int cols, float *y, const float *x, const float *w, vec bias, const struct conv *g, int n, struct epilogue e)
{
    switch (rows * 16 + cols) {
    case 16 + 1: tile(1, 1, y, x, w, bias, g, n, e); break;
    case 16 + 2: tile(1, 2, y, x, w, bias, g, n, e); break;
    case 16 + 3: tile(1, 3, y, x, w, bias, g, n, e); break;
    case 16 + 4: tile(1, 4, y, x, w, bias, g, n, e); break;
    case 16 + 5: tile(1, 5, y, x, w, bias, g, n, e); break;
    case 16 + 6: tile(1, 6, y, x, w, bias, g, n, e); break;
    case 32 + 1: tile(2, 1, y, x, w, bias, g, n, e); break;
    case 32 + 2: tile(2, 2, y, x, w, bias, g, n, e); break;
    case 32 + 3: tile(2, 3, y, x, w, bias, g, n, e); break;
    case 32 + 4: tile(2, 4, y, x, w, bias, g, n, e); break;
    case 32 + 5: tile(2, 5, y, x, w, bias, g, n, e); break;
    case 32 + 6: tile(2, 6, y, x, w, bias, g, n, e); break;
#if defined(__AVX512F__)
    case 16 + 7: tile(1, 7, y, x, w, bias, g, n, e); break;
    case 16 + 8: tile(1, 8, y, x, w, bias, g, n, e); break;
    case 16 + 9: tile(1, 9, y, x, w, bias, g, n, e); break;
    case 16 + 10: tile(1, 10, y, x, w, bias, g, n, e); break;
    case 32 + 7: tile(2, 7, y, x, w, bias, g, n, e); break;
    case 32 + 8: tile(2, 8, y, x, w, bias, g, n, e); break;
    case 32 + 9: tile(2, 9, y, x, w, bias, g, n, e); break;
    case 32 + 10: tile(2, 10, y, x, w, bias, g, n, e); break;
#endif
    }
}

/* One image: for each vector of output channels (its kernel stays in cache), for each pair of rows, the columns in tiles of nearly equal width. */
static void each_tile(float *y, const float *x, const float *w, const float *b, const struct conv *g, struct epilogue e)
{
    const int shrink = e.kind == POOL ? 2 : 1;  /* conv positions per output position, per axis; tiles are multiples of it */
    const int units = g->cols / shrink, n_tiles = (units + TILE_COLS / shrink - 1) / (TILE_COLS / shrink);
    const size_t w_group = (size_t)g->taps * g->run * LANES;
    for (int k0 = 0; k0 < g->channels; k0 += LANES, w += w_group) {
        const vec bias = b == NULL ? (vec){0} : *(const vec *)(b + k0);
        for (int i = 0; i < g->rows; i += 2) {
            const int rows = g->rows - i < 2 ? 1 : 2;
            for (int t = 0; t < n_tiles; t++) {
                const int j = units * t / n_tiles * shrink, end = units * (t + 1) / n_tiles * shrink;
                struct epilogue here = e;
                if (e.argmax != NULL)
                    here.argmax += ((size_t)(i / 2) * (g->cols / 2) + j / 2) * g->channels + k0;
                any_tile(rows, end - j, y + i / shrink * g->y_row + j / shrink * g->y_col + k0, x + i * g->x_row + j * g->x_col, w, bias, g,
                         g->channels - k0, here);
            }
        }
    }
}

static void conv(float *y, const float *x, const float *w, const float *b, const struct conv *g)
{
    each_tile(y, x, w, b, g, (struct epilogue){ PLAIN, NULL });
}

static void conv_relu(float *y, const float *x, const float *w, const float *b, const struct conv *g)
{
    each_tile(y, x, w, b, g, (struct epilogue){ RELU, NULL });
}

static void conv_relu_pool(float *y, uint8_t *argmax, const float *x, const float *w, const float *b, const struct conv *g)
{
    each_tile(y, x, w, b, g, (struct epilogue){ POOL, argmax });
}

/* --- conv_dw --- */

/* WIDTH consecutive elements of a tap row against one vector of output channels, over all positions of N images. */
INLINE void outer(int width, float *dw, size_t dw_row, int n_valid, const float *x, const float *dy, const struct conv *g, size_t n,
                  size_t x_image, size_t dy_image)
{
    vec acc[TILE_RUN];
#pragma GCC unroll 24
    for (int q = 0; q < width; q++)
        acc[q] = q < n_valid ? load(dw + q * dw_row) : (vec){0};
    for (size_t m = 0; m < n; m++)
        for (int i = 0; i < g->rows; i++) {
            const float *xi = x + m * x_image + i * g->x_row;
            const float *di = dy + m * dy_image + i * g->y_row;
            for (int j = 0; j < g->cols; j++, xi += g->x_col, di += g->y_col) {
                const vec d = load(di);
#pragma GCC unroll 24
                for (int q = 0; q < width; q++)
                    acc[q] += d * xi[q];
            }
        }
#pragma GCC unroll 24
    for (int q = 0; q < width; q++)
        if (q < n_valid)
            store(dw + q * dw_row, acc[q]);
}

static void conv_dw(float *dw, const float *x, const float *dy, const struct conv *g, size_t n, size_t x_image, size_t dy_image)
{
    const size_t dw_row = (size_t)(g->channels + LANES - 1) / LANES * LANES;
    const int n_blocks = (g->run + TILE_RUN - 1) / TILE_RUN;
    const int width = (g->run + 4 * n_blocks - 1) / (4 * n_blocks) * 4;  /* nearly equal blocks, in fours: few widths to compile */
    for (int k0 = 0; k0 < g->channels; k0 += LANES)
        for (int r = 0; r < g->taps; r++)
            for (int q = 0; q < g->run; q += width) {
                float *d = dw + ((size_t)r * g->run + q) * dw_row + k0;
                const float *xr = x + r * g->x_tap + q;
                const int valid = g->run - q;
                switch (valid < width ? (valid + 3) / 4 * 4 : width) {
                case 4: outer(4, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image); break;
                case 8: outer(8, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image); break;
                case 12: outer(12, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image); break;
#if defined(__AVX512F__)
                case 16: outer(16, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image); break;
                case 20: outer(20, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image); break;
                case 24: outer(24, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image); break;
#endif
                }
            }
}

/* --- activation and loss --- */

/* 2^n for integers n in [-126, 127] */
INLINE vec power2(vec n) { return (vec)((__builtin_convertvector(n, ivec) + 127) << 23); }

/* exp(-a), a in [0, 87] (larger counts as 87): 2^n * exp(r), |r| <= ln2/2; about 1 ulp. */
INLINE vec exp_negative(vec a)
{
    const vec limit = (vec){0} + 87.0f;
    a = select(a > limit, limit, a);
    const vec big = (vec){0} + 12582912.0f;                      /* 1.5 * 2^23: adding it rounds to an integer */
    const vec n = (a * -1.44269504f + big) - big;
    vec r = -a - n * 0.693145752f;                               /* ln 2 in two parts; the first has 15 bits */
    r = r - n * 1.42860677e-6f;
    vec p = r * 1.98756915e-4f + 1.39819995e-3f;
    p = p * r + 8.33345205e-3f;
    p = p * r + 4.16657962e-2f;
    p = p * r + 1.66666657e-1f;
    p = p * r + 0.5f;
    p = p * r * r + r;
    return (p + 1.0f) * power2(n);
}

/* log(1+u), u in [0, 1]: 2 atanh(s), s = u/(2+u) <= 1/3, by its series. */
INLINE vec log1p_series(vec u)
{
    const vec s = u / (u + 2.0f), s2 = s * s;
    vec p = s2 * (1.0f / 15) + 1.0f / 13;
    p = p * s2 + 1.0f / 11;
    p = p * s2 + 1.0f / 9;
    p = p * s2 + 1.0f / 7;
    p = p * s2 + 1.0f / 5;
    p = p * s2 + 1.0f / 3;
    return (p * s2 * s + s) * 2.0f;
}

INLINE vec sigmoid_of(vec a, vec e)  /* e = exp(-|a|) */
{
    const vec up = 1.0f / (e + 1.0f);
    return select(a >= (vec){0}, up, e * up);
}

INLINE vec absolute(vec a) { return (vec)((ivec)a & 0x7fffffff); }

static void sigmoid(float *y, const float *a, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        float part[LANES] = {0};
        const size_t m = n - i < LANES ? n - i : LANES;
        if (m < LANES)
            memcpy(part, a + i, m * sizeof *a);
        const vec v = m < LANES ? load(part) : load(a + i);
        store_part(y + i, sigmoid_of(v, exp_negative(absolute(v))), (int)m);
    }
}

enum { SUMS = 16 };  /* partial sums of a loss: element i goes to sum i % SUMS, whatever the width */

static double fold_sums(const double *sum)
{
    double total = 0;
    for (int i = 0; i < SUMS; i++)
        total += sum[i];
    return total;
}

static double bce(float *d, const float *a, const float *t, size_t n, float scale)
{
    double sum[SUMS] = {0};
    for (size_t i = 0; i < n; i += SUMS) {
        const int m = n - i < SUMS ? (int)(n - i) : SUMS;
        float pa[SUMS] = {0}, pt[SUMS] = {0}, pl[SUMS];
        memcpy(pa, a + i, m * sizeof *a);
        memcpy(pt, t + i, m * sizeof *t);
        for (int l = 0; l < SUMS; l += LANES) {
            const vec va = load(pa + l), vt = load(pt + l), zero = {0};
            const vec limit = (vec){0} + KERNELS_CLIP, size = absolute(va);
            const vec e = exp_negative(size), clipped = select(size > limit, limit, size);
            const vec z = select(va >= zero, clipped, -clipped);
            const vec u = select(size > limit, (vec){0} + 1.0000001e-7f, e);
            store(pl + l, select(z > zero, z, zero) - z * vt + log1p_series(u));
            store(pa + l, select(size > limit, zero, (sigmoid_of(va, e) - vt) * scale));
        }
        for (int l = 0; l < m; l++)
            sum[l] += (double)pl[l];
        if (d != NULL)
            memcpy(d + i, pa, m * sizeof *d);
    }
    return fold_sums(sum);
}

static double mse(float *d, const float *y, const float *t, size_t n, float scale)
{
    double sum[SUMS] = {0};
    for (size_t i = 0; i < n; i += SUMS) {
        const size_t m = n - i < SUMS ? n - i : SUMS;
        for (size_t l = 0; l < m; l++) {
            const float e = y[i + l] - t[i + l];
            sum[l] += (double)e * (double)e;
            if (d != NULL)
                d[i + l] = 2.0f * e * scale;
        }
    }
    return fold_sums(sum);
}

const struct kernels TABLE = {
    .name = NAME, .lanes = LANES,
    .conv = conv, .conv_relu = conv_relu, .conv_relu_pool = conv_relu_pool, .conv_dw = conv_dw,
    .sigmoid = sigmoid, .bce = bce, .mse = mse,
};
