#include "kernels/planes.h"

#include <assert.h>
#include <string.h>

enum { WHOLE = KERNELS_MAX_LANES }; /* vectors, whatever the width */

static size_t whole(size_t n)
{
    return (n + WHOLE - 1) / WHOLE * WHOLE;
}

/* --- sizes --- */

/* Scratch: places, image, the image at the points, products there, results, argmax. By Winograd's
 * way the image comes to the points from each first column. */
static size_t places_size(const struct planes *p)
{
    return whole((size_t)p->taps * p->taps * p->C);
}
static size_t image_size(const struct planes *p)
{
    return whole(p->down * p->across * p->C * p->size) + WHOLE;
}
static size_t shift_size(const struct planes *p)
{
    return p->down * p->C * p->size;
}
static int shifts(const struct planes *p)
{
    return p->beside == 2 && p->apart == 1 ? 2 : 1;
}
static size_t point_size(const struct planes *p)
{
    return shifts(p) * shift_size(p);
}
static size_t channel_size(const struct planes *p)
{
    return (size_t)p->sets * p->tile * p->z;
} /* of the results */

static size_t image_at(const struct planes *p)
{
    return p->sets * places_size(p);
}
static size_t points_at(const struct planes *p)
{
    return image_at(p) + image_size(p);
}
static size_t products_at(const struct planes *p)
{
    return points_at(p) + p->points * point_size(p);
}
static size_t results_at(const struct planes *p)
{
    return products_at(p) + (size_t)p->few * p->points * p->z;
}
static size_t argmax_at(const struct planes *p)
{
    return results_at(p) + p->few * channel_size(p);
}
size_t planes_scratch(const struct planes *p)
{
    return argmax_at(p) + whole(p->few * p->z / sizeof(float)) + WHOLE;
}

/* For positions of which taps see MARGIN more rows and BESIDE more columns. Columns that only the
 * way to the points sees are left out of what comes behind it, unless rows are too short for
 * vectors of their own. */
static struct planes with_sizes(struct planes p, int margin, int beside)
{
    p.image_row = p.w + beside;
    p.row = p.points > 0 && 2 * whole(p.w) <= 3 * (size_t)p.w ? p.w : p.image_row;
    for (int bands = 1;; bands++) {
        p.h = (p.height + bands - 1) / bands;
        p.rows = p.h + margin;
        p.n = (p.h - 1) * p.row + p.w;
        p.size = ((size_t)p.rows * p.image_row + 31) / 32 * 32
            + WHOLE; /* odd numbers of cache lines, for the sets of the cache */
        p.z = whole(p.n);
        if (planes_scratch(&p) <= KERNELS_SECOND_LEVEL
            || p.h <= 4 * margin + 1) /* more bands would see too many rows twice */
            return p;
    }
}

/* Positions p.down rows and columns apart, which see MARGIN more of them; or tiles of as many rows.
 */
static struct planes planes_for(const struct winograd *g, struct planes p, int margin)
{
    const int M = g->points + 1 - g->R;
    p.C = g->C, p.taps = g->R, p.few = g->K, p.height = g->H / p.down, p.width = g->W / p.down;
    p.across = p.down, p.w = p.width, p.tile = 1;
    if (g->points == 0)
        return with_sizes(p, margin, margin);
    p.across = p.tile = M, p.points = g->points, p.w = (g->W + M - 1) / M;
    return with_sizes(p, margin, (g->points - 2 + shifts(&p)) / M);
}

struct planes planes_for_pool(const struct winograd *g)
{
    const int beside = g->points == 0 ? 2 : 1; /* a tile holds what lies beside one another */
    return planes_for(g,
                      (struct planes){.down = 2, .sets = 2 * beside, .beside = beside, .apart = 1},
                      (g->R - 1) / 2);
}

struct planes planes_for_phases(const struct winograd *g, int sets)
{
    const int margin = g->R / 2, beside = sets == 4 ? 2 : 1, apart = 2 * margin + 1 - g->R;
    return planes_for(g, (struct planes){.down = 1, .sets = sets, .beside = beside, .apart = apart},
                      2 * margin);
}

struct planes planes_for_adjoint(int h, int w, int step, int C, int taps, int few)
{
    const struct winograd g = {.R = taps, .C = C, .K = few, .H = step * h, .W = step * w};
    return planes_for(&g, (struct planes){.down = step, .sets = 1, .beside = 1}, (taps - 1) / step);
}

/* --- pixels and planes --- */

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint8_t bytes __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint16_t pairs __attribute__((vector_size(16)));
#define ZIP_LOWER(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define ZIP_UPPER(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

static inline void transpose_square(float *to, size_t to_row, const float *from, size_t from_row)
{
    const quad a = *(const quad *)from, b = *(const quad *)(from + from_row),
               c = *(const quad *)(from + 2 * from_row), d = *(const quad *)(from + 3 * from_row);
    const quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
               ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5),
               cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(quad *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(quad *)(to + to_row) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(quad *)(to + 2 * to_row) = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
    *(quad *)(to + 3 * to_row) = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
}

/* to[j*to_row + i] = from[i*from_row + j], i < rows, j < cols: by squares of 4, the last ones again
 * where they are no fours. */
static inline void transpose(float *to, size_t to_row, const float *from, size_t from_row,
                             size_t rows, size_t cols)
{
    for (size_t column = 0; column < cols && cols >= 4 && rows >= 4; column += 4) {
        const size_t j = column + 4 <= cols ? column : cols - 4;
        for (size_t row = 0; row < rows; row += 4) {
            const size_t i = row + 4 <= rows ? row : rows - 4;
            transpose_square(to + j * to_row + i, to_row, from + i * from_row + j, from_row);
        }
    }
    for (size_t i = 0; i < rows && (cols < 4 || rows < 4); i++)
        for (size_t j = 0; j < cols; j++)
            to[j * to_row + i] = from[i * from_row + j];
}

/* Likewise of 4 rows or more; up to 15 columns more are read. */
static void transpose_bytes(uint8_t *to, size_t to_row, const uint8_t *from, size_t from_row,
                            size_t rows, size_t cols)
{
    for (size_t row = 0; row < rows; row += 4) {
        const size_t i = row + 4 <= rows ? row : rows - 4;
        for (size_t j = 0; j < cols; j += 16) {
            const uint8_t *at = from + i * from_row + j;
            const bytes a = *(const bytes *)at, b = *(const bytes *)(at + from_row),
                        c = *(const bytes *)(at + 2 * from_row),
                        d = *(const bytes *)(at + 3 * from_row);
            const pairs ab = (pairs)ZIP_LOWER(a, b), ab2 = (pairs)ZIP_UPPER(a, b),
                        cd = (pairs)ZIP_LOWER(c, d), cd2 = (pairs)ZIP_UPPER(c, d);
            const pairs columns[] = {
                __builtin_shufflevector(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11),
                __builtin_shufflevector(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15),
                __builtin_shufflevector(ab2, cd2, 0, 8, 1, 9, 2, 10, 3, 11),
                __builtin_shufflevector(ab2, cd2, 4, 12, 5, 13, 6, 14, 7, 15),
            };
            for (size_t k = 0; k < 16 && j + k < cols; k++)
                memcpy(to + (j + k) * to_row + i, (const char *)columns + 4 * k, 4);
        }
    }
}

/* --- the image to planes --- */

/* A band, from what its first tap sees. */
static void load_image(const struct planes *p, const struct kernels *kernels, float *scratch,
                       const float *x, size_t x_row)
{
    const size_t apart = (size_t)p->across * p->C; /* columns of a position, then channels */
    float *planes = scratch + image_at(p);
    const bool by_rows = p->row < p->image_row;
    for (int a = 0; a < p->down; a++)
        for (int i = 0; i < p->rows; i++) {
            float *to = planes + a * apart * p->size + (size_t)i * p->image_row;
            const float *from = x + (p->down * (size_t)i + a) * x_row;
            switch (apart) {
            case 1:
                transpose(to, p->size, from, 1, p->image_row, 1);
                break;
            case 2:
                transpose(to, p->size, from, 2, p->image_row, 2);
                break;
            case 3:
                transpose(to, p->size, from, 3, p->image_row, 3);
                break;
            default:
                transpose(to, p->size, from, apart, p->image_row, apart);
                break;
            }
        }
    if (p->points == 0)
        return;
    for (int shift = 0; shift < shifts(p); shift++) {
        const struct planes_points g = {.points = p->points,
                                        .M = p->tile,
                                        .first = shift,
                                        .rows = by_rows ? p->rows : 1,
                                        .tiles = by_rows ? p->w : p->rows * p->row,
                                        .x_row = p->image_row,
                                        .x_plane = p->C * p->size,
                                        .v_row = p->row,
                                        .v_plane = point_size(p)};
        for (int a = 0; a < p->down; a++)
            for (int c = 0; c < p->C; c++)
                kernels->planes_to_points(scratch + points_at(p) + shift * shift_size(p)
                                              + (a * p->C + c) * p->size,
                                          planes + (a * apart + c) * p->size, &g);
    }
}

/* --- sets --- */

static int32_t *places(const struct planes *p, float *scratch, int set)
{
    return (int32_t *)scratch + set * places_size(p);
}

/* Column J of a tile of a set; the sets of a channel follow one another. */
static float *result(const struct planes *p, float *scratch, int channel, int set, int j)
{
    return scratch + results_at(p) + channel * channel_size(p) + ((size_t)set * p->tile + j) * p->z;
}

/* Where the taps of each set find their x: in the order (taps,taps,C), by Winograd's way (taps,C).
 */
static void find_places(const struct planes *p, float *scratch)
{
    assert(results_at(p) <= INT32_MAX); /* see spec_check */
    for (int set = 0; set < p->sets; set++) {
        const int a = set / p->beside * p->apart, b = set % p->beside * p->apart;
        int32_t *at = places(p, scratch, set);
        for (int r = a; r < a + p->taps; r++) {
            const size_t row = (size_t)(r / p->down) * p->row;
            for (int s = b; s < b + p->taps && p->points == 0; s++)
                for (int c = 0; c < p->C; c++) {
                    const size_t plane =
                        ((size_t)(r % p->down) * p->across + s % p->across) * p->C + c;
                    *at++ = (int32_t)(plane * p->size + row + s / p->across);
                }
            for (int c = 0; c < p->C && p->points > 0; c++)
                *at++ = (int32_t)(b * shift_size(p) + ((size_t)(r % p->down) * p->C + c) * p->size
                                  + row);
        }
    }
}

static void compute_set(const struct planes *p, const struct kernels *kernels, float *scratch,
                        int set, const float *w, const float *b)
{
    static const float zeros[KERNELS_FEW];
    struct planes_conv g = {
        .channels = p->few, .taps = p->taps * p->C, .at = places(p, scratch, set), .n = p->n};
    float *m = scratch + products_at(p);
    if (p->points == 0) {
        g.taps *= p->taps, g.y_plane = channel_size(p);
        kernels->conv_planes(result(p, scratch, 0, set, 0), scratch + image_at(p), w, b, &g);
        return;
    }
    g.y_plane = p->points * p->z;
    for (int point = 0; point < p->points; point++)
        kernels->conv_planes(m + point * p->z, scratch + points_at(p) + point * point_size(p),
                             w + (size_t)point * g.taps * g.channels, zeros, &g);
    for (int k = 0; k < p->few; k++)
        kernels->planes_from_points(result(p, scratch, k, set, 0), p->z, m + k * g.y_plane, p->z,
                                    b[k], p->points, p->tile, p->n);
}

/* --- the results to images --- */

/* A band of N columns, pixels APART from one another, from results CHANNEL apart. */
static void store(const struct planes *p, float *y, size_t y_row, size_t apart, const float *from,
                  size_t channel, size_t n)
{
    for (int i = 0; i < p->h && p->few >= 4; i++)
        transpose(y + i * y_row, apart, from + i * p->row, channel, p->few, n);
    for (int k = 0; k < p->few && p->few < 4; k++)
        for (int i = 0; i < p->h; i++)
            for (size_t j = 0; j < n; j++)
                y[i * y_row + j * apart + k] = from[k * channel + i * p->row + j];
}

static void store_bytes(const struct planes *p, uint8_t *y, size_t y_row, size_t apart,
                        const uint8_t *from, size_t n)
{
    for (int i = 0; i < p->h && p->few >= 4; i++)
        transpose_bytes(y + i * y_row, apart, from + i * p->row, p->z, p->few, n);
    for (int k = 0; k < p->few && p->few < 4; k++)
        for (int i = 0; i < p->h; i++)
            for (size_t j = 0; j < n; j++)
                y[i * y_row + j * apart + k] = from[k * p->z + i * p->row + j];
}

/* The first row of the band from row I: the last band begins early enough to be whole. */
static int band_top(const struct planes *p, int i)
{
    return i < p->height - p->h ? i : p->height - p->h;
}

void planes_relu_pool(const struct planes *p, const struct kernels *kernels, float *y,
                      uint8_t *argmax, const float *x, const float *w, const float *b,
                      const struct planes_images *g, float *scratch)
{
    const int pooled = p->beside * p->tile / 2; /* columns of a position */
    const size_t below = (size_t)p->beside * p->tile * p->z, channel = channel_size(p),
                 argmax_row = p->width * g->y_col;
    uint8_t *const where = argmax == NULL ? NULL : (uint8_t *)(scratch + argmax_at(p));
    find_places(p, scratch);
    for (size_t m = 0; m < g->n; m++)
        for (int i = 0; i < p->height; i += p->h) {
            const int top = band_top(p, i);
            load_image(p, kernels, scratch, x + m * g->x_image + 2 * top * g->x_row, g->x_row);
            for (int set = 0; set < p->sets; set++)
                compute_set(p, kernels, scratch, set, w, b);
            for (int j = 0; j < pooled; j++) {
                float *const z = result(p, scratch, 0, 0, 0) + 2 * j * p->z,
                             *const to = y + m * g->y_image + top * g->y_row + j * g->y_col;
                const size_t cols = (p->width - j + pooled - 1) / pooled;
                for (int k = 0; k < p->few; k++)
                    kernels->pool_planes(z + k * channel, where == NULL ? NULL : where + k * p->z,
                                         z + k * channel, p->z, below, p->n);
                store(p, to, g->y_row, pooled * g->y_col, z, channel, cols);
                if (where != NULL)
                    store_bytes(p, argmax + (m * p->height + top) * argmax_row + j * g->y_col,
                                argmax_row, pooled * g->y_col, where, cols);
            }
        }
}

void planes_conv(const struct planes *p, const struct kernels *kernels, float *y, const float *x,
                 const float *const *w, const float *b, const struct planes_images *g,
                 float *scratch)
{
    find_places(p, scratch);
    for (size_t m = 0; m < g->n; m++)
        for (int i = 0; i < p->height; i += p->h) {
            const int top = band_top(p, i);
            load_image(p, kernels, scratch, x + m * g->x_image + p->down * top * g->x_row,
                       g->x_row);
            for (int set = 0; set < p->sets; set++) {
                float *const to = y + m * g->y_image + top * g->y_row + set / 2 * (g->y_row / 2)
                    + set % 2 * (g->y_col / 2);
                compute_set(p, kernels, scratch, set, w[set], b);
                for (int j = 0; j < p->tile; j++) {
                    const size_t cols = (p->width - j + p->tile - 1) / p->tile;
                    store(p, to + j * g->y_col, g->y_row, p->tile * g->y_col,
                          result(p, scratch, 0, set, j), channel_size(p), cols);
                }
            }
        }
}
