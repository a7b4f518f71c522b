/* conv: the convolution and its kernel's gradient, tiles of sums in registers. */
#include "kernels-vectors.h"

/* Output positions ROWS x COLS from (0,0) of x and y, output channels k0..k0+LANES-1 of which N are
 * real: a vector of the kernel is loaded once for all positions, an x is a broadcast operand. */
INLINE void tile(int rows, int cols, float *y, uint8_t *argmax, const float *x, const float *w,
                 vec bias, const struct conv *g, int n)
{
    vec acc[2][TILE_COLS];
    assert(cols <= TILE_COLS);
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
    if (g->pooled && rows == 2 && cols % 2 == 0) {
#pragma GCC unroll 5
        for (int j = 0; j < cols; j += 2)
            pool(y + j / 2 * g->y_col, argmax == NULL ? NULL : argmax + j / 2 * g->y_col, acc[0][j],
                 acc[0][j + 1], acc[1][j], acc[1][j + 1], n);
        return;
    }
#pragma GCC unroll 2
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 10
        for (int j = 0; j < cols; j++)
            store_part(y + i * g->y_row + j * g->y_col, acc[i][j], n);
}

#define EACH_COLS(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10)
static void any_tile(int rows, int cols, float *y, uint8_t *argmax, const float *x, const float *w,
                     vec bias, const struct conv *g, int n)
{
    switch (10 * rows + cols) {
#define TILE(cols)                                               \
    CASE(10 + cols, tile(1, cols, y, argmax, x, w, bias, g, n)); \
    CASE(20 + cols, tile(2, cols, y, argmax, x, w, bias, g, n));
        EACH_COLS(TILE)
    default:
        assert(!"columns of a tile");
    }
}

/* For each vector of output channels (its kernel stays in the second-level cache), for each pair of
 * rows, the columns in tiles of nearly equal width. */
void KERNELS(conv)(float *y, uint8_t *argmax, const float *x, const float *w, const float *b,
                   const struct conv *g)
{
    const int shrink = g->pooled ? 2 : 1; /* positions under one of y, along an axis */
    const int units = g->cols / shrink, most = TILE_COLS / shrink,
              n_tiles = (units + most - 1) / most;
    const size_t w_block = (size_t)g->taps * g->run * LANES;
    for (int k = 0; k < g->channels; k += LANES, w += w_block) {
        const vec bias = b == NULL ? (vec){0} : *(const vec *)(b + k);
        for (int i = 0; i < g->rows; i += 2)
            for (int t = 0; t < n_tiles; t++) {
                const int from = units * t / n_tiles, cols = units * (t + 1) / n_tiles - from,
                          row = i / shrink;
                any_tile(g->rows - i < 2 ? 1 : 2, cols * shrink,
                         y + row * g->y_row + from * g->y_col + k,
                         argmax == NULL ? NULL
                                        : argmax + (row * (size_t)units + from) * g->y_col + k,
                         x + i * g->x_row + from * shrink * g->x_col, w, bias, g, g->channels - k);
            }
    }
}

/* WIDTH consecutive elements of a tap row against one vector of output channels, over all positions
 * of N images. */
INLINE void outer(int width, float *dw, int n_valid, const float *x, const float *dy,
                  const struct conv *g, size_t n, size_t x_image, size_t dy_image)
{
    vec acc[TILE_RUN];
    assert(width <= TILE_RUN);
#pragma GCC unroll 24
    for (int q = 0; q < width; q++)
        acc[q] = q < n_valid ? *(vec *)(dw + q * LANES) : (vec){0};
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
            *(vec *)(dw + q * LANES) = acc[q];
}

void KERNELS(conv_dw)(float *dw, const float *x, const float *dy, const struct conv *g, size_t n,
                      size_t x_image, size_t dy_image)
{
    /* nearly equal tiles, of a multiple of 4 */
    const int n_tiles = (g->run + TILE_RUN - 1) / TILE_RUN,
              width = (g->run + 4 * n_tiles - 1) / (4 * n_tiles) * 4;
    for (int k0 = 0; k0 < g->channels; k0 += LANES)
        for (int r = 0; r < g->taps; r++)
            for (int q = 0; q < g->run; q += width) {
                float *d =
                    dw + ((size_t)k0 * g->taps + (size_t)r * LANES) * g->run + (size_t)q * LANES;
                const float *xr = x + r * g->x_tap + q;
                const int valid = g->run - q;
                switch (valid < width ? (valid + 3) / 4 * 4 : width) {
                    CASE(4, outer(4, d, valid, xr, dy + k0, g, n, x_image, dy_image));
                    CASE(8, outer(8, d, valid, xr, dy + k0, g, n, x_image, dy_image));
                    CASE(12, outer(12, d, valid, xr, dy + k0, g, n, x_image, dy_image));
                    CASE(16, outer(16, d, valid, xr, dy + k0, g, n, x_image, dy_image));
                    CASE(20, outer(20, d, valid, xr, dy + k0, g, n, x_image, dy_image));
                    CASE(24, outer(24, d, valid, xr, dy + k0, g, n, x_image, dy_image));
                default:
                    assert(!"a width of a tile");
                }
            }
}
