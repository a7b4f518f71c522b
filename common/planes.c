#include "planes.h"

enum { WHOLE = KERNELS_MAX_LANES, SECOND_LEVEL = (512 << 10) / sizeof(float) };  /* vectors, whatever the width; half of that cache */

static size_t whole(size_t n)
{
    return (n + WHOLE - 1) / WHOLE * WHOLE;
}

/* Scratch: places, image, the image at the points, products there, results, argmax. */
static size_t places_size(const struct planes *p) { return whole((size_t)p->taps * p->taps * p->C); }
static size_t image_size(const struct planes *p) { return whole(p->down * p->across * p->C * p->size) + WHOLE; }
static size_t shift_size(const struct planes *p) { return p->down * p->C * p->size; }
static size_t point_size(const struct planes *p) { return p->shifts * shift_size(p); }

static size_t image_at(const struct planes *p) { return p->sets * places_size(p); }
static size_t points_at(const struct planes *p) { return image_at(p) + image_size(p); }
static size_t products_at(const struct planes *p) { return points_at(p) + p->points * point_size(p); }
static size_t results_at(const struct planes *p) { return products_at(p) + (size_t)p->few * p->points * p->z; }
static size_t argmax_at(const struct planes *p) { return results_at(p) + (size_t)p->few * p->sets * p->tile * p->z; }
size_t planes_scratch(const struct planes *p) { return argmax_at(p) + p->z; }

/* For h x w positions of which taps see MARGIN more rows and BESIDE more columns. Columns that only the way to the points sees are left out of what comes
 * behind it, unless rows are too short for vectors of their own. */
static struct planes with_sizes(struct planes p, int margin, int beside)
{
    const int h = p.h;
    p.image_row = p.w + beside;
    p.row = p.points > 0 && 2 * whole(p.w) <= 3 * (size_t)p.w ? p.w : p.image_row;
    for (int bands = 1;; bands++) {
        p.h = (h + bands - 1) / bands;
        p.rows = p.h + margin;
        p.n = (p.h - 1) * p.row + p.w;
        p.size = ((size_t)p.rows * p.image_row + 31) / 32 * 32 + WHOLE;  /* odd numbers of cache lines, for the sets of the cache */
        p.z = whole(p.n);
        if (planes_scratch(&p) <= SECOND_LEVEL || p.h <= 4 * margin + 1)  /* more bands would see too many rows twice */
            return p;
    }
}

struct planes planes_for(int h, int w, int margin, int step, int C, int taps, int sets, int few)
{
    return with_sizes((struct planes){ .down = step, .across = step, .C = C, .h = h, .w = w, .taps = taps, .sets = sets, .few = few, .tile = 1 }, margin, margin);
}

/* By Winograd's way, positions DOWN rows apart. */
static struct planes planes_of_tiles(const struct winograd *g, int down, int margin, int sets, int shifts)
{
    const int M = g->points + 1 - g->R;
    return with_sizes((struct planes){ .down = down, .across = M, .C = g->C, .h = g->H / down, .w = (g->W + M - 1) / M, .taps = g->R, .sets = sets, .few = g->K,
                                       .points = g->points, .tile = M, .shifts = shifts }, margin, (g->points + shifts - 2) / M);
}

struct planes planes_for_pool(const struct winograd *g)
{
    const int P = (g->R - 1) / 2;
    return g->points == 0 ? planes_for(g->H / 2, g->W / 2, P, 2, g->C, g->R, 4, g->K) : planes_of_tiles(g, 2, P, 2, 1);
}

struct planes planes_for_phases(const struct winograd *g, int margin, int sets)
{
    return g->points == 0 ? planes_for(g->H, g->W, 2 * margin, 1, g->C, g->R, sets, g->K) : planes_of_tiles(g, 1, 2 * margin, sets, 2 * margin + 2 - g->R);
}

static int32_t *places(const struct planes *p, float *scratch, int set)
{
    return (int32_t *)scratch + set * places_size(p);
}

float *planes_result(const struct planes *p, float *scratch, int channel, int set, int j)
{
    return scratch + results_at(p) + (((size_t)channel * p->sets + set) * p->tile + j) * p->z;
}

int planes_top(const struct planes *p, int i, int h)
{
    return i < h - p->h ? i : h - p->h;
}

uint8_t *planes_argmax(const struct planes *p, float *scratch)
{
    return (uint8_t *)(scratch + argmax_at(p));
}

void planes_set(const struct planes *p, float *scratch, int set, int a, int b)
{
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

void planes_from(const struct planes *p, const struct kernels *kernels, float *scratch, const float *image, size_t row)
{
    const size_t apart = (size_t)p->across * p->C;  /* columns of a position, then channels */
    float *planes = scratch + image_at(p);
    for (int a = 0; a < p->down; a++)
        for (int i = 0; i < p->rows; i++) {
            float *to = planes + a * apart * p->size + (size_t)i * p->image_row;
            const float *from = image + (p->down * (size_t)i + a) * row;
            switch (apart) {
            case 1: part_few(to, p->size, from, 1, p->image_row); break;
            case 2: part_few(to, p->size, from, 2, p->image_row); break;
            case 3: part_few(to, p->size, from, 3, p->image_row); break;
            default: part(to, p->size, from, apart, p->image_row); break;
            }
        }
    if (p->points == 0)
        return;
    const bool rows = p->row < p->image_row;
    for (int shift = 0; shift < p->shifts; shift++) {
        const struct planes_points g = { .points = p->points, .M = p->tile, .first = shift, .rows = rows ? p->rows : 1, .tiles = rows ? p->w : p->rows * p->row,
                                         .x_row = p->image_row, .x_plane = p->C * p->size, .v_row = p->row, .v_plane = point_size(p) };
        for (int a = 0; a < p->down; a++)
            for (int c = 0; c < p->C; c++)
                kernels->planes_to_points(scratch + points_at(p) + shift * shift_size(p) + (a * p->C + c) * p->size, planes + (a * apart + c) * p->size, &g);
    }
}

void planes_conv(const struct planes *p, const struct kernels *kernels, float *scratch, int set, const float *w, const float *b)
{
    static const float zeros[KERNELS_FEW];
    struct planes_conv g = { .channels = p->few, .taps = p->taps * p->C, .at = places(p, scratch, set), .n = p->n };
    if (p->points == 0) {
        g.taps *= p->taps, g.y_plane = p->sets * p->z;
        kernels->conv_planes(planes_result(p, scratch, 0, set, 0), scratch + image_at(p), w, b, &g);
        return;
    }
    float *m = scratch + products_at(p);
    g.y_plane = p->points * p->z;
    for (int point = 0; point < p->points; point++)
        kernels->conv_planes(m + point * p->z, scratch + points_at(p) + point * point_size(p), w + (size_t)point * g.taps * g.channels, zeros, &g);
    for (int k = 0; k < p->few; k++)
        kernels->planes_from_points(planes_result(p, scratch, k, set, 0), p->z, m + k * g.y_plane, p->z, b[k], p->points, p->tile, p->n);
}

const float *planes_pool(const struct planes *p, const struct kernels *kernels, float *scratch, int k, int q, uint8_t *argmax)
{
    float *z = planes_result(p, scratch, k, 0, 0) + 2 * q * p->z;
    kernels->pool_planes(z, argmax, z, p->z, p->sets * p->tile / 2 * p->z, p->n);
    return z;
}

void planes_to(float *y, size_t y_row, size_t y_col, const float *result, const struct planes *p, int cols)
{
    for (int i = 0; i < p->h; i++)
        for (int j = 0; j < cols; j++)
            y[i * y_row + j * y_col] = result[i * p->row + j];
}

void planes_bytes_to(uint8_t *y, size_t y_row, size_t y_col, const uint8_t *result, const struct planes *p, int cols)
{
    for (int i = 0; i < p->h; i++)
        for (int j = 0; j < cols; j++)
            y[i * y_row + j * y_col] = result[i * p->row + j];
}
