/* winograd: minimal filtering: input transform, products at the points, inverse transform. */
#include "kernels-transforms.h"

/* The inverse transforms: points, and the kernel. */
#define EACH_POOLED_ROWS(DO) \
    DO(4, 3) DO(6, 3) DO(6, 5) DO(8, 3) DO(8, 5) DO(8, 7) DO(10, 7) DO(10, 9)
#define EACH_POOLED_TILES(DO) DO(4, 3) DO(6, 3) DO(6, 5) DO(8, 5)
#define EACH_ROWS(DO) EACH_POOLED_ROWS(DO) DO(4, 2) DO(6, 2) DO(6, 4) DO(8, 2) DO(8, 4) DO(8, 6)

/* Row R, element C of a kernel's pixels as x has them: of a stride of 2 those of 2x2 pixels, which
 * the plain kernel (2R,2R,C,row) has in two rows. */
static size_t plain_place(const struct winograd *g, int r, int c, size_t row)
{
    const int stride = g->stride, upper = c / (stride * g->C), rest = c % (stride * g->C);
    return ((size_t)(r * stride + upper) * stride * g->R * g->C + rest) * row;
}

void KERNELS(winograd_pack)(float *u, const float *w, const float *scale, const struct winograd *g)
{
    const int R = g->R, C = g->stride * g->stride * g->C, K = g->K, rows = g->both ? R : 1,
              points = g->points;
    const size_t column = (size_t)g->stride * g->C * K;
    for (int i = 0; i < g->n_points; i++, u += g->taps * C * g->m_col) {
        float factors[MOST_POINTS][MOST_POINTS]; /* (rows,R) of this point */
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < R; s++)
                factors[r][s] =
                    (float)(transform_factor(points, i % points, s, R)
                            * (g->both ? transform_factor(points, i / points, r, R) : 1));
        for (int k0 = 0; k0 < K; k0 += LANES) {
            const int n = K - k0 < LANES ? K - k0 : LANES;
            vec scales = (vec){0} + 1.0f;
            float *to = u + (size_t)k0 * g->taps * C;
            if (scale != NULL)
                scales = load_part(scale + k0, n);
            for (int tap = 0; tap < g->taps; tap++)
                for (int c = 0; c < C; c++, to += LANES) {
                    const float *from = w + plain_place(g, tap, c, (size_t)K) + k0;
                    vec sum = {0};
                    for (int r = 0; r < rows; r++)
                        for (int s = 0; s < R; s++, from += column)
                            sum += load_part(from, n) * factors[r][s];
                    *(vec *)to = sum * scales;
                }
        }
    }
}

void KERNELS(winograd_fold)(float *dw, const float *du, const struct winograd *g)
{
    const int R = g->R, C = g->stride * g->stride * g->C;
    const size_t row = g->m_col, column = (size_t)g->stride * g->C * row, point_size = R * C * row;
    for (int s = 0; s < R; s++) {
        float factors[MOST_POINTS];
        for (int point = 0; point < g->points; point++)
            factors[point] = (float)transform_factor(g->points, point, s, R);
        for (int k0 = 0; k0 < g->K; k0 += LANES)
            for (int r = 0; r < R; r++)
                for (int c = 0; c < C; c++, du += LANES) {
                    vec sum = {0};
                    for (int point = 0; point < g->points; point++)
                        sum += *(const vec *)(du + point * point_size) * factors[point];
                    store(dw + plain_place(g, r, c, row) + s * column + k0, sum);
                }
        du -= point_size;
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
                           size_t x_row, int tile_rows, float *columns)
{
    const int M = points + 1 - g->R, pixel = g->stride * g->C,
              tile_columns = g->tiles + (points - 1) / M;
    size_t at[MOST_POINTS]; /* of a tile's columns */
    for (int u = 0; u < points; u++)
        at[u] = g->deinterleaved == 0 ? (size_t)u * pixel
                                      : (size_t)(u % M * tile_columns + u / M) * pixel;
    for (int r = 0; r < tile_rows + g->R - 1; r++) {
        const float *row = x + r * g->stride * x_row;
        if (g->deinterleaved > 0) {
            deinterleave(points, columns, row, M, g->tiles, tile_columns, pixel);
            row = columns;
        }
        for (int t = 0; t < g->steps; t++)
            for (int a = 0; a < g->stride; a++) {
                const float *from = row + a * x_row + (size_t)t * M * pixel;
                float *to = v + (r * g->tiles + (size_t)t) * g->v_col + a * g->span;
                for (int q = 0; q < g->span; q += LANES) {
                    vec d[MOST_POINTS], p[MOST_POINTS];
#pragma GCC unroll 10
                    for (int u = 0; u < points; u++)
                        d[u] = load(from + q + at[u]);
                    input_transform(points, p, d);
#pragma GCC unroll 10
                    for (int point = 0; point < points; point++)
                        store(to + q + point * g->v_point, p[point]);
                }
            }
    }
}

/* Likewise along both axes, v[point of the rows, point of the columns,...]. BELOW: rows of x from
 * here to its end; those behind it count as 0. */
INLINE void transform_tiles(int points, float *v, const float *x, const struct winograd *g,
                            size_t x_row, int tile_rows, int below)
{
    const int M = points + 1 - g->R;
    for (int row = 0; row < tile_rows; row++)
        for (int t = 0; t < g->tiles; t++, v += g->v_col)
            for (int q = 0; q < g->span; q += LANES) {
                vec rows[8][MOST_POINTS], d[MOST_POINTS], p[MOST_POINTS];
                for (int r = 0; r < points; r++) {
                    const float *from = x + (row * M + r) * x_row + (size_t)t * M * g->C + q;
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
                        store(v + q + (size_t)(r * points + i) * g->v_point, p[r]);
                }
            }
}

static void transform_input(float *v, const float *x, const struct winograd *g, size_t x_row,
                            int tile_rows, int below, float *columns)
{
    switch (g->points * 10 + g->both) {
        CASE(40, transform_rows(4, v, x, g, x_row, tile_rows, columns));
        CASE(60, transform_rows(6, v, x, g, x_row, tile_rows, columns));
        CASE(80, transform_rows(8, v, x, g, x_row, tile_rows, columns));
        CASE(100, transform_rows(10, v, x, g, x_row, tile_rows, columns));
        CASE(41, transform_tiles(4, v, x, g, x_row, tile_rows, below));
        CASE(61, transform_tiles(6, v, x, g, x_row, tile_rows, below));
        CASE(81, transform_tiles(8, v, x, g, x_row, tile_rows, below));
    default:
        assert(!"an input transform");
    }
}

/* The products at one point, m from v: a conv whose positions are the tiles of TILE_ROWS rows. Of
 * several images, each is a row of positions: a channel block of the kernel serves them all. */
static struct conv products_of(const struct winograd *g, int tile_rows, size_t images)
{
    const int tiles = tile_rows * g->tiles, halves = tiles % 2 == 0 ? 2 : 1,
              rows = images > 1 ? (int)images : halves, cols = images > 1 ? tiles : tiles / halves;
    return (struct conv){.rows = rows,
                         .cols = cols,
                         .taps = g->taps,
                         .run = g->stride * g->stride * g->C,
                         .channels = (int)g->m_col,
                         .x_row = images > 1 ? g->v_image : cols * g->v_col,
                         .x_col = g->v_col,
                         .x_tap = g->tiles * g->v_col,
                         .y_row = images > 1 ? g->m_image : cols * g->m_col,
                         .y_col = g->m_col};
}

/* The rows of an image that a band gives: n of y, before any pooling; argmax, small or NULL. */
struct rows {
    int n;
    float *y;
    uint8_t *argmax;
    const float *small;
    size_t y_row, y_col, argmax_row, small_row;
};

/* Relu and pool of 2x2 positions, I and J the pooled one's row and column. */
INLINE void pool_to(const struct rows *to, int i, int j, int k, vec v0, vec v1, vec v2, vec v3,
                    const struct winograd *g)
{
    pool(to->y + i * to->y_row + j * to->y_col + k,
         to->argmax == NULL ? NULL : to->argmax + i * to->argmax_row + j * to->y_col + k, v0, v1,
         v2, v3, g->K - k);
}

/* Inverse transform along the rows, bias, relu and pool. */
INLINE void pooled_rows(int points, int R, const struct rows *to, const float *m, const float *b,
                        const struct winograd *g)
{
    const int M = points + 1 - R;
    const size_t line = g->tiles * g->m_col;
    for (int i = 0; i < to->n / 2; i++, m += line)
        for (int t = 0; t < g->tiles; t++, m += g->m_col)
            for (int k = 0; k < g->K; k += LANES) {
                vec upper[8], lower[8];
                const vec bias = *(const vec *)(b + k);
                inverse_transform(points, M, upper, m + k, g->m_point);
                inverse_transform(points, M, lower, m + line + k, g->m_point);
#pragma GCC unroll 4
                for (int j = 0; j < M; j += 2)
                    if (t * M + j < g->W)
                        pool_to(to, i, (t * M + j) / 2, k, upper[j] + bias, upper[j + 1] + bias,
                                lower[j] + bias, lower[j + 1] + bias, g);
            }
}

/* Likewise along both axes. */
INLINE void pooled_tiles(int points, int R, const struct rows *to, const float *m, const float *b,
                         const struct winograd *g)
{
    const int M = points + 1 - R;
    for (int top = 0; top < to->n; top += M)
        for (int t = 0; t < g->tiles; t++, m += g->m_col)
            for (int k = 0; k < g->K; k += LANES) {
                vec across[8][8], left[8], right[8]; /* by point of the rows, then column */
                const vec bias = *(const vec *)(b + k);
                for (int i = 0; i < points; i++)
                    inverse_transform(points, M, across[i], m + i * points * g->m_point + k,
                                      g->m_point);
                for (int j = 0; j < M && t * M + j < g->W; j += 2) {
                    inverse_transform(points, M, left, (const float *)&across[0][j], 8 * LANES);
                    inverse_transform(points, M, right, (const float *)&across[0][j + 1],
                                      8 * LANES);
#pragma GCC unroll 4
                    for (int i = 0; i < M; i += 2)
                        if (top + i < to->n)
                            pool_to(to, (top + i) / 2, (t * M + j) / 2, k, left[i] + bias,
                                    right[i] + bias, left[i + 1] + bias, right[i + 1] + bias, g);
                }
            }
}

/* Along the rows without a pool. Backward, the adjoint transform of the row of small then goes to
 * m, as conv_dw wants it. Reads a tile of small before it writes that of y: they may be one place.
 */
INLINE void plain_rows(int points, int R, const struct rows *to, float *m, const float *b,
                       const struct winograd *g)
{
    const int M = points + 1 - R;
    for (int i = 0; i < to->n; i++)
        for (int t = 0; t < g->tiles; t++, m += g->m_col)
            for (int k = 0; k < g->K; k += LANES) {
                vec columns[8], own[8];
                const vec bias = b == NULL ? (vec){0} : *(const vec *)(b + k);
                const size_t at = (size_t)t * M * to->y_col + k;
#pragma GCC unroll 7
                for (int j = 0; j < M; j++)
                    own[j] = to->small == NULL || t * M + j >= g->W
                        ? (vec){0}
                        : load(to->small + i * to->small_row + at + j * to->y_col);
                inverse_transform(points, M, columns, m + k, g->m_point);
#pragma GCC unroll 7
                for (int j = 0; j < M; j++)
                    if (t * M + j < g->W)
                        store_part(to->y + i * to->y_row + at + j * to->y_col, columns[j] + bias,
                                   g->K - k);
                if (to->small != NULL)
                    adjoint_transform(points, M, m + k, g->m_point, own);
            }
}

static void inverse(const struct rows *to, float *m, const float *b, const struct winograd *g)
{
    switch (g->points * 100 + g->R * 10 + (g->both ? 2 : g->pooled)) {
#define PLAIN(points, R) CASE(points * 100 + R * 10, plain_rows(points, R, to, m, b, g));
#define POOLED(points, R) CASE(points * 100 + R * 10 + 1, pooled_rows(points, R, to, m, b, g));
#define TILES(points, R) CASE(points * 100 + R * 10 + 2, pooled_tiles(points, R, to, m, b, g));
        EACH_ROWS(PLAIN);
        EACH_POOLED_ROWS(POOLED);
        EACH_POOLED_TILES(TILES);
    default:
        assert(!"an inverse transform");
    }
}

void KERNELS(winograd)(float *y, uint8_t *argmax, float *du, const float *x, const float *small,
                       const float *u, const float *b, const struct winograd *g,
                       const struct conv_images *images, float *scratch)
{
    const struct conv_images at = *images;
    const int band_rows = g->band * g->height, shrink = g->pooled ? 2 : 1;
    const size_t argmax_row = (size_t)(g->W / 2) * at.y_col;
    float *v = scratch, *m = v + g->images * g->v_image, *columns = m + g->images * g->m_image;
    for (size_t first = 0; first < at.n; first += g->images)
        for (int band = 0; band < g->H; band += band_rows) {
            const size_t n = at.n - first < g->images ? at.n - first : g->images;
            const int rows = g->H - band < band_rows ? g->H - band : band_rows,
                      tile_rows = (rows + g->height - 1) / g->height;
            const struct conv products = products_of(g, tile_rows, n);
            const size_t u_point = (size_t)products.taps * products.run * products.channels;
            for (size_t i = 0; i < n; i++)
                transform_input(v + i * g->v_image,
                                x + (first + i) * at.x_image + band * g->stride * at.x_row, g,
                                at.x_row, tile_rows, g->H - band + g->R - 1, columns);
            for (int point = 0; point < g->n_points; point++)
                KERNELS(table).conv(m + point * g->m_point, NULL, v + point * g->v_point,
                                    u + point * u_point, NULL, &products);
            for (size_t i = 0; i < n; i++) {
                const size_t own = first + i, row = (size_t)(band / shrink);
                inverse(
                    &(struct rows){
                        rows, y + own * at.y_image + row * at.y_row,
                        argmax == NULL ? NULL : argmax + (own * (g->H / 2) + row) * argmax_row,
                        small == NULL ? NULL : small + own * at.small_image + row * at.small_row,
                        at.y_row, at.y_col, argmax_row, at.small_row},
                    m + i * g->m_image, b, g);
            }
            for (int point = 0; du != NULL && point < g->n_points; point++)
                KERNELS(table).conv_dw(du + point * u_point, v + point * g->v_point,
                                       m + point * g->m_point, &products, 1, 0, 0);
        }
}
