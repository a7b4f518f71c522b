#include "planes.h"

enum { WHOLE = KERNELS_MAX_LANES };  /* vectors, whatever the width */

static size_t whole(size_t n)
{
    return (n + WHOLE - 1) / WHOLE * WHOLE;
}

/* --- sizes --- */

/* Scratch: places, image, the image at the points, products there, results, argmax. By Winograd's way the image comes to the points from each first column. */
static size_t places_size(const struct planes *p) { return whole((size_t)p->taps * p->taps * p->C); }
static size_t image_size(const struct planes *p) { return whole(p->down * p->across * p->C * p->size) + WHOLE; }
static size_t shift_size(const struct planes *p) { return p->down * p->C * p->size; }
static int shifts(const struct planes *p) { return p->beside == 2 && p->apart == 1 ? 2 : 1; }
static size_t point_size(const struct planes *p) { return shifts(p) * shift_size(p); }

static size_t image_at(const struct planes *p) { return p->sets * places_size(p); }
static size_t points_at(const struct planes *p) { return image_at(p) + image_size(p); }
static size_t products_at(const struct planes *p) { return points_at(p) + p->points * point_size(p); }
static size_t results_at(const struct planes *p) { return products_at(p) + (size_t)p->few * p->points * p->z; }
static size_t argmax_at(const struct planes *p) { return results_at(p) + (size_t)p->few * p->sets * p->tile * p->z; }
size_t planes_scratch(const struct planes *p) { return argmax_at(p) + p->z; }

/* For positions of which taps see MARGIN more rows and BESIDE more columns. Columns that only the way to the points sees are left out of what comes
 * behind it, unless rows are too short for vectors of their own. */
static struct planes with_sizes(struct planes p, int margin, int beside)
{
    p.image_row = p.w + beside;
    p.row = p.points > 0 && 2 * whole(p.w) <= 3 * (size_t)p.w ? p.w : p.image_row;
    for (int bands = 1;; bands++) {
        p.h = (p.height + bands - 1) / bands;
        p.rows = p.h + margin;
        p.n = (p.h - 1) * p.row + p.w;
        p.size = ((size_t)p.rows * p.image_row + 31) / 32 * 32 + WHOLE;  /* odd numbers of cache lines, for the sets of the cache */
        p.z = whole(p.n);
        if (planes_scratch(&p) <= KERNELS_SECOND_LEVEL || p.h <= 4 * margin + 1)  /* more bands would see too many rows twice */
            return p;
    }
}

/* Positions p.down rows and columns apart, which see MARGIN more of them; or tiles of as many rows. */
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
    const int beside = g->points == 0 ? 2 : 1;  /* a tile holds what lies beside one another */
    return planes_for(g, (struct planes){ .down = 2, .sets = 2 * beside, .beside = beside, .apart = 1 }, (g->R - 1) / 2);
}

struct planes planes_for_phases(const struct winograd *g, int sets)
{
    const int margin = g->R / 2, beside = sets == 4 ? 2 : 1, apart = 2 * margin + 1 - g->R;
    return planes_for(g, (struct planes){ .down = 1, .sets = sets, .beside = beside, .apart = apart }, 2 * margin);
}

struct planes planes_for_adjoint(int h, int w, int step, int C, int taps, int few)
{
    const struct winograd g = { .R = taps, .C = C, .K = few, .H = step * h, .W = step * w };
    return planes_for(&g, (struct planes){ .down = step, .sets = 1, .beside = 1 }, (taps - 1) / step);
}

/* --- the image to planes --- */

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

/* N pixels of APART floats, 4 or more, to as many planes: 4 pixels by 4 floats at a time, the last ones again where they are no fours. */
static void part(float *to, size_t plane, const float *from, size_t apart, size_t n)
{
    for (size_t channels = 0; channels < apart; channels += 4) {
        const size_t c = channels + 4 <= apart ? channels : apart - 4;
        float *const row = to + c * plane;
        for (size_t four = 0; four < n && n >= 4; four += 4) {
            const size_t j = four + 4 <= n ? four : n - 4;
            const float *pixel = from + j * apart + c;
            const quad a = *(const quad *)pixel, b = *(const quad *)(pixel + apart);
            const quad d = *(const quad *)(pixel + 2 * apart), e = *(const quad *)(pixel + 3 * apart);
            const quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
            const quad de = __builtin_shufflevector(d, e, 0, 4, 1, 5), de2 = __builtin_shufflevector(d, e, 2, 6, 3, 7);
            *(quad *)(row + j) = __builtin_shufflevector(ab, de, 0, 1, 4, 5);
            *(quad *)(row + plane + j) = __builtin_shufflevector(ab, de, 2, 3, 6, 7);
            *(quad *)(row + 2 * plane + j) = __builtin_shufflevector(ab2, de2, 0, 1, 4, 5);
            *(quad *)(row + 3 * plane + j) = __builtin_shufflevector(ab2, de2, 2, 3, 6, 7);
        }
        for (size_t j = 0; j < n && n < 4; j++)
            for (size_t k = 0; k < 4; k++)
                row[k * plane + j] = from[j * apart + c + k];
    }
}

/* Likewise of fewer than 4. */
static inline void part_few(float *to, size_t plane, const float *from, size_t apart, size_t n)
{
    for (size_t j = 0; j < n; j++)
        for (size_t c = 0; c < apart; c++)
            to[c * plane + j] = from[j * apart + c];
}

/* A band, from what its first tap sees. */
static void load_image(const struct planes *p, const struct kernels *kernels, float *scratch, const float *x, size_t x_row)
{
    const size_t apart = (size_t)p->across * p->C;  /* columns of a position, then channels */
    float *planes = scratch + image_at(p);
    for (int a = 0; a < p->down; a++)
        for (int i = 0; i < p->rows; i++) {
            float *to = planes + a * apart * p->size + (size_t)i * p->image_row;
            const float *from = x + (p->down * (size_t)i + a) * x_row;
            switch (apart) {
            case 1: part_few(to, p->size, from, 1, p->image_row); break;
            case 2: part_few(to, p->size, from, 2, p->image_row); break;
            case 3: part_few(to, p->size, from, 3, p->image_row); break;
            default: part(to, p->size, from, apart, p->image_row); break;
            }
        }
    if (p->points == 0)
        return;
    const bool by_rows = p->row < p->image_row;
    for (int shift = 0; shift < shifts(p); shift++) {
        const struct planes_points g = { .points = p->points, .M = p->tile, .first = shift, .rows = by_rows ? p->rows : 1,
                                         .tiles = by_rows ? p->w : p->rows * p->row, .x_row = p->image_row, .x_plane = p->C * p->size, .v_row = p->row,
                                         .v_plane = point_size(p) };
        for (int a = 0; a < p->down; a++)
            for (int c = 0; c < p->C; c++)
                kernels->planes_to_points(scratch + points_at(p) + shift * shift_size(p) + (a * p->C + c) * p->size, planes + (a * apart + c) * p->size, &g);
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
    return scratch + results_at(p) + (((size_t)channel * p->sets + set) * p->tile + j) * p->z;
}

/* Where the taps of each set find their x: in the order (taps,taps,C), by Winograd's way (taps,C). */
static void find_places(const struct planes *p, float *scratch)
{
    for (int set = 0; set < p->sets; set++) {
        const int a = set / p->beside * p->apart, b = set % p->beside * p->apart;
        int32_t *at = places(p, scratch, set);
        for (int r = a; r < a + p->taps; r++) {
            const size_t row = (size_t)(r / p->down) * p->row;
            for (int s = b; s < b + p->taps && p->points == 0; s++)
                for (int c = 0; c < p->C; c++) {
                    const size_t plane = ((size_t)(r % p->down) * p->across + s % p->across) * p->C + c;
                    *at++ = (int32_t)(plane * p->size + row + s / p->across);
                }
            for (int c = 0; c < p->C && p->points > 0; c++)
                *at++ = (int32_t)(b * shift_size(p) + ((size_t)(r % p->down) * p->C + c) * p->size + row);
        }
    }
}

static void compute_set(const struct planes *p, const struct kernels *kernels, float *scratch, int set, const float *w, const float *b)
{
    static const float zeros[KERNELS_FEW];
    struct planes_conv g = { .channels = p->few, .taps = p->taps * p->C, .at = places(p, scratch, set), .n = p->n };
    if (p->points == 0) {
        g.taps *= p->taps, g.y_plane = p->sets * p->z;
        kernels->conv_planes(result(p, scratch, 0, set, 0), scratch + image_at(p), w, b, &g);
        return;
    }
    float *m = scratch + products_at(p);
    g.y_plane = p->points * p->z;
    for (int point = 0; point < p->points; point++)
        kernels->conv_planes(m + point * p->z, scratch + points_at(p) + point * point_size(p), w + (size_t)point * g.taps * g.channels, zeros, &g);
    for (int k = 0; k < p->few; k++)
        kernels->planes_from_points(result(p, scratch, k, set, 0), p->z, m + k * g.y_plane, p->z, b[k], p->points, p->tile, p->n);
}

/* --- the results to images --- */

/* Every STEP-th of WIDTH columns, from the J-th; y: that one's place. */
static void store_floats(float *y, size_t y_row, size_t y_col, const float *from, const struct planes *p, int j, int step)
{
    for (int i = 0; i < p->h; i++)
        for (int t = 0; j + t * step < p->width; t++)
            y[i * y_row + t * step * y_col] = from[i * p->row + t];
}

static void store_bytes(uint8_t *y, size_t y_row, size_t y_col, const uint8_t *from, const struct planes *p, int j, int step)
{
    for (int i = 0; i < p->h; i++)
        for (int t = 0; j + t * step < p->width; t++)
            y[i * y_row + t * step * y_col] = from[i * p->row + t];
}

/* The first row of the band from row I: the last band begins early enough to be whole. */
static int band_top(const struct planes *p, int i)
{
    return i < p->height - p->h ? i : p->height - p->h;
}

void planes_relu_pool(const struct planes *p, const struct kernels *kernels, float *y, uint8_t *argmax, const float *x, const float *w, const float *b,
                      const struct planes_images *g, float *scratch)
{
    const int pooled = p->beside * p->tile / 2;  /* columns of a position */
    const size_t below = (size_t)p->beside * p->tile * p->z, argmax_row = p->width * g->y_col;
    uint8_t *const where = argmax == NULL ? NULL : (uint8_t *)(scratch + argmax_at(p));
    find_places(p, scratch);
    for (size_t m = 0; m < g->n; m++)
        for (int i = 0; i < p->height; i += p->h) {
            const int top = band_top(p, i);
            load_image(p, kernels, scratch, x + m * g->x_image + 2 * top * g->x_row, g->x_row);
            for (int set = 0; set < p->sets; set++)
                compute_set(p, kernels, scratch, set, w, b);
            for (int k = 0; k < p->few; k++)
                for (int j = 0; j < pooled; j++) {
                    float *z = result(p, scratch, k, 0, 0) + 2 * j * p->z;
                    kernels->pool_planes(z, where, z, p->z, below, p->n);
                    store_floats(y + m * g->y_image + top * g->y_row + j * g->y_col + k, g->y_row, g->y_col, z, p, j, pooled);
                    if (where != NULL)
                        store_bytes(argmax + (m * p->height + top) * argmax_row + j * g->y_col + k, argmax_row, g->y_col, where, p, j, pooled);
                }
        }
}

void planes_conv(const struct planes *p, const struct kernels *kernels, float *y, const float *x, const float *const *w, const float *b,
                 const struct planes_images *g, float *scratch)
{
    find_places(p, scratch);
    for (size_t m = 0; m < g->n; m++)
        for (int i = 0; i < p->height; i += p->h) {
            const int top = band_top(p, i);
            load_image(p, kernels, scratch, x + m * g->x_image + p->down * top * g->x_row, g->x_row);
            for (int set = 0; set < p->sets; set++) {
                float *const to = y + m * g->y_image + top * g->y_row + set / 2 * (g->y_row / 2) + set % 2 * (g->y_col / 2);
                compute_set(p, kernels, scratch, set, w[set], b);
                for (int k = 0; k < p->few; k++)
                    for (int j = 0; j < p->tile; j++)
                        store_floats(to + j * g->y_col + k, g->y_row, g->y_col, result(p, scratch, k, set, j), p, j, p->tile);
            }
        }
}
