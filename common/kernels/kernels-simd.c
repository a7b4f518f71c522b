/* The kernels of one instruction set; the Makefile compiles this file once for each, and kernels.c
 * chooses at start.
 *
 * GCC vector extensions at the native width. This file alone is compiled with -ffp-contract=fast:
 * acc += w*x is then one instruction where there is one. Each element of a result is summed in an
 * order that the equations in kernels.h fix and the width of a vector does not change, so that AVX2
 * and AVX-512 give the same bytes.
 */
#include "kernels/kernels.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#if defined(__AVX512F__)
enum { LANES = 16, TILE_COLS = 10, TILE_RUN = 24, SPARSE_TILE = 25 }; /* 32 registers */
#define TABLE kernels_avx512
#define NAME "avx512"
#define LANE_NUMBERS                                         \
    {                                                        \
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 \
    }
#elif defined(__AVX2__) && defined(__FMA__)
enum { LANES = 8, TILE_COLS = 6, TILE_RUN = 12, SPARSE_TILE = 12 }; /* 16 registers */
#define TABLE kernels_avx2
#define NAME "avx2"
#define LANE_NUMBERS           \
    {                          \
        0, 1, 2, 3, 4, 5, 6, 7 \
    }
#else
enum { LANES = 4, TILE_COLS = 6, TILE_RUN = 12, SPARSE_TILE = 12 };
#define TABLE kernels_base
#define NAME "base"
#define LANE_NUMBERS \
    {                \
        0, 1, 2, 3   \
    }
#endif

typedef float vec __attribute__((vector_size(4 * LANES), may_alias));
typedef float vec_unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), may_alias));
typedef uint8_t bvec_unaligned __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef uint16_t half_ivec __attribute__((vector_size(2 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))

/* A value used more than once, which the compiler would rather load again each time: most loads
 * here cross cache lines. */
#if defined(__x86_64__)
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define IN_REGISTER(v) (void)(v)
#endif

INLINE vec load(const float *p)
{
    return *(const vec_unaligned *)p;
}
INLINE void store(float *p, vec v)
{
    *(vec_unaligned *)p = v;
}
INLINE vec select(ivec mask, vec a, vec b)
{
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}

/* In two steps, for which there are instructions: gcc takes a single one apart into elements. */
INLINE ivec widen(const uint8_t *p)
{
    return (ivec) __builtin_convertvector(
        __builtin_convertvector(*(const bvec_unaligned *)p, half_ivec), uvec);
}

INLINE bvec_unaligned to_bytes(ivec v)
{
#if defined(__AVX512F__) /* which has one */
    return __builtin_convertvector(v, bvec_unaligned);
#else
    return __builtin_convertvector(__builtin_convertvector(v, half_ivec), bvec_unaligned);
#endif
}

/* The first N of LANES elements of `size` bytes from FROM, N < LANES: in pieces of a half, a
 * quarter and so on of a vector, as N in binary says. */
INLINE void copy_part(void *to, const void *from, int n, size_t size)
{
    char *p = to;
    const char *q = from;
#pragma GCC unroll 4
    for (int piece = LANES / 2; piece > 0; piece /= 2)
        if (n & piece) {
            memcpy(p, q, piece * size);
            p += piece * size, q += piece * size;
        }
}

/* The first N lanes only. */
INLINE void store_part(float *p, vec v, int n)
{
    if (n >= LANES)
        store(p, v);
    else
        copy_part(p, &v, n, sizeof *p);
}

/* N lanes, the others 0. */
INLINE vec load_part(const float *p, int n)
{
    vec v = {0};
    if (n >= LANES)
        return load(p);
    copy_part(&v, p, n, sizeof *p);
    return v;
}

/* max(v, 0) of four positions in row-major order and, unless argmax is NULL, which it was: the
 * first on ties. N lanes are real. */
INLINE void pool(float *y, uint8_t *argmax, vec v0, vec v1, vec v2, vec v3, int n)
{
    const vec zero = {0};
    vec best = v0;
    ivec where = {0}, better, live;
    bvec_unaligned bytes;
    if (argmax == NULL) {
        best = select(v1 > best, v1, best);
        best = select(v2 > best, v2, best);
        best = select(v3 > best, v3, best);
        store_part(y, select(best > zero, best, zero), n);
        return;
    }
    better = v1 > best;
    best = select(better, v1, best);
    where = (better & 1) | (~better & where);
    better = v2 > best;
    best = select(better, v2, best);
    where = (better & 2) | (~better & where);
    better = v3 > best;
    best = select(better, v3, best);
    where = (better & 3) | (~better & where);
    live = best > zero;
    where = (live & where) | (~live & KERNELS_DEAD);
    store_part(y, select(live, best, zero), n);
    bytes = to_bytes(where);
    if (n >= LANES)
        *(bvec_unaligned *)argmax = bytes;
    else
        copy_part(argmax, &bytes, n, 1);
}

/* --- conv: the register tile --- */

struct epilogue {
    bool pool;
    uint8_t *argmax;
};

/* Output positions ROWS x COLS from (0,0) of x and y, output channels k0..k0+LANES-1 of which N are
 * real. */
INLINE void tile(int rows, int cols, float *y, const float *x, const float *w, vec bias,
                 const struct conv *g, int n, struct epilogue e)
{
    vec acc[2][TILE_COLS];
#pragma GCC unroll 2
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 10
        for (int j = 0; j < cols; j++)
            acc[i][j] = bias;
    for (int r = 0; r < g->taps; r++) {
        const float *base[2][2]; /* of every fifth column: with the others at 1, 2, 3 and 4 steps
                                    from it, all addresses fit the registers */
        size_t step = g->x_col, step3 = 3 * g->x_col;
#pragma GCC unroll 2
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (int j = 0; j < cols; j += 5)
                base[i][j / 5] = x + r * g->x_tap + i * g->x_row + j * g->x_col;
        step = g->x_col;
        step3 = 3 * g->x_col;
        for (int q = 0; q < g->run; q++, w += LANES) {
            const vec wq = *(const vec *)w;
            __asm__ volatile(""
                             : "+r"(step), "+r"(step3)); /* keeps 2*step and 4*step out of
                                                            registers: they are addressing modes */
#pragma GCC unroll 2
            for (int i = 0; i < rows; i++) {
#pragma GCC unroll 10
                for (int j = 0; j < cols; j++)
                    acc[i][j] += wq * base[i][j / 5][j % 5 == 3 ? step3 : j % 5 * step];
#pragma GCC unroll 2
                for (int j = 0; j < cols; j += 5)
                    base[i][j / 5]++;
            }
        }
    }
    if (e.pool) {
        if (rows != 2 || cols % 2 != 0)
            return;
#pragma GCC unroll 5
        for (int j = 0; j < cols; j += 2)
            pool(y + j / 2 * g->y_col, e.argmax == NULL ? NULL : e.argmax + j / 2 * g->y_col,
                 acc[0][j], acc[0][j + 1], acc[1][j], acc[1][j + 1], n);
        return;
    }
#pragma GCC unroll 2
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 10
        for (int j = 0; j < cols; j++)
            store_part(y + i * g->y_row + j * g->y_col, acc[i][j], n);
}

static void any_tile(int rows, int cols, float *y, const float *x, const float *w, vec bias,
                     const struct conv *g, int n, struct epilogue e)
{
    switch (rows * 16 + cols) {
    case 16 + 1:
        tile(1, 1, y, x, w, bias, g, n, e);
        break;
    case 16 + 2:
        tile(1, 2, y, x, w, bias, g, n, e);
        break;
    case 16 + 3:
        tile(1, 3, y, x, w, bias, g, n, e);
        break;
    case 16 + 4:
        tile(1, 4, y, x, w, bias, g, n, e);
        break;
    case 16 + 5:
        tile(1, 5, y, x, w, bias, g, n, e);
        break;
    case 16 + 6:
        tile(1, 6, y, x, w, bias, g, n, e);
        break;
    case 32 + 1:
        tile(2, 1, y, x, w, bias, g, n, e);
        break;
    case 32 + 2:
        tile(2, 2, y, x, w, bias, g, n, e);
        break;
    case 32 + 3:
        tile(2, 3, y, x, w, bias, g, n, e);
        break;
    case 32 + 4:
        tile(2, 4, y, x, w, bias, g, n, e);
        break;
    case 32 + 5:
        tile(2, 5, y, x, w, bias, g, n, e);
        break;
    case 32 + 6:
        tile(2, 6, y, x, w, bias, g, n, e);
        break;
#if defined(__AVX512F__)
    case 16 + 7:
        tile(1, 7, y, x, w, bias, g, n, e);
        break;
    case 16 + 8:
        tile(1, 8, y, x, w, bias, g, n, e);
        break;
    case 16 + 9:
        tile(1, 9, y, x, w, bias, g, n, e);
        break;
    case 16 + 10:
        tile(1, 10, y, x, w, bias, g, n, e);
        break;
    case 32 + 7:
        tile(2, 7, y, x, w, bias, g, n, e);
        break;
    case 32 + 8:
        tile(2, 8, y, x, w, bias, g, n, e);
        break;
    case 32 + 9:
        tile(2, 9, y, x, w, bias, g, n, e);
        break;
    case 32 + 10:
        tile(2, 10, y, x, w, bias, g, n, e);
        break;
#endif
    default:
        assert(!"a tile");
    }
}

/* One image: for each vector of output channels (its kernel stays in cache), for each pair of rows,
 * the columns in tiles of nearly equal width. */
static void each_tile(float *y, const float *x, const float *w, const float *b,
                      const struct conv *g, struct epilogue e)
{
    const int shrink = e.pool
        ? 2
        : 1; /* conv positions per output position, per axis; tiles are multiples of it */
    const int units = g->cols / shrink,
              n_tiles = (units + TILE_COLS / shrink - 1) / (TILE_COLS / shrink);
    const size_t w_group = (size_t)g->taps * g->run * LANES;
    for (int k0 = 0; k0 < g->channels; k0 += LANES, w += w_group) {
        const vec bias = b == NULL ? (vec){0} : *(const vec *)(b + k0);
        for (int i = 0; i < g->rows; i += 2) {
            const int rows = g->rows - i < 2 ? 1 : 2;
            for (int t = 0; t < n_tiles; t++) {
                const int j = units * t / n_tiles * shrink,
                          end = units * (t + 1) / n_tiles * shrink;
                struct epilogue here = e;
                if (e.argmax != NULL)
                    here.argmax += ((size_t)(i / 2) * (g->cols / 2) + j / 2) * g->y_col + k0;
                any_tile(rows, end - j, y + i / shrink * g->y_row + j / shrink * g->y_col + k0,
                         x + i * g->x_row + j * g->x_col, w, bias, g, g->channels - k0, here);
            }
        }
    }
}

static void conv(float *y, const float *x, const float *w, const float *b, const struct conv *g)
{
    each_tile(y, x, w, b, g, (struct epilogue){false, NULL});
}

static void conv_relu_pool(float *y, uint8_t *argmax, const float *x, const float *w,
                           const float *b, const struct conv *g)
{
    each_tile(y, x, w, b, g, (struct epilogue){true, argmax});
}

/* --- winograd --- */

enum { MOST_POINTS = 10, MOST_PAIRS = 4 };

/* The positive point of pair I. All that follows from them is exact in float. */
INLINE float pair_point(int points, int i)
{
    return points == MOST_POINTS ? (i == 0       ? 0.5f
                                        : i == 1 ? 0.75f
                                        : i == 2 ? 1.25f
                                                 : 2.5f)
        : i == 0                 ? 1.0f
        : i == 1                 ? 2.0f
                                 : 0.5f;
}

/* POINTS (4, 6, 8, 10) columns to their values at 0, the pairs of points, and infinity. Up to 8
 * points written in differences: equal columns give exactly 0 but for the point 1, so that the
 * results within a flat tile are equal to the last bit. */
INLINE void to_points(int points, vec v[MOST_POINTS], const vec d[MOST_POINTS])
{
    if (points == 4) {
        v[0] = d[0] - d[2];
        v[1] = d[2] + d[1];
        v[2] = d[2] - d[1];
        v[3] = d[3] - d[1];
    } else if (points == 6) {
        const vec a = d[4] - d[2], b = d[0] - d[2], p = d[3] - d[1], even = d[4] - d[2] * 4.0f,
                  odd = d[3] - d[1] * 4.0f;
        v[0] = b + a * 0.25f;
        v[1] = even + odd;
        v[2] = even - odd;
        v[3] = a + p * 2.0f;
        v[4] = a - p * 2.0f;
        v[5] = (d[5] - d[3]) - p * 4.0f;
    } else if (points == 8) {
        const vec a = d[2] - d[4], b = d[6] - d[4], p = d[1] - d[3], q = d[5] - d[3];
        const vec even1 = (d[2] + d[6]) - d[4] * 4.25f, odd1 = (d[1] + d[5]) - d[3] * 4.25f;
        const vec even2 = b + a * 0.25f, odd2 = p * 0.5f + q * 2.0f, even3 = b + a * 4.0f,
                  odd3 = p * 2.0f + q * 0.5f;
        v[0] = (d[0] - d[6]) - a * 5.25f;
        v[1] = even1 + odd1;
        v[2] = even1 - odd1;
        v[3] = even2 + odd2;
        v[4] = even2 - odd2;
        v[5] = even3 + odd3;
        v[6] = even3 - odd3;
        v[7] = (d[7] - d[1]) - q * 5.25f;
    } else { /* at p: x(x+p) times the product of x^2-q^2 over the other pairs; at 0 and infinity:
                the product over all */
        float all[MOST_PAIRS + 1] = {1}; /* its coefficients, from x^8 down */
#pragma GCC unroll 4
        for (int i = 0; i < MOST_PAIRS; i++) {
            float others[MOST_PAIRS] = {1};
            const float point = pair_point(points, i);
            vec even, odd;
#pragma GCC unroll 4
            for (int k = 0; k < MOST_PAIRS; k++) {
                const float square = pair_point(points, k) * pair_point(points, k);
                if (k == i)
                    continue;
#pragma GCC unroll 3
                for (int j = MOST_PAIRS - 1; j > 0; j--)
                    others[j] -= others[j - 1] * square;
            }
#pragma GCC unroll 4
            for (int j = MOST_PAIRS; j > 0; j--)
                all[j] -= all[j - 1] * (point * point);
            even = d[8] + d[6] * others[1] + d[4] * others[2] + d[2] * others[3];
            odd = d[7] + d[5] * others[1] + d[3] * others[2] + d[1] * others[3];
            v[2 * i + 1] = even + odd * point;
            v[2 * i + 2] = even - odd * point;
        }
        v[0] = d[8] + d[6] * all[1] + d[4] * all[2] + d[2] * all[3] + d[0] * all[4];
        v[9] = d[9] + d[7] * all[1] + d[5] * all[2] + d[3] * all[3] + d[1] * all[4];
    }
}

/* The J-th power of the positive point of pair I. */
INLINE float pair_power(int points, int i, int j)
{
    float power = 1;
#pragma GCC unroll 7
    for (; j > 0; j--)
        power *= pair_point(points, i);
    return power;
}

/* From the products at the points, PLANE floats apart, M columns of the result. */
INLINE void from_points(int points, int M, vec y[8], const float *m, size_t plane)
{
    vec p[MOST_POINTS], sum[MOST_PAIRS], difference[MOST_PAIRS];
    const int pairs = points / 2 - 1; /* 1 and -1, 2 and -2, ... */
#pragma GCC unroll 10
    for (int i = 0; i < points; i++)
        p[i] = *(const vec *)(m + i * plane);
#pragma GCC unroll 4
    for (int i = 0; i < pairs; i++)
        sum[i] = p[2 * i + 1] + p[2 * i + 2], difference[i] = p[2 * i + 1] - p[2 * i + 2];
    y[0] = p[0] + sum[0];
#pragma GCC unroll 3
    for (int i = 1; i < pairs; i++)
        y[0] += sum[i];
#pragma GCC unroll 7
    for (int j = 1; j < M; j++) {
        y[j] = (j % 2 == 0 ? sum : difference)[0] * pair_power(points, 0, j);
#pragma GCC unroll 3
        for (int i = 1; i < pairs; i++)
            y[j] += (j % 2 == 0 ? sum : difference)[i] * pair_power(points, i, j);
    }
    y[M - 1] += p[points - 1];
}

/* Its adjoint: M columns of a gradient, spread to the points. */
INLINE void spread(int points, int M, float *m, size_t plane, const vec y[8])
{
    const int pairs = points / 2 - 1;
    vec even[3], odd[3];
#pragma GCC unroll 3
    for (int i = 0; i < pairs; i++) {
        even[i] = y[0];
        odd[i] = y[1] * pair_power(points, i, 1);
#pragma GCC unroll 5
        for (int j = 2; j < M; j++)
            if (j % 2 == 0)
                even[i] += y[j] * pair_power(points, i, j);
            else
                odd[i] += y[j] * pair_power(points, i, j);
    }
    *(vec *)m = y[0];
#pragma GCC unroll 3
    for (int i = 0; i < pairs; i++) {
        *(vec *)(m + (2 * i + 1) * plane) = even[i] + odd[i];
        *(vec *)(m + (2 * i + 2) * plane) = even[i] - odd[i];
    }
    *(vec *)(m + (points - 1) * plane) = y[M - 1];
}

/* How column s of a kernel counts at point i: a power of the point, over the product of its
 * distances from the other points. */
static double point_factor(int points, int i, int s, int R)
{
    double point, factor = 1, distances;
    if (i == points - 1) /* infinity */
        return s == R - 1;
    point = i == 0 ? 0 : i % 2 == 1 ? pair_point(points, i / 2) : -pair_point(points, i / 2 - 1);
    distances = i == 0 ? 1 : 2 * point * point;
    for (int k = 0; k < points / 2 - 1; k++) {
        const double other = pair_point(points, k);
        if (i == 0 && points == MOST_POINTS) /* with fewer, to_points has divided by it */
            distances *= other * other;
        else if (i > 0 && k != (i - 1) / 2)
            distances *= point * point - other * other;
    }
    for (; s > 0; s--)
        factor *= point;
    return factor / distances;
}

static void winograd_pack(float *u, const float *w, const float *scale, const struct winograd *g)
{
    const int R = g->R, C = g->stride * g->stride * g->C, K = g->K, down = g->both ? g->points : 1,
              taps = g->both ? 1 : R, rows = g->both ? R : 1;
    const size_t column = C * g->y_col,
                 plane = (size_t)taps * C * ((K + LANES - 1) / LANES * LANES);
    for (int i = 0; i < down * g->points; i++, u += plane) {
        float factors[MOST_POINTS][MOST_POINTS]; /* (rows,R) of this plane */
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < R; s++)
                factors[r][s] =
                    (float)(point_factor(g->points, i % g->points, s, R)
                            * (g->both ? point_factor(g->points, i / g->points, r, R) : 1));
        for (int k0 = 0; k0 < K; k0 += LANES) {
            const int n = K - k0 < LANES ? K - k0 : LANES;
            float *to = u + (size_t)k0 * taps * C;
            vec scales = (vec){0} + 1.0f;
            if (scale != NULL)
                scales = load_part(scale + k0, n);
            for (int tap = 0; tap < taps; tap++)
                for (int c = 0; c < C; c++, to += LANES) {
                    const float *from = w + (size_t)tap * R * column + c * g->y_col + k0;
                    vec sum = {0};
                    for (int r = 0; r < rows; r++)
                        for (int s = 0; s < R; s++, from += column)
                            sum += load_part(from, n) * factors[r][s];
                    *(vec *)to = sum * scales;
                }
        }
    }
}

static void winograd_fold(float *dw, const float *du, int points, int R, size_t column)
{
    for (int r = 0; r < R; r++)
        for (int s = 0; s < R; s++, dw += column) {
            float factors[MOST_POINTS];
            for (int point = 0; point < points; point++)
                factors[point] = (float)point_factor(points, point, s, R);
            for (size_t i = 0; i < column; i += LANES) {
                vec sum = {0};
                for (int point = 0; point < points; point++)
                    sum += load(du + ((size_t)point * R + r) * column + i) * factors[point];
                store(dw + i, sum);
            }
        }
}

/* The columns of a row of x, C floats each, apart by their place in a tile of M: column u + M*t at
 * [u % M][t + u/M], rows of PARTED. What whole vectors write too much is written again. */
static void part_columns(int points, float *apart, const float *x, int M, int tiles, int parted,
                         int C)
{
    for (int place = 0; place < M; place++)
        for (int t = 0; t < tiles + (points - 1 - place) / M; t++)
            for (int c = 0; c < C; c += LANES)
                store(apart + (place * parted + t) * C + c, load(x + (t * M + place) * C + c));
}

/* LINES lines of tiles of the result, their x at the points. */
INLINE void expand_rows(int points, float *v, const float *x, const struct winograd *g,
                        const struct winograd_sizes *z, int lines, float *apart)
{
    const int M = points + 1 - g->R, pixel = g->stride * g->C, parted = z->tiles + (points - 1) / M;
    size_t at[MOST_POINTS]; /* of a tile's columns */
    for (int u = 0; u < points; u++)
        at[u] = z->apart == 0 ? (size_t)u * pixel : (size_t)(u % M * parted + u / M) * pixel;
    for (int r = 0; r < lines + g->R - 1; r++) {
        const float *row = x + r * g->stride * g->x_row;
        if (z->apart > 0) {
            part_columns(points, apart, row, M, z->tiles, parted, pixel);
            row = apart;
        }
        for (int t = 0; t < z->steps; t++)
            for (int a = 0; a < g->stride; a++) {
                const float *from = row + a * g->x_row + (size_t)t * M * pixel;
                float *to = v + (r * z->tiles + (size_t)t) * z->v_col + a * z->span;
                for (int q = 0; q < z->span; q += LANES) {
                    vec d[MOST_POINTS], p[MOST_POINTS];
#pragma GCC unroll 10
                    for (int u = 0; u < points; u++)
                        d[u] = load(from + q + at[u]);
                    to_points(points, p, d);
#pragma GCC unroll 10
                    for (int point = 0; point < points; point++)
                        store(to + q + point * z->v_plane, p[point]);
                }
            }
    }
}

/* Likewise along both axes. BELOW: rows of x from here to its end; what a tile would see behind it
 * counts as 0. */
INLINE void expand_squares(int points, float *v, const float *x, const struct winograd *g,
                           const struct winograd_sizes *z, int lines, int below)
{
    const int M = points + 1 - g->R;
    for (int line = 0; line < lines; line++)
        for (int t = 0; t < z->tiles; t++, v += z->v_col)
            for (int q = 0; q < z->span; q += LANES) {
                vec rows[8][MOST_POINTS], d[MOST_POINTS], p[MOST_POINTS];
                for (int r = 0; r < points; r++) {
                    const float *from = x + (line * M + r) * g->x_row + (size_t)t * M * g->C + q;
#pragma GCC unroll 8
                    for (int u = 0; u < points; u++)
                        d[u] = line * M + r < below ? load(from + (size_t)u * g->C) : (vec){0};
                    to_points(points, rows[r], d);
                }
                for (int i = 0; i < points; i++) {
#pragma GCC unroll 8
                    for (int r = 0; r < points; r++)
                        d[r] = rows[r][i];
                    to_points(points, p, d);
#pragma GCC unroll 8
                    for (int r = 0; r < points; r++)
                        store(v + q + (size_t)(r * points + i) * z->v_plane, p[r]);
                }
            }
}

static void expand(float *v, const float *x, const struct winograd *g,
                   const struct winograd_sizes *z, int lines, int below, float *apart)
{
    switch (g->points * 10 + g->both) {
    case 40:
        expand_rows(4, v, x, g, z, lines, apart);
        break;
    case 60:
        expand_rows(6, v, x, g, z, lines, apart);
        break;
    case 80:
        expand_rows(8, v, x, g, z, lines, apart);
        break;
    case 100:
        expand_rows(10, v, x, g, z, lines, apart);
        break;
    case 41:
        expand_squares(4, v, x, g, z, lines, below);
        break;
    case 61:
        expand_squares(6, v, x, g, z, lines, below);
        break;
    case 81:
        expand_squares(8, v, x, g, z, lines, below);
        break;
    default:
        assert(!"a way to the points");
    }
}

/* What v and m are to one another in a plane: the positions of all lines and tiles, one behind
 * another. */
static struct conv between_points(const struct winograd *g, const struct winograd_sizes *z,
                                  int lines)
{
    const int n = lines * z->tiles, rows = n % 2 == 0 ? 2 : 1;
    const size_t cols = (size_t)n / rows;
    return (struct conv){.rows = rows,
                         .cols = (int)cols,
                         .taps = z->taps,
                         .run = g->stride * g->stride * g->C,
                         .channels = (int)z->m_col,
                         .x_row = cols * z->v_col,
                         .x_col = z->v_col,
                         .x_tap = z->tiles * z->v_col,
                         .y_row = cols * z->m_col,
                         .y_col = z->m_col};
}

/* Products in all planes for IMAGES images: a plane's kernel serves them all before the next one's.
 * Where an image has few positions, tiles take two images. */
static void multiply(float *m, const float *v, const float *u, const struct winograd *g,
                     const struct winograd_sizes *z, int lines, size_t images)
{
    struct conv products = between_points(g, z, lines);
    const size_t plane_size = (size_t)products.taps * products.run * products.channels;
    if (products.rows * products.cols <= TILE_COLS) {
        products.cols *= products.rows;
        products.rows = (int)images;
        products.x_row = z->v_image;
        products.y_row = z->m_image;
        images = 1;
    }
    for (int plane = 0; plane < z->planes; plane++)
        for (size_t i = 0; i < images; i++)
            conv(m + i * z->m_image + plane * z->m_plane, v + i * z->v_image + plane * z->v_plane,
                 u + plane * plane_size, NULL, &products);
}

/* --- conv_dw --- */

/* WIDTH consecutive elements of a tap row against one vector of output channels, over all positions
 * of N images. */
INLINE void outer(int width, float *dw, size_t dw_row, int n_valid, const float *x, const float *dy,
                  const struct conv *g, size_t n, size_t x_image, size_t dy_image)
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

static void conv_dw(float *dw, const float *x, const float *dy, const struct conv *g, size_t n,
                    size_t x_image, size_t dy_image)
{
    const size_t dw_row = (size_t)(g->channels + LANES - 1) / LANES * LANES;
    const int n_blocks = (g->run + TILE_RUN - 1) / TILE_RUN;
    const int width = (g->run + 4 * n_blocks - 1) / (4 * n_blocks)
        * 4; /* nearly equal blocks, in fours: few widths to compile */
    for (int k0 = 0; k0 < g->channels; k0 += LANES)
        for (int r = 0; r < g->taps; r++)
            for (int q = 0; q < g->run; q += width) {
                float *d = dw + ((size_t)r * g->run + q) * dw_row + k0;
                const float *xr = x + r * g->x_tap + q;
                const int valid = g->run - q;
                switch (valid < width ? (valid + 3) / 4 * 4 : width) {
                case 4:
                    outer(4, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image);
                    break;
                case 8:
                    outer(8, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image);
                    break;
                case 12:
                    outer(12, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image);
                    break;
#if defined(__AVX512F__)
                case 16:
                    outer(16, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image);
                    break;
                case 20:
                    outer(20, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image);
                    break;
                case 24:
                    outer(24, d, dw_row, valid, xr, dy + k0, g, n, x_image, dy_image);
                    break;
#endif
                default:
                    assert(!"a width of a block");
                }
            }
}

/* Output (i,j) of the pool and, where they are wanted, which it was: of an image or, from its first
 * row, of a band. */
struct pooled_at {
    float *y;
    uint8_t *argmax;
    size_t y_row, y_col;
    int W, K;
};

INLINE void pool_to(const struct pooled_at *to, int i, int j, int k, vec v0, vec v1, vec v2, vec v3)
{
    pool(to->y + i * to->y_row + j * to->y_col + k,
         to->argmax == NULL ? NULL : to->argmax + (i * (size_t)to->W + j) * to->y_col + k, v0, v1,
         v2, v3, to->K - k);
}

/* ROWS pooled rows from their products by a kernel of R columns. */
INLINE void pool_rows(int points, int R, const struct pooled_at *to, const float *m,
                      const struct winograd_sizes *z, const float *b, int rows)
{
    const int M = points + 1 - R;
    const size_t line = z->tiles * z->m_col;
    for (int i = 0; i < rows; i++, m += line)
        for (int t = 0; t < z->tiles; t++, m += z->m_col)
            for (int k = 0; k < to->K; k += LANES) {
                vec upper[8], lower[8];
                const vec bias = *(const vec *)(b + k);
                from_points(points, M, upper, m + k, z->m_plane);
                from_points(points, M, lower, m + line + k, z->m_plane);
#pragma GCC unroll 4
                for (int j = 0; j < M; j += 2)
                    if ((t * M + j) / 2 < to->W)
                        pool_to(to, i, (t * M + j) / 2, k, upper[j] + bias, upper[j + 1] + bias,
                                lower[j] + bias, lower[j + 1] + bias);
            }
}

/* Likewise from products along both axes. */
INLINE void pool_squares(int points, int R, const struct pooled_at *to, const float *m,
                         const struct winograd_sizes *z, const float *b, int rows)
{
    const int M = points + 1 - R;
    for (int top = 0; top < rows; top += M / 2)
        for (int t = 0; t < z->tiles; t++, m += z->m_col)
            for (int k = 0; k < to->K; k += LANES) {
                vec across[8][8], left[8], right[8]; /* by point of the rows, then column */
                const vec bias = *(const vec *)(b + k);
                for (int i = 0; i < points; i++)
                    from_points(points, M, across[i], m + i * points * z->m_plane + k, z->m_plane);
                for (int j = 0; j < M && (t * M + j) / 2 < to->W; j += 2) {
                    from_points(points, M, left, (const float *)&across[0][j], 8 * LANES);
                    from_points(points, M, right, (const float *)&across[0][j + 1], 8 * LANES);
#pragma GCC unroll 4
                    for (int i = 0; i < M; i += 2)
                        if (top + i / 2 < rows)
                            pool_to(to, top + i / 2, (t * M + j) / 2, k, left[i] + bias,
                                    right[i] + bias, left[i + 1] + bias, right[i + 1] + bias);
                }
            }
}

static void pool_products(const struct pooled_at *to, const float *m, const struct winograd *g,
                          const struct winograd_sizes *z, const float *b, int rows)
{
    switch (g->points * 100 + g->R * 10 + g->both) {
    case 430:
        pool_rows(4, 3, to, m, z, b, rows);
        break;
    case 630:
        pool_rows(6, 3, to, m, z, b, rows);
        break;
    case 650:
        pool_rows(6, 5, to, m, z, b, rows);
        break;
    case 830:
        pool_rows(8, 3, to, m, z, b, rows);
        break;
    case 850:
        pool_rows(8, 5, to, m, z, b, rows);
        break;
    case 870:
        pool_rows(8, 7, to, m, z, b, rows);
        break;
    case 1070:
        pool_rows(10, 7, to, m, z, b, rows);
        break;
    case 1090:
        pool_rows(10, 9, to, m, z, b, rows);
        break;
    case 431:
        pool_squares(4, 3, to, m, z, b, rows);
        break;
    case 631:
        pool_squares(6, 3, to, m, z, b, rows);
        break;
    case 651:
        pool_squares(6, 5, to, m, z, b, rows);
        break;
    case 851:
        pool_squares(8, 5, to, m, z, b, rows);
        break;
    default:
        assert(!"a way to pool");
    }
}

/* Columns of tile T, as far as the row goes. */
INLINE void store_columns(int M, float *y, const vec columns[8], int t, int k,
                          const struct winograd *g)
{
#pragma GCC unroll 7
    for (int j = 0; j < M; j++)
        if (t * M + j < g->W)
            store_part(y + (size_t)(t * M + j) * g->y_col + k, columns[j], g->K - k);
}

/* One row of the result from its products. */
INLINE void store_row(int points, int M, float *y, const float *m, const float *b,
                      const struct winograd *g, const struct winograd_sizes *z)
{
    for (int t = 0; t < z->tiles; t++, m += z->m_col)
        for (int k = 0; k < g->K; k += LANES) {
            vec columns[8];
            from_points(points, M, columns, m + k, z->m_plane);
#pragma GCC unroll 7
            for (int j = 0; j < M; j++)
                columns[j] += *(const vec *)(b + k);
            store_columns(M, y, columns, t, k, g);
        }
}

static void store_products(float *y, const float *m, const struct winograd *g,
                           const struct winograd_sizes *z, const float *b, int rows)
{
    for (int i = 0; i < rows; i++, y += g->y_row, m += z->tiles * z->m_col)
        switch (g->points * 10 + g->points + 1 - g->R) { /* and columns of a tile */
        case 42:
            store_row(4, 2, y, m, b, g, z);
            break;
        case 43:
            store_row(4, 3, y, m, b, g, z);
            break;
        case 62:
            store_row(6, 2, y, m, b, g, z);
            break;
        case 63:
            store_row(6, 3, y, m, b, g, z);
            break;
        case 64:
            store_row(6, 4, y, m, b, g, z);
            break;
        case 65:
            store_row(6, 5, y, m, b, g, z);
            break;
        case 82:
            store_row(8, 2, y, m, b, g, z);
            break;
        case 83:
            store_row(8, 3, y, m, b, g, z);
            break;
        case 84:
            store_row(8, 4, y, m, b, g, z);
            break;
        case 85:
            store_row(8, 5, y, m, b, g, z);
            break;
        case 86:
            store_row(8, 6, y, m, b, g, z);
            break;
        case 87:
            store_row(8, 7, y, m, b, g, z);
            break;
        case 102:
            store_row(10, 2, y, m, b, g, z);
            break;
        case 104:
            store_row(10, 4, y, m, b, g, z);
            break;
        default:
            assert(!"a way to store");
        }
}

static void forward(bool pooled, float *y, uint8_t *argmax, const float *x, const float *u,
                    const float *b, const struct winograd *g, size_t n, size_t x_image,
                    size_t y_image, float *scratch)
{
    const struct winograd_sizes z = kernels_winograd_sizes(g, LANES);
    float *v = scratch, *m = scratch + z.images * z.v_image, *apart = m + z.images * z.m_image;
    const int band_rows = z.lines * z.height, group_rows = z.group * z.height;
    for (size_t first = 0; first < n; first += z.images)
        for (int band = 0; band < g->H; band += band_rows) {
            const size_t images = n - first < z.images ? n - first : z.images;
            const int end = g->H - band < band_rows ? g->H : band + band_rows;
            for (size_t i = 0; i < images; i++)
                expand(v + i * z.v_image, x + (first + i) * x_image + band * g->x_row, g, &z,
                       (end - band + z.height - 1) / z.height, g->H - band + g->R - 1, apart);
            for (int row = band; row < end; row += group_rows) {
                const int rows = end - row < group_rows ? end - row : group_rows;
                multiply(m, v + (row - band) / z.height * z.tiles * z.v_col, u, g, &z,
                         (rows + z.height - 1) / z.height, images);
                for (size_t i = 0; i < images; i++) {
                    float *image = y + (first + i) * y_image;
                    const size_t at = ((first + i) * (g->H / 2) + row / 2) * (g->W / 2) * g->y_col;
                    const struct pooled_at to = {image + row / 2 * g->y_row,
                                                 argmax == NULL ? NULL : argmax + at,
                                                 g->y_row,
                                                 g->y_col,
                                                 g->W / 2,
                                                 g->K};
                    if (!pooled) {
                        store_products(image + row * g->y_row, m + i * z.m_image, g, &z, b, rows);
                        continue;
                    }
                    pool_products(&to, m + i * z.m_image, g, &z, b, rows / 2);
                }
            }
        }
}

static void winograd_relu_pool(float *y, uint8_t *argmax, const float *x, const float *u,
                               const float *b, const struct winograd *g, size_t n, size_t x_image,
                               size_t y_image, float *scratch)
{
    forward(true, y, argmax, x, u, b, g, n, x_image, y_image, scratch);
}

static void winograd_conv(float *y, const float *x, const float *u, const float *b,
                          const struct winograd *g, size_t n, size_t x_image, size_t y_image,
                          float *scratch)
{
    forward(false, y, NULL, x, u, b, g, n, x_image, y_image, scratch);
}

/* A row of dsmall from its products, whose place a row of small takes, spread to the points: what
 * conv_dw wants there. Of each tile small is read before dsmall is written. */
INLINE void exchange_row(int points, int R, float *dsmall, float *m, const float *small,
                         const struct winograd *g, const struct winograd_sizes *z)
{
    const int M = points + 1 - R;
    for (int t = 0; t < z->tiles; t++, m += z->m_col)
        for (int k = 0; k < g->K; k += LANES) {
            vec columns[8], own[8];
#pragma GCC unroll 7
            for (int j = 0; j < M; j++)
                own[j] =
                    t * M + j < g->W ? load(small + (size_t)(t * M + j) * g->y_col + k) : (vec){0};
            from_points(points, M, columns, m + k, z->m_plane);
            store_columns(M, dsmall, columns, t, k, g);
            spread(points, M, m + k, z->m_plane, own);
        }
}

static void exchange(float *to, float *m, const float *from, const struct winograd *g,
                     const struct winograd_sizes *z)
{
    switch (g->points * 10 + g->R) {
    case 42:
        exchange_row(4, 2, to, m, from, g, z);
        break;
    case 43:
        exchange_row(4, 3, to, m, from, g, z);
        break;
    case 62:
        exchange_row(6, 2, to, m, from, g, z);
        break;
    case 63:
        exchange_row(6, 3, to, m, from, g, z);
        break;
    case 64:
        exchange_row(6, 4, to, m, from, g, z);
        break;
    case 65:
        exchange_row(6, 5, to, m, from, g, z);
        break;
    case 82:
        exchange_row(8, 2, to, m, from, g, z);
        break;
    case 83:
        exchange_row(8, 3, to, m, from, g, z);
        break;
    case 84:
        exchange_row(8, 4, to, m, from, g, z);
        break;
    case 85:
        exchange_row(8, 5, to, m, from, g, z);
        break;
    case 86:
        exchange_row(8, 6, to, m, from, g, z);
        break;
    case 87:
        exchange_row(8, 7, to, m, from, g, z);
        break;
    default:
        assert(!"a way back");
    }
}

static void winograd_backward(float *dsmall, float *du, const float *dy, const float *small,
                              const float *u, const struct winograd *g, size_t n, size_t dy_image,
                              size_t small_row, size_t small_image, size_t dsmall_image,
                              float *scratch)
{
    const struct winograd_sizes z = kernels_winograd_sizes(g, LANES);
    float *v = scratch, *m = scratch + z.images * z.v_image, *apart = m + z.images * z.m_image;
    for (size_t first = 0; first < n; first += z.images)
        for (int band = 0; band < g->H; band += z.lines) {
            const size_t images = n - first < z.images ? n - first : z.images;
            const int end = g->H - band < z.lines ? g->H : band + z.lines;
            for (size_t i = 0; i < images; i++)
                expand(v + i * z.v_image, dy + (first + i) * dy_image + band * g->stride * g->x_row,
                       g, &z, end - band, 0, apart);
            for (int row = band; row < end; row += z.group) {
                const int rows = end - row < z.group ? end - row : z.group;
                const float *here = v + (row - band) * z.tiles * z.v_col;
                const struct conv products = between_points(g, &z, rows);
                multiply(m, here, u, g, &z, rows, images);
                for (size_t i = 0; i < images; i++)
                    for (int r = 0; r < rows; r++)
                        exchange(dsmall + (first + i) * dsmall_image + (row + r) * g->y_row,
                                 m + i * z.m_image + r * z.tiles * z.m_col,
                                 small + (first + i) * small_image + (row + r) * small_row, g, &z);
                for (int point = 0; point < g->points; point++)
                    conv_dw(du + (size_t)point * products.taps * products.run * products.channels,
                            here + point * z.v_plane, m + point * z.m_plane, &products, images,
                            z.v_image, z.m_image);
            }
        }
}

/* --- conv_dot: vectors along the taps and channels of x --- */

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
        case 1:
            dot_tile(1, K, yj, xj, w, b, g);
            break;
        case 2:
            if (most >= 2)
                dot_tile(2, K, yj, xj, w, b, g);
            break;
        case 4:
            if (most >= 4)
                dot_tile(4, K, yj, xj, w, b, g);
            break;
        case 8:
            if (most >= 8)
                dot_tile(8, K, yj, xj, w, b, g);
            break;
        default:
            assert(!"columns of a tile");
        }
    }
}

static void conv_dot(float *y, const float *x, const float *w, const float *b, const struct conv *g)
{
    const size_t w_channel = (size_t)(g->run + DOT - 1) / DOT * DOT * g->taps;
    const int groups = (g->channels + 2) / 3;
    for (int i = 0; i < g->rows; i++)
        for (int group = 0; group < groups; group++) {
            const int k = g->channels * group / groups, end = g->channels * (group + 1) / groups;
            float *yi = y + i * g->y_row + k;
            const float *xi = x + i * g->x_row, *wk = w + k * w_channel;
            switch (end - k) {
            case 1:
                dot_channels(1, yi, xi, wk, b + k, g);
                break;
            case 2:
                dot_channels(2, yi, xi, wk, b + k, g);
                break;
            case 3:
                dot_channels(3, yi, xi, wk, b + k, g);
                break;
            default:
                assert(!"channels at once");
            }
        }
}

/* --- sparse_sum --- */

typedef float half_unaligned __attribute__((vector_size(32), aligned(4), may_alias));

/* TAIL: half a vector does for a run's end, as for 7x7 kernels on 3 channels; loads that cross a
 * cache line are fewer. */
INLINE void windows(int rows, int vecs, bool tail, float *y, size_t y_row, const float *x,
                    size_t x_row, const struct entry *e, size_t n)
{
    vec acc[SPARSE_TILE];
    half_unaligned end[7];
#pragma GCC unroll 7
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 9
        for (int v = 0; v < vecs; v++)
            acc[r * vecs + v] = load(y + r * y_row + v * LANES);
        if (tail)
            end[r] = *(const half_unaligned *)(y + r * y_row + vecs * LANES);
    }
    for (const struct entry *last = e + n; e < last; e++) {
        const float *from = x + e->at;
#pragma GCC unroll 7
        for (int r = 0; r < rows; r++, from += x_row) {
#pragma GCC unroll 9
            for (int v = 0; v < vecs; v++)
                acc[r * vecs + v] += load(from + v * LANES) * e->g;
            if (tail)
                end[r] += *(const half_unaligned *)(from + vecs * LANES) * e->g;
        }
    }
#pragma GCC unroll 7
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 9
        for (int v = 0; v < vecs; v++)
            store(y + r * y_row + v * LANES, acc[r * vecs + v]);
        if (tail)
            *(half_unaligned *)(y + r * y_row + vecs * LANES) = end[r];
    }
}

/* Which of four positions each of LANES channels took, of which N are real: what lies behind may be
 * another thread's. */
INLINE ivec taken(const uint8_t *argmax, int n)
{
    uint8_t all[LANES];
    if (n >= LANES)
        return widen(argmax);
    memset(all, KERNELS_DEAD, sizeof all);
    memcpy(all, argmax, (size_t)n);
    return widen(all);
}

static void sparse_list(struct entry *entries, size_t room, uint32_t *n, float *sums,
                        const float *g, const uint8_t *argmax, const struct pooled *p)
{
    const struct pooled local = *p;
    const int K = local.channels, whole = K / LANES * LANES;
    for (int k = 0; k < K; k++) {
        struct entry *const first = entries + k * room, *const added = first + n[k], *e = added;
        int32_t at = local.at;
        for (int j = 0; j < local.cols; j++, at += local.step) {
            const uint8_t where = argmax[j * K + k];
            *e = (struct entry){at + local.offset[where], g[j * K + k]};
            e += where != KERNELS_DEAD;
        }
        n[k] = (uint32_t)(e - first);
        for (const struct entry *s = added; s < e && k >= whole; s++)
            sums[k] += s->g;
    }
    for (int k = 0; k < whole; k += LANES) {
        vec sum = load(sums + k);
        for (int j = 0; j < local.cols; j++)
            sum += select(widen(argmax + j * K + k) != KERNELS_DEAD, load(g + j * K + k), (vec){0});
        store(sums + k, sum);
    }
}

static void sparse_sum(float *y, size_t y_row, const float *x, size_t x_row, int taps, int run,
                       const struct entry *e, size_t n)
{
    const int rows = taps % 7 == 0 ? 7
        : taps % 5 == 0            ? 5
        : taps % 3 == 0            ? 3
        : taps % 4 == 0            ? 4
                                   : 1;
    const int all = (run + LANES - 1) / LANES, most = rows == 1 ? 8 : SPARSE_TILE / rows,
              blocks = (all + most - 1) / most;
    for (int r = 0; r < taps; r += rows, x += rows * x_row, y += rows * y_row)
        for (int block = 0; block < blocks; block++) {
            const int v = all * block / blocks, vecs = all * (block + 1) / blocks - v;
            float *to = y + v * LANES;
            const float *from = x + v * LANES;
#if defined(__AVX512F__)
            if (rows == 7 && all == 2 && (run - 1) % LANES < 8) {
                windows(7, 1, true, to, y_row, from, x_row, e, n);
                continue;
            }
#endif
            switch (rows * 16 + vecs) {
            case 112 + 1:
                windows(7, 1, false, to, y_row, from, x_row, e, n);
                break;
            case 80 + 1:
                windows(5, 1, false, to, y_row, from, x_row, e, n);
                break;
            case 80 + 2:
                windows(5, 2, false, to, y_row, from, x_row, e, n);
                break;
            case 48 + 1:
                windows(3, 1, false, to, y_row, from, x_row, e, n);
                break;
            case 48 + 2:
                windows(3, 2, false, to, y_row, from, x_row, e, n);
                break;
            case 48 + 3:
                windows(3, 3, false, to, y_row, from, x_row, e, n);
                break;
            case 48 + 4:
                windows(3, 4, false, to, y_row, from, x_row, e, n);
                break;
            case 64 + 1:
                windows(4, 1, false, to, y_row, from, x_row, e, n);
                break;
            case 64 + 2:
                windows(4, 2, false, to, y_row, from, x_row, e, n);
                break;
            case 64 + 3:
                windows(4, 3, false, to, y_row, from, x_row, e, n);
                break;
            case 16 + 1:
                windows(1, 1, false, to, y_row, from, x_row, e, n);
                break;
            case 16 + 2:
                windows(1, 2, false, to, y_row, from, x_row, e, n);
                break;
            case 16 + 3:
                windows(1, 3, false, to, y_row, from, x_row, e, n);
                break;
            case 16 + 4:
                windows(1, 4, false, to, y_row, from, x_row, e, n);
                break;
            case 16 + 5:
                windows(1, 5, false, to, y_row, from, x_row, e, n);
                break;
            case 16 + 6:
                windows(1, 6, false, to, y_row, from, x_row, e, n);
                break;
            case 16 + 7:
                windows(1, 7, false, to, y_row, from, x_row, e, n);
                break;
            case 16 + 8:
                windows(1, 8, false, to, y_row, from, x_row, e, n);
                break;
#if defined(__AVX512F__)
            case 112 + 2:
                windows(7, 2, false, to, y_row, from, x_row, e, n);
                break;
            case 112 + 3:
                windows(7, 3, false, to, y_row, from, x_row, e, n);
                break;
            case 80 + 3:
                windows(5, 3, false, to, y_row, from, x_row, e, n);
                break;
            case 80 + 4:
                windows(5, 4, false, to, y_row, from, x_row, e, n);
                break;
            case 80 + 5:
                windows(5, 5, false, to, y_row, from, x_row, e, n);
                break;
            case 64 + 4:
                windows(4, 4, false, to, y_row, from, x_row, e, n);
                break;
            case 64 + 5:
                windows(4, 5, false, to, y_row, from, x_row, e, n);
                break;
            case 64 + 6:
                windows(4, 6, false, to, y_row, from, x_row, e, n);
                break;
            case 48 + 5:
                windows(3, 5, false, to, y_row, from, x_row, e, n);
                break;
            case 48 + 6:
                windows(3, 6, false, to, y_row, from, x_row, e, n);
                break;
            case 48 + 7:
                windows(3, 7, false, to, y_row, from, x_row, e, n);
                break;
            case 48 + 8:
                windows(3, 8, false, to, y_row, from, x_row, e, n);
                break;
#endif
            default:
                assert(!"a tile");
            }
        }
}

/* --- batch normalisation --- */

typedef double dvec __attribute__((vector_size(4 * LANES), may_alias));
typedef float part __attribute__((vector_size(2 * LANES)));

INLINE void to_double(dvec wide[2], vec v)
{
    part parts[2];
    memcpy(parts, &v, sizeof parts);
    wide[0] = __builtin_convertvector(parts[0], dvec);
    wide[1] = __builtin_convertvector(parts[1], dvec);
}

/* sum[i] += v[i] in double, LANES of them. */
INLINE void add_double(dvec sum[2], vec v)
{
    dvec wide[2];
    to_double(wide, v);
    sum[0] += wide[0];
    sum[1] += wide[1];
}

INLINE void add_part(double *total, const dvec sum[2], int n)
{
    for (int l = 0; l < LANES && l < n; l++)
        total[l] += sum[l / (LANES / 2)][l % (LANES / 2)];
}

static void norm_sums(double *sum, double *square, const float *z, size_t n, int channels)
{
    for (int k = 0; k < channels; k += LANES) {
        dvec s[2] = {0}, s2[2] = {0};
        for (size_t i = 0; i < n; i++) {
            const vec v = load(z + i * channels + k);
            add_double(s, v);
            add_double(s2, v * v);
        }
        add_part(sum + k, s, channels - k);
        add_part(square + k, s2, channels - k);
    }
}

static void norm_relu_pool(float *y, uint8_t *argmax, const float *z, const struct norm *n)
{
    const int K = n->channels;
    for (int j = 0; j < n->cols; j++, z += 2 * K, y += n->y_col)
        for (int k = 0; k < K; k += LANES) {
            const vec scale = load(n->scale + k), shift = load(n->shift + k);
            pool(y + k, argmax == NULL ? NULL : argmax + j * n->y_col + k,
                 load(z + k) * scale + shift, load(z + K + k) * scale + shift,
                 load(z + n->z_row + k) * scale + shift, load(z + n->z_row + K + k) * scale + shift,
                 K - k);
        }
}

static void norm_gradient_sums(double *sum, double *product, const float *g, const uint8_t *argmax,
                               const float *z, const struct norm *n)
{
    const int K = n->channels;
    for (int k = 0; k < K; k += LANES) {
        const vec centre = load(n->centre + k), spread = load(n->spread + k), zero = {0};
        dvec s[2] = {0}, s2[2] = {0};
        for (int j = 0; j < n->cols; j++) {
            const float *from = z + 2 * (size_t)j * K + k;
            const ivec where = taken(argmax + (size_t)j * K + k, K - k);
            const vec upper = select(where == 0, load(from), load(from + K));
            const vec lower = select(where == 2, load(from + n->z_row), load(from + n->z_row + K));
            const vec alive = select(where == KERNELS_DEAD, zero, load(g + (size_t)j * K + k));
            add_double(s, alive);
            add_double(s2, alive * ((select(where < 2, upper, lower) - centre) * spread));
        }
        add_part(sum + k, s, K - k);
        add_part(product + k, s2, K - k);
    }
}

static void norm_gradient(float *z, const float *g, const uint8_t *argmax, const struct norm *n)
{
    const int K = n->channels;
    for (int j = 0; j < n->cols; j++, z += 2 * K, g += K, argmax += K)
        for (int k = 0; k < K; k += LANES) {
            const ivec where = taken(argmax + k, K - k);
            const vec taking = load(n->scale + k) * load(g + k), zero = {0};
            vec dz[4];
#pragma GCC unroll 4
            for (int q = 0; q < 4; q++) {
                const vec zn = (load(z + (q / 2) * n->z_row + q % 2 * K + k) - load(n->centre + k))
                    * load(n->spread + k);
                dz[q] =
                    select(where == q, taking, zero) - load(n->dz_a + k) - load(n->dz_b + k) * zn;
            }
#pragma GCC unroll 4
            for (int q = 0; q < 4; q++)
                store_part(z + (q / 2) * n->z_row + q % 2 * K + k, dz[q], K - k);
        }
}

/* --- activation and loss --- */

/* 2^n for integers n in [-126, 127] */
INLINE vec power2(vec n)
{
    return (vec)((__builtin_convertvector(n, ivec) + 127) << 23);
}

/* exp(-a), a in [0, 87] (larger counts as 87): 2^n * exp(r), |r| <= ln2/2; about 1 ulp. */
INLINE vec exp_negative(vec a)
{
    const vec limit = (vec){0} + 87.0f;
    const vec big = (vec){0} + 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    vec n, r, p;
    a = select(a > limit, limit, a);
    n = (a * -1.44269504f + big) - big;
    r = -a - n * 0.693145752f; /* ln 2 in two parts; the first has 15 bits */
    r = r - n * 1.42860677e-6f;
    p = r * 1.98756915e-4f + 1.39819995e-3f;
    p = p * r + 8.33345205e-3f;
    p = p * r + 4.16657962e-2f;
    p = p * r + 1.66666657e-1f;
    p = p * r + 0.5f;
    p = p * r * r + r;
    return (p + 1.0f) * power2(n);
}

/* log(1+u), u in [0, 1]: 2 atanh(s), s = u/(2+u) <= 1/3, by its series. */
INLINE vec log1p_series(vec s)
{
    const vec s2 = s * s;
    vec p = s2 * (1.0f / 15) + 1.0f / 13;
    p = p * s2 + 1.0f / 11;
    p = p * s2 + 1.0f / 9;
    p = p * s2 + 1.0f / 7;
    p = p * s2 + 1.0f / 5;
    p = p * s2 + 1.0f / 3;
    return (p * s2 * s + s) * 2.0f;
}

INLINE vec sigmoid_of(vec a, vec e) /* e = exp(-|a|) */
{
    const vec up = 1.0f / (e + 1.0f);
    return select(a >= (vec){0}, up, e * up);
}

INLINE vec absolute(vec a)
{
    return (vec)((ivec)a & 0x7fffffff);
}

INLINE vec sigmoid_vec(vec a)
{
    return sigmoid_of(a, exp_negative(absolute(a)));
}

static void sigmoid(float *y, const float *a, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, sigmoid_vec(load(a + i)));
    store_part(y + i, sigmoid_vec(load_part(a + i, (int)(n - i))), (int)(n - i));
}

enum {
    SUMS = 16,
    SUM_VECTORS = 2 * SUMS / LANES
}; /* partial sums of a loss: element i goes to sum i % SUMS, whatever the width */

/* The first N of them. */
static double fold_sums(double total, const dvec *sum, int n)
{
    for (int i = 0; i < n; i++)
        total += ((const double *)sum)[i];
    return total;
}

/* SUMS elements; d as a store is optional to the caller. */
INLINE void bce_part(float *d, dvec *sum, const float *a, const float *t, float scale)
{
#pragma GCC unroll 4
    for (int l = 0; l < SUMS; l += LANES) {
        const vec va = load(a + l), vt = load(t + l), zero = {0}, limit = zero + KERNELS_CLIP,
                  size = absolute(va);
        const ivec clipped = size > limit;
        const vec e = exp_negative(size), u = select(clipped, zero + 1.0000001e-7f, e);
        const vec both = 1.0f / ((e + 1.0f) * (u + 2.0f)),
                  up = both * (u + 2.0f); /* one division for 1/(1+e) and 1/(2+u) */
        const vec y = select(va >= zero, up, e * up),
                  z = select(clipped, select(va >= zero, limit, -limit), va);
        add_double(sum + 2 * l / LANES,
                   select(z > zero, z, zero) - z * vt + log1p_series(u * (both * (e + 1.0f))));
        store(d + l, select(clipped, zero, (y - vt) * scale));
    }
}

static double bce(float *d, const float *a, const float *t, size_t n, float scale)
{
    dvec sum[SUM_VECTORS] = {0}, rest[SUM_VECTORS] = {0};
    float unused[SUMS], pa[SUMS] = {0}, pt[SUMS] = {0};
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        bce_part(d == NULL ? unused : d + i, sum, a + i, t + i, scale);
    memcpy(pa, a + i, (n - i) * sizeof *a);
    memcpy(pt, t + i, (n - i) * sizeof *t);
    bce_part(unused, rest, pa, pt, scale);
    if (d != NULL)
        memcpy(d + i, unused, (n - i) * sizeof *d);
    return fold_sums(fold_sums(0, sum, SUMS), rest, (int)(n - i));
}

/* SUMS elements. */
INLINE void mse_part(float *d, dvec *sum, const float *y, const float *t, float scale)
{
#pragma GCC unroll 4
    for (int l = 0; l < SUMS; l += LANES) {
        const vec e = load(y + l) - load(t + l);
        dvec wide[2];
        to_double(wide, e);
        sum[2 * l / LANES] += wide[0] * wide[0];
        sum[2 * l / LANES + 1] += wide[1] * wide[1];
        store(d + l, e * 2.0f * scale);
    }
}

static double mse(float *d, const float *y, const float *t, size_t n, float scale)
{
    dvec sum[SUM_VECTORS] = {0};
    float unused[SUMS], py[SUMS] = {0}, pt[SUMS] = {0};
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        mse_part(d == NULL ? unused : d + i, sum, y + i, t + i, scale);
    memcpy(py, y + i, (n - i) * sizeof *y);
    memcpy(pt, t + i, (n - i) * sizeof *t);
    mse_part(unused, sum, py, pt, scale); /* behind the end 0 - 0 adds nothing */
    if (d != NULL)
        memcpy(d + i, unused, (n - i) * sizeof *d);
    return fold_sums(0, sum, SUMS);
}

/* --- noise --- */

typedef uint64_t wvec __attribute__((vector_size(4 * LANES)));

enum {
    BLOCKS = 16,
    NUMBERS = 4 * BLOCKS
}; /* blocks of the generator at once, whatever the width, and their numbers */

/* The words of a*m: of the even lanes and of the odd ones by themselves, which are products of 64
 * bits. */
INLINE void multiply_words(uvec *high, uvec *low, uvec a, uint32_t m)
{
    const uint64_t word = 0xffffffff;
    const wvec even = ((wvec)a & word) * m, odd = ((wvec)a >> 32) * m;
    *low = (uvec)((even & word) | (odd << 32));
    *high = (uvec)((even >> 32) | (odd & ~word));
}

/* (0, 1] in steps of 2^-24, exactly */
INLINE vec uniform_of(uvec word)
{
    return (__builtin_convertvector((ivec)(word >> 8), vec) + 1.0f) * 0x1p-24f;
}

/* u = m * 2^n with m from sqrt(1/2) to sqrt(2), and log m = 2 atanh((m-1)/(m+1)) */
INLINE vec log_of(vec u)
{
    const ivec n = ((ivec)u - 0x3f3504f3) >> 23;
    const vec m = (vec)((uvec)u - ((uvec)n << 23));
    return __builtin_convertvector(n, vec) * 0.693147181f + log1p_series((m - 1.0f) / (m + 1.0f));
}

/* Two normal numbers of two words (Box and Muller): by their angle, a quarter turn q and |t| <= 1/2
 * of one, and by their radius. */
INLINE void normal_pair(float *z0, float *z1, uvec word0, uvec word1)
{
    const vec quarters = __builtin_convertvector((ivec)(word1 >> 8), vec) * 0x1p-22f;
    const ivec q = __builtin_convertvector(quarters + 0.5f, ivec);
    const vec a = (quarters - __builtin_convertvector(q, vec)) * 1.57079633f, a2 = a * a;
    vec s = a2 * (1.0f / 362880) - 1.0f / 5040, c = a2 * (1.0f / 40320) - 1.0f / 720;
    const ivec swap = -(q & 1);
    vec cosine, sine;
    float radius[LANES] __attribute__((aligned(64)));
    s = s * a2 + 1.0f / 120;
    s = s * a2 - 1.0f / 6;
    s = s * a2 * a + a;
    c = c * a2 + 1.0f / 24;
    c = c * a2 - 0.5f;
    c = c * a2 + 1.0f;
    cosine = (vec)((ivec)select(swap, s, c) ^ (ivec)((uvec)((q + 1) & 2) << 30));
    sine = (vec)((ivec)select(swap, c, s) ^ (ivec)((uvec)(q & 2) << 30));
    *(vec *)radius = log_of(uniform_of(word0)) * -2.0f;
    for (int l = 0; l < LANES; l++)
        radius[l] = __builtin_sqrtf(radius[l]);
    store(z0, *(vec *)radius * cosine);
    store(z1, *(vec *)radius * sine);
}

/* z[16*k + b]: number k of block FIRST + b. */
INLINE void normal_numbers(float *z, const struct rng *stream, uint32_t first)
{
    const uvec lane = LANE_NUMBERS;
    for (int b = 0; b < BLOCKS; b += LANES) {
        uvec c0 = lane + (first + (uint32_t)b), c1 = (uvec){0} + stream->counter[1],
             c2 = (uvec){0} + stream->counter[2], c3 = (uvec){0} + stream->counter[3];
        uvec high0, low0, high2, low2;
        uint32_t k0 = stream->key[0], k1 = stream->key[1];
        for (int round = 0; round < 10; round++, k0 += RNG_WEYL0, k1 += RNG_WEYL1) {
            multiply_words(&high0, &low0, c0, RNG_MULTIPLIER0);
            multiply_words(&high2, &low2, c2, RNG_MULTIPLIER2);
            c0 = high2 ^ c1 ^ k0, c1 = low2, c2 = high0 ^ c3 ^ k1, c3 = low0;
        }
        normal_pair(z + b, z + BLOCKS + b, c0, c1);
        normal_pair(z + 2 * BLOCKS + b, z + 3 * BLOCKS + b, c2, c3);
    }
}

static void noise(float *y, const float *x, size_t n, float sigma, float low, float high,
                  const struct rng *stream)
{
    const vec least = (vec){0} + low, most = (vec){0} + high;
    float z[NUMBERS] __attribute__((aligned(64)));
    for (size_t i = 0; i < n; i += NUMBERS) {
        const int some = n - i < NUMBERS ? (int)(n - i) : NUMBERS;
        normal_numbers(z, stream, (uint32_t)(i / NUMBERS * BLOCKS));
        for (int j = 0; j < some; j += LANES) {
            vec v = load_part(x + i + j, some - j) + load(z + j) * sigma;
            v = select(v < least, least, v);
            store_part(y + i + j, select(v > most, most, v), some - j);
        }
    }
}

const struct kernels TABLE = {
    .name = NAME,
    .lanes = LANES,
    .conv = conv,
    .conv_relu_pool = conv_relu_pool,
    .conv_dw = conv_dw,
    .winograd_pack = winograd_pack,
    .winograd_fold = winograd_fold,
    .winograd_relu_pool = winograd_relu_pool,
    .winograd_conv = winograd_conv,
    .winograd_backward = winograd_backward,
    .conv_dot = conv_dot,
    .sparse_list = sparse_list,
    .sparse_sum = sparse_sum,
    .norm_sums = norm_sums,
    .norm_relu_pool = norm_relu_pool,
    .norm_gradient_sums = norm_gradient_sums,
    .norm_gradient = norm_gradient,
    .sigmoid = sigmoid,
    .bce = bce,
    .mse = mse,
    .noise = noise,
};
