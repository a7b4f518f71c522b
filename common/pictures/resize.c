#include "pictures/resize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"
#include "base/vectors.h"

enum { RGB = 3, SHORT_TOTAL = UINT16_MAX / UINT8_MAX, FLOAT_TOTAL = 16000 };

/* --- area averaging and bilinear, exact --- */

/* An output sample as a weighted sum of input samples: taps first[i]..first[i+1]-1 read source[t]
 * with weight[t]. The weights are whole numbers whose sum is `total` for each output sample. */
struct axis {
    size_t *first, *source;
    uint32_t *weight;
    uint32_t total;
};

static void add_tap(struct axis *a, size_t *n_taps, size_t source, size_t weight)
{
    if (weight > 0) {
        a->source[*n_taps] = source;
        a->weight[(*n_taps)++] = (uint32_t)weight;
    }
}

static struct axis axis_new(size_t d, size_t s)
{
    size_t most = s > d ? s + d : 2 * d, n_taps = 0;
    struct axis a = {xcalloc(d + 1, sizeof *a.first), xcalloc(most, sizeof *a.source),
                     xcalloc(most, sizeof *a.weight), 0};
    a.total = (uint32_t)(s > d ? s : 2 * d);
    for (size_t i = 0; i < d; i++) {
        a.first[i] = n_taps;
        if (s > d) { /* in units of 1/d of a sample: sample j covers j*d..(j+1)*d, the output
                        i*s..(i+1)*s */
            for (size_t j = i * s / d; j * d < (i + 1) * s; j++) {
                size_t begin = larger(j * d, i * s), end = smaller((j + 1) * d, (i + 1) * s);
                add_tap(&a, &n_taps, j, end - begin);
            }
        } else { /* in units of 1/(2d): the position is (2i+1)*s - d; one sample is added to keep it
                    positive */
            size_t position = (2 * i + 1) * s + d, k = position / (2 * d),
                   part = position % (2 * d);
            add_tap(&a, &n_taps, k > 0 ? k - 1 : 0, 2 * d - part);
            add_tap(&a, &n_taps, smaller(k, s - 1), part);
        }
    }
    a.first[d] = n_taps;
    return a;
}

static void axis_release(struct axis *a)
{
    free(a->first);
    free(a->source);
    free(a->weight);
}

/* sums (n) += weight * row. */
VECTORS static void add_row(uint32_t *restrict sums, uint32_t weight, const uint8_t *restrict row,
                            size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += weight * row[i];
}

/* The same in 16 bits, twice as many to a vector. */
VECTORS static void add_short_row(uint16_t *restrict sums, uint16_t weight,
                                  const uint8_t *restrict row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] = (uint16_t)(sums[i] + weight * row[i]);
}

/* sums (n) = shorts, which become 0. */
VECTORS static void take_shorts(uint32_t *restrict sums, uint16_t *restrict shorts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] = shorts[i];
    memset(shorts, 0, n * sizeof *shorts);
}

/* Four neighbours of a row of sums: a pixel and what follows it. */
typedef uint32_t quad __attribute__((vector_size(16), aligned(4), may_alias));

/* acc (dw,3) = total/2 + the taps of `columns` in sums (sw,3). Both have a fourth number behind
 * them, which nobody reads. */
VECTORS static void sum_columns(uint32_t *acc, const struct axis *columns, size_t dw,
                                const uint32_t *sums, uint32_t total)
{
    const size_t *source = columns->source;
    const uint32_t *weight = columns->weight;
    for (size_t x = 0; x < dw; x++) {
        quad pixel = (quad){0} + total / 2;
        for (size_t n = columns->first[x + 1] - columns->first[x]; n > 0; n--)
            pixel += *weight++ * *(const quad *)(sums + *source++ * RGB);
        *(quad *)(acc + x * RGB) = pixel;
    }
}

/* dst (n) = acc / total, rounded down: half more than acc is at least half of 1/total away from a
 * whole quotient, which double precision keeps apart. */
VECTORS static void divide(uint8_t *restrict dst, const uint32_t *restrict acc, size_t n,
                           uint32_t total)
{
    const double share = 1 / (double)total;
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(int)(((double)acc[i] + 0.5) * share);
}

/* The same in single precision, for total up to FLOAT_TOTAL: a quotient below 256 is then less than
 * 2^-15 off, and half of 1/total is more. */
VECTORS static void divide_few(uint8_t *restrict dst, const uint32_t *restrict acc, size_t n,
                               uint32_t total)
{
    const float share = 1 / (float)total;
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(int)(((float)(int)acc[i] + 0.5f) * share);
}

/* The same in one where 32 bits are too few. */
static void divide_long_columns(uint8_t *dst, const struct axis *columns, size_t dw,
                                const uint32_t *sums, uint64_t total)
{
    for (size_t x = 0; x < dw; x++, dst += RGB) {
        uint64_t pixel[RGB] = {total / 2, total / 2, total / 2};
        for (size_t t = columns->first[x]; t < columns->first[x + 1]; t++)
            for (size_t c = 0; c < RGB; c++)
                pixel[c] += (uint64_t)columns->weight[t] * sums[columns->source[t] * RGB + c];
        for (size_t c = 0; c < RGB; c++)
            dst[c] = (uint8_t)(pixel[c] / total);
    }
}

struct resizer {
    struct axis rows, columns;
    size_t dh, dw, sh, sw;
    uint8_t *dst;      /* where the next output row goes */
    size_t in, out;    /* rows taken, rows given */
    size_t tap;        /* of rows: the next to be taken */
    uint8_t *previous; /* the source row before, where rows are repeated; else NULL */
    uint32_t *sums;    /* (sw,3) of output row `out`, as far as its source rows have come */
    uint16_t *shorts; /* (sw,3) the same until they all have come, where 16 bits hold it; or NULL */
    uint32_t *acc;    /* (dw,3) */
};

struct resizer *resizer_new(uint8_t *dst, size_t dh, size_t dw, size_t sh, size_t sw)
{
    struct resizer *r = xcalloc(1, sizeof *r);

    *r = (struct resizer){.dh = dh, .dw = dw, .sh = sh, .sw = sw, .dst = dst};
    if (dh == sh && dw == sw)
        return r;
    r->rows = axis_new(dh, sh);
    r->columns = axis_new(dw, sw);
    r->previous = dh >= sh ? xcalloc(sw, RGB) : NULL;
    r->sums = xcalloc(sw * RGB + 1, sizeof *r->sums);
    r->acc = xcalloc(dw * RGB + 1, sizeof *r->acc);
    if (r->rows.total <= SHORT_TOTAL)
        r->shorts = xcalloc(sw * RGB, sizeof *r->shorts);
    return r;
}

/* Output row `out` is complete. */
static void give_row(struct resizer *r)
{
    const uint64_t total = (uint64_t)r->columns.total * r->rows.total;

    if (r->shorts)
        take_shorts(r->sums, r->shorts, r->sw * RGB);
    if (total <= UINT32_MAX / 256) {
        sum_columns(r->acc, &r->columns, r->dw, r->sums, (uint32_t)total);
        (total <= FLOAT_TOTAL ? divide_few : divide)(r->dst, r->acc, r->dw * RGB, (uint32_t)total);
    } else {
        divide_long_columns(r->dst, &r->columns, r->dw, r->sums, total);
    }
    if (!r->shorts)
        memset(r->sums, 0, r->sw * RGB * sizeof *r->sums);
    r->dst += r->dw * RGB;
    r->out++;
}

/* Where rows shrink, a source row belongs to the output row at hand and perhaps to the next. Where
 * they grow, to several, each of which wants this row and the one before. So the taps up to this
 * row are taken in order, once it is there. */
void resizer_add(struct resizer *r, const uint8_t *row)
{
    const struct axis *rows = &r->rows;

    if (!rows->first) {
        memcpy(r->dst, row, r->dw * RGB);
        r->dst += r->dw * RGB;
    }
    while (rows->first && r->out < r->dh && rows->source[r->tap] <= r->in) {
        const uint8_t *from = rows->source[r->tap] == r->in ? row : r->previous;

        if (r->previous && rows->source[rows->first[r->out + 1] - 1] > r->in)
            break; /* it wants the next row as well */
        if (r->shorts)
            add_short_row(r->shorts, (uint16_t)rows->weight[r->tap], from, r->sw * RGB);
        else
            add_row(r->sums, rows->weight[r->tap], from, r->sw * RGB);
        if (++r->tap == rows->first[r->out + 1])
            give_row(r);
    }
    if (r->previous)
        memcpy(r->previous, row, r->sw * RGB);
    r->in++;
}

void resizer_free(struct resizer *r)
{
    axis_release(&r->columns);
    axis_release(&r->rows);
    free(r->previous);
    free(r->sums);
    free(r->shorts);
    free(r->acc);
    free(r);
}

size_t resizer_memory(size_t dh, size_t dw, size_t sh, size_t sw)
{
    const size_t tap = sizeof(size_t) + sizeof(uint32_t), most_h = 2 * larger(dh, sh),
                 most_w = 2 * larger(dw, sw);

    return tap * (most_h + most_w) + sizeof(size_t) * (dh + dw) + (7 * sw + 4 * dw) * RGB;
}

void resize_area(uint8_t *dst, size_t dh, size_t dw, const uint8_t *src, size_t sh, size_t sw,
                 size_t src_stride)
{
    struct resizer *r = resizer_new(dst, dh, dw, sh, sw);

    for (size_t y = 0; y < sh; y++)
        resizer_add(r, src + y * src_stride);
    resizer_free(r);
}

/* --- OpenCV's bilinear --- */

struct pair {
    size_t k0, k1;
    int a0, a1;
}; /* the two samples and their weights, of 2048 */

static struct pair *pairs_new(size_t d, size_t s, bool columns)
{
    struct pair *pairs = xcalloc(d, sizeof *pairs);
    double scale = 1.0
        / ((double)d
           / (double)s); /* OpenCV's order of operations; s/d itself may round differently */
    for (size_t i = 0; i < d; i++) {
        float f = (float)(((double)i + 0.5) * scale - 0.5);
        long k = (long)floorf(f), last = (long)s - 1, k0, k1;
        f -= (float)k;
        if (columns && (k < 0 || k >= last))
            f = 0;
        k0 = k < 0 ? 0 : k > last ? last : k;
        k1 = k + 1 < 0 ? 0 : k + 1 > last ? last : k + 1;
        pairs[i] = (struct pair){(size_t)k0, (size_t)k1, (int)lrintf((1 - f) * 2048),
                                 (int)lrintf(f * 2048)};
    }
    return pairs;
}

static void blend_columns(int *out, const struct pair *columns, size_t dw, const uint8_t *row)
{
    for (size_t x = 0; x < dw; x++)
        for (size_t c = 0; c < RGB; c++)
            out[x * RGB + c] = (row[columns[x].k0 * RGB + c] * columns[x].a0
                                + row[columns[x].k1 * RGB + c] * columns[x].a1)
                >> 4;
}

void resize_bilinear(uint8_t *dst, size_t dh, size_t dw, const uint8_t *src, size_t sh, size_t sw,
                     size_t src_stride)
{
    size_t n = dw * RGB,
           held[2] = {SIZE_MAX, SIZE_MAX}; /* the source rows that upper and lower hold */
    struct pair *columns = pairs_new(dw, sw, true), *rows = pairs_new(dh, sh, false);
    int *upper = xcalloc(n, sizeof *upper), *lower = xcalloc(n, sizeof *lower);
    for (size_t y = 0; y < dh; y++, dst += n) {
        struct pair row = rows[y];
        if (held[1] == row.k0 && held[0] != row.k0) { /* the window moved down by one */
            int *spare = upper;
            upper = lower;
            lower = spare;
            held[0] = held[1];
            held[1] = SIZE_MAX;
        }
        if (held[0] != row.k0)
            blend_columns(upper, columns, dw, src + (held[0] = row.k0) * src_stride);
        if (held[1] != row.k1)
            blend_columns(lower, columns, dw, src + (held[1] = row.k1) * src_stride);
        for (size_t i = 0; i < n; i++)
            dst[i] =
                (uint8_t)((((row.a0 * upper[i]) >> 16) + ((row.a1 * lower[i]) >> 16) + 2) >> 2);
    }
    free(upper);
    free(lower);
    free(columns);
    free(rows);
}
