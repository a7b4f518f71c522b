/* winograd: minimal filtering: input transform, products at the points, inverse transform. */
#include "kernels-transforms.h"

/* The inverse transforms: points, and the kernel. */
#define EACH_POOLED_ROWS(DO) \
    DO(4, 3) DO(6, 3) DO(6, 5) DO(8, 3) DO(8, 5) DO(8, 7) DO(10, 7) DO(10, 9)
#define EACH_POOLED_TILES(DO) DO(4, 3) DO(6, 3) DO(6, 5) DO(8, 5)
#define EACH_UP_TO_6(DO) DO(4, 2) DO(4, 3) DO(6, 2) DO(6, 3) DO(6, 4) DO(6, 5)
#define EACH_OF_8(DO) DO(8, 2) DO(8, 3) DO(8, 4) DO(8, 5) DO(8, 6) DO(8, 7)
#define EACH_BACKWARD(DO) EACH_UP_TO_6(DO) EACH_OF_8(DO)
#define EACH_FORWARD(DO) EACH_BACKWARD(DO) DO(10, 7) DO(10, 9)

void KERNELS(winograd_pack)(float *u, const float *w, const float *scale, const struct winograd *g)
{
    const int R = g->R, C = g->stride * g->stride * g->C, K = g->K, down = g->both ? g->points : 1,
              taps = g->both ? 1 : R, rows = g->both ? R : 1;
    const size_t column = C * g->y_col,
                 point = (size_t)taps * C * ((K + LANES - 1) / LANES * LANES);
    for (int i = 0; i < down * g->points; i++, u += point) {
        float factors[MOST_POINTS][MOST_POINTS]; /* (rows,R) of this point */
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < R; s++)
                factors[r][s] =
                    (float)(transform_factor(g->points, i % g->points, s, R)
                            * (g->both ? transform_factor(g->points, i / g->points, r, R) : 1));
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

void KERNELS(winograd_fold)(float *dw, const float *du, int points, int R, int C, int K)
{
    const size_t row = (size_t)(K + LANES - 1) / LANES * LANES, tap = (size_t)C * LANES,
                 point_size = R * C * row;
    for (int r = 0; r < R; r++)
        for (int s = 0; s < R; s++, dw += C * row) {
            float factors[MOST_POINTS];
            for (int point = 0; point < points; point++)
                factors[point] = (float)transform_factor(points, point, s, R);
            for (int k0 = 0; k0 < K; k0 += LANES) {
                const float *from = du + ((size_t)k0 / LANES * R + r) * tap;
                for (int c = 0; c < C; c++, from += LANES) {
                    vec sum = {0};
                    for (int point = 0; point < points; point++)
                        sum += *(const vec *)(from + point * point_size) * factors[point];
                    store(dw + c * row + k0, sum);
                }
            }
        }
}

/* The columns of a row of x, C floats each, by their place in a tile of M: column u + M*t to
 * columns[u % M][t + u/M], (M,TILE_COLUMNS,C). Writes up to L-1 floats beyond a column, which the
 * next one overwrites. */
static void deinterleave(int points, float *columns, const float *x, int M, int tiles,
                         int tile_columns, int C)
{
    for (int place = 0; place < M; place++)
        for (int t = 0; t < tiles + (points - 1 - place) / M; t++)
            for (int c = 0; c < C; c += LANES)
                store(columns + (place * tile_columns + t) * C + c,
                      load(x + (t * M + place) * C + c));
}

/* Input transform along the rows, of what TILE_ROWS rows of tiles see: v[point,row,tile,channel].
 */
INLINE void transform_rows(int points, float *v, const float *x, const struct winograd *g,
                           const struct winograd_sizes *z, int tile_rows, float *columns)
{
    const int M = points + 1 - g->R, pixel = g->stride * g->C,
              tile_columns = z->tiles + (points - 1) / M;
    size_t at[MOST_POINTS]; /* of a tile's columns */
    for (int u = 0; u < points; u++)
        at[u] = z->deinterleaved == 0 ? (size_t)u * pixel
                                      : (size_t)(u % M * tile_columns + u / M) * pixel;
    for (int r = 0; r < tile_rows + g->R - 1; r++) {
        const float *row = x + r * g->stride * g->x_row;
        if (z->deinterleaved > 0) {
            deinterleave(points, columns, row, M, z->tiles, tile_columns, pixel);
            row = columns;
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
                    input_transform(points, p, d);
#pragma GCC unroll 10
                    for (int point = 0; point < points; point++)
                        store(to + q + point * z->v_point, p[point]);
                }
            }
    }
}

/* Likewise along both axes, v[point of the rows, point of the columns,...]. BELOW: rows of x from
 * here to its end; those behind it count as 0. */
INLINE void transform_tiles(int points, float *v, const float *x, const struct winograd *g,
                            const struct winograd_sizes *z, int tile_rows, int below)
{
    const int M = points + 1 - g->R;
    for (int row = 0; row < tile_rows; row++)
        for (int t = 0; t < z->tiles; t++, v += z->v_col)
            for (int q = 0; q < z->span; q += LANES) {
                vec rows[8][MOST_POINTS], d[MOST_POINTS], p[MOST_POINTS];
                for (int r = 0; r < points; r++) {
                    const float *from = x + (row * M + r) * g->x_row + (size_t)t * M * g->C + q;
#pragma GCC unroll 8
                    for (int u = 0; u < points; u++)
                        d[u] = row * M + r < below ? load(from + (size_t)u * g->C) : (vec){0};
                    input_transform(points, rows[r], d);
                }
                for (int i = 0; i < points; i++) {
#pragma GCC unroll 8
                    for (int r = 0; r < points; r++)
                        d[r] = rows[r][i];
                    input_transform(points, p, d);
#pragma GCC unroll 8
                    for (int r = 0; r < points; r++)
                        store(v + q + (size_t)(r * points + i) * z->v_point, p[r]);
                }
            }
}

static void transform_input(float *v, const float *x, const struct winograd *g,
                            const struct winograd_sizes *z, int tile_rows, int below,
                            float *columns)
{
    switch (g->points * 10 + g->both) {
        CASE(40, transform_rows(4, v, x, g, z, tile_rows, columns));
        CASE(60, transform_rows(6, v, x, g, z, tile_rows, columns));
        CASE(80, transform_rows(8, v, x, g, z, tile_rows, columns));
        CASE(100, transform_rows(10, v, x, g, z, tile_rows, columns));
        CASE(41, transform_tiles(4, v, x, g, z, tile_rows, below));
        CASE(61, transform_tiles(6, v, x, g, z, tile_rows, below));
        CASE(81, transform_tiles(8, v, x, g, z, tile_rows, below));
    default:
        assert(!"an input transform");
    }
}

/* The products at one point, m from v: a conv whose positions are the tiles of TILE_ROWS rows. Of
 * several images, each is a row of positions: a channel block of the kernel serves them all. */
static struct conv products_of(const struct winograd *g, const struct winograd_sizes *z,
                               int tile_rows, size_t images)
{
    const int tiles = tile_rows * z->tiles, halves = tiles % 2 == 0 ? 2 : 1,
              rows = images > 1 ? (int)images : halves, cols = images > 1 ? tiles : tiles / halves;
    return (struct conv){.rows = rows,
                         .cols = cols,
                         .taps = z->taps,
                         .run = g->stride * g->stride * g->C,
                         .channels = (int)z->m_col,
                         .x_row = images > 1 ? z->v_image : cols * z->v_col,
                         .x_col = z->v_col,
                         .x_tap = z->tiles * z->v_col,
                         .y_row = images > 1 ? z->m_image : cols * z->m_col,
                         .y_col = z->m_col};
}

/* Floats of a point's kernel. */
static size_t kernel_size(const struct conv *products)
{
    return (size_t)products->taps * products->run * products->channels;
}

static void multiply(float *m, const float *v, const float *u, const struct conv *products,
                     const struct winograd_sizes *z)
{
    for (int point = 0; point < z->n_points; point++)
        KERNELS(table).conv(m + point * z->m_point, v + point * z->v_point,
                            u + point * kernel_size(products), NULL, products);
}

/* Where pooled position (0,0) of a group of rows goes, and its argmax unless NULL. */
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

/* Inverse transform along the rows, bias, pool and relu: ROWS pooled rows. */
INLINE void inverse_pool_rows(int points, int R, const struct pooled_at *to, const float *m,
                              const struct winograd_sizes *z, const float *b, int rows)
{
    const int M = points + 1 - R;
    const size_t line = z->tiles * z->m_col;
    for (int i = 0; i < rows; i++, m += line)
        for (int t = 0; t < z->tiles; t++, m += z->m_col)
            for (int k = 0; k < to->K; k += LANES) {
                vec upper[8], lower[8];
                const vec bias = *(const vec *)(b + k);
                inverse_transform(points, M, upper, m + k, z->m_point);
                inverse_transform(points, M, lower, m + line + k, z->m_point);
#pragma GCC unroll 4
                for (int j = 0; j < M; j += 2)
                    if ((t * M + j) / 2 < to->W)
                        pool_to(to, i, (t * M + j) / 2, k, upper[j] + bias, upper[j + 1] + bias,
                                lower[j] + bias, lower[j + 1] + bias);
            }
}

/* Likewise along both axes. */
INLINE void inverse_pool_tiles(int points, int R, const struct pooled_at *to, const float *m,
                               const struct winograd_sizes *z, const float *b, int rows)
{
    const int M = points + 1 - R;
    for (int top = 0; top < rows; top += M / 2)
        for (int t = 0; t < z->tiles; t++, m += z->m_col)
            for (int k = 0; k < to->K; k += LANES) {
                vec across[8][8], left[8], right[8]; /* by point of the rows, then column */
                const vec bias = *(const vec *)(b + k);
                for (int i = 0; i < points; i++)
                    inverse_transform(points, M, across[i], m + i * points * z->m_point + k,
                                      z->m_point);
                for (int j = 0; j < M && (t * M + j) / 2 < to->W; j += 2) {
                    inverse_transform(points, M, left, (const float *)&across[0][j], 8 * LANES);
                    inverse_transform(points, M, right, (const float *)&across[0][j + 1],
                                      8 * LANES);
#pragma GCC unroll 4
                    for (int i = 0; i < M; i += 2)
                        if (top + i / 2 < rows)
                            pool_to(to, top + i / 2, (t * M + j) / 2, k, left[i] + bias,
                                    right[i] + bias, left[i + 1] + bias, right[i + 1] + bias);
                }
            }
}

static void inverse_pool(const struct pooled_at *to, const float *m, const struct winograd *g,
                         const struct winograd_sizes *z, const float *b, int rows)
{
    switch (g->points * 100 + g->R * 10 + g->both) {
#define ROWS(points, R) \
    CASE(points * 100 + R * 10, inverse_pool_rows(points, R, to, m, z, b, rows));
#define TILES(points, R) \
    CASE(points * 100 + R * 10 + 1, inverse_pool_tiles(points, R, to, m, z, b, rows));
        EACH_POOLED_ROWS(ROWS);
        EACH_POOLED_TILES(TILES);
    default:
        assert(!"an inverse transform under a pool");
    }
}

/* Columns of tile T, those within the row. */
INLINE void store_columns(int M, float *y, const vec columns[8], int t, int k,
                          const struct winograd *g)
{
#pragma GCC unroll 7
    for (int j = 0; j < M; j++)
        if (t * M + j < g->W)
            store_part(y + (size_t)(t * M + j) * g->y_col + k, columns[j], g->K - k);
}

/* Inverse transform and bias of one row. */
INLINE void inverse_row(int points, int M, float *y, const float *m, const float *b,
                        const struct winograd *g, const struct winograd_sizes *z)
{
    for (int t = 0; t < z->tiles; t++, m += z->m_col)
        for (int k = 0; k < g->K; k += LANES) {
            vec columns[8];
            inverse_transform(points, M, columns, m + k, z->m_point);
#pragma GCC unroll 7
            for (int j = 0; j < M; j++)
                columns[j] += *(const vec *)(b + k);
            store_columns(M, y, columns, t, k, g);
        }
}

static void inverse_rows(float *y, const float *m, const struct winograd *g,
                         const struct winograd_sizes *z, const float *b, int rows)
{
    for (int i = 0; i < rows; i++, y += g->y_row, m += z->tiles * z->m_col)
        switch (g->points * 10 + g->R) {
#define ROW(points, R) CASE(points * 10 + R, inverse_row(points, points + 1 - R, y, m, b, g, z));
            EACH_FORWARD(ROW);
        default:
            assert(!"an inverse transform");
        }
}

/* Rows ROW to ROW+ROWS of an image y, and of its argmax unless NULL. */
static void inverse(float *y, uint8_t *argmax, const float *m, const struct winograd *g,
                    const struct winograd_sizes *z, const float *b, int row, int rows)
{
    if (g->pooled) {
        const size_t at = (size_t)(row / 2) * (g->W / 2) * g->y_col;
        const struct pooled_at to = {.y = y + row / 2 * g->y_row,
                                     .argmax = argmax == NULL ? NULL : argmax + at,
                                     .y_row = g->y_row,
                                     .y_col = g->y_col,
                                     .W = g->W / 2,
                                     .K = g->K};
        inverse_pool(&to, m, g, z, b, rows / 2);
    } else {
        inverse_rows(y + row * g->y_row, m, g, z, b, rows);
    }
}

void KERNELS(winograd_forward)(float *y, uint8_t *argmax, const float *x, const float *u,
                               const float *b, const struct winograd *g, size_t n, size_t x_image,
                               size_t y_image, float *scratch)
{
    const struct winograd_sizes z = kernels_winograd_sizes(g, LANES);
    const size_t argmax_image = (size_t)(g->H / 2) * (g->W / 2) * g->y_col;
    float *v = scratch, *m = scratch + z.images * z.v_image, *columns = m + z.images * z.m_image;
    const int band_rows = z.band * z.height, group_rows = z.group * z.height;
    for (size_t first = 0; first < n; first += z.images)
        for (int band = 0; band < g->H; band += band_rows) {
            const size_t images = n - first < z.images ? n - first : z.images;
            const int end = g->H - band < band_rows ? g->H : band + band_rows;
            for (size_t i = 0; i < images; i++)
                transform_input(v + i * z.v_image, x + (first + i) * x_image + band * g->x_row, g,
                                &z, (end - band + z.height - 1) / z.height, g->H - band + g->R - 1,
                                columns);
            for (int row = band; row < end; row += group_rows) {
                const int rows = end - row < group_rows ? end - row : group_rows;
                const struct conv products =
                    products_of(g, &z, (rows + z.height - 1) / z.height, images);
                multiply(m, v + (row - band) / z.height * z.tiles * z.v_col, u, &products, &z);
                for (size_t i = 0; i < images; i++)
                    inverse(y + (first + i) * y_image,
                            argmax == NULL ? NULL : argmax + (first + i) * argmax_image,
                            m + i * z.m_image, g, &z, b, row, rows);
            }
        }
}

/* A row of dsmall by the inverse transform of m; then the adjoint transform of the row of small
 * goes to m, as conv_dw wants it. Reads a tile of small before it writes that of dsmall: they may
 * be one place. */
INLINE void inverse_adjoint_row(int points, int R, float *dsmall, float *m, const float *small,
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
            inverse_transform(points, M, columns, m + k, z->m_point);
            store_columns(M, dsmall, columns, t, k, g);
            adjoint_transform(points, M, m + k, z->m_point, own);
        }
}

static void inverse_adjoint(float *to, float *m, const float *from, const struct winograd *g,
                            const struct winograd_sizes *z)
{
    switch (g->points * 10 + g->R) {
#define ADJOINT(points, R) CASE(points * 10 + R, inverse_adjoint_row(points, R, to, m, from, g, z));
        EACH_BACKWARD(ADJOINT);
    default:
        assert(!"an inverse transform and its adjoint");
    }
}

void KERNELS(winograd_backward)(float *dsmall, float *du, const float *dy, const float *small,
                                const float *u, const struct winograd *g, size_t n, size_t dy_image,
                                size_t small_row, size_t small_image, size_t dsmall_image,
                                float *scratch)
{
    const struct winograd_sizes z = kernels_winograd_sizes(g, LANES);
    float *v = scratch, *m = scratch + z.images * z.v_image, *columns = m + z.images * z.m_image;
    for (size_t first = 0; first < n; first += z.images)
        for (int band = 0; band < g->H; band += z.band) {
            const size_t images = n - first < z.images ? n - first : z.images;
            const int end = g->H - band < z.band ? g->H : band + z.band;
            for (size_t i = 0; i < images; i++)
                transform_input(v + i * z.v_image,
                                dy + (first + i) * dy_image + band * g->stride * g->x_row, g, &z,
                                end - band, 0, columns);
            for (int row = band; row < end; row += z.group) {
                const int rows = end - row < z.group ? end - row : z.group;
                const float *here = v + (row - band) * z.tiles * z.v_col;
                const struct conv products = products_of(g, &z, rows, images);
                multiply(m, here, u, &products, &z);
                for (size_t i = 0; i < images; i++)
                    for (int r = 0; r < rows; r++)
                        inverse_adjoint(dsmall + (first + i) * dsmall_image + (row + r) * g->y_row,
                                        m + i * z.m_image + r * z.tiles * z.m_col,
                                        small + (first + i) * small_image + (row + r) * small_row,
                                        g, &z);
                for (int point = 0; point < g->points; point++)
                    KERNELS(table).conv_dw(du + point * kernel_size(&products),
                                           here + point * z.v_point, m + point * z.m_point,
                                           &products, 1, 0, 0);
            }
        }
}
