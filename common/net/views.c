#include "net/views.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/ranks.h"
#include "base/report.h"
#include "base/rng.h"
#include "base/vectors.h"
#include "net/share.h"

enum { SUMS = 16 }; /* partial sums of a mean: element i goes to sum i % SUMS */

/* A view as drawn. Pixel (i,j) sees the place (y,x), in pixels from the first one's centre:
 *     y = y0 + yi*i + yj*j      x = x0 + xi*i + xj*j */
struct view {
    double y0, yi, yj, x0, xi, xj;
    double brightness, contrast;
    float colour[3][3]; /* hue and saturation */
    bool coloured, erased;
    size_t top, left, rows, columns; /* of what is erased */
};

/* --- drawing --- */

static double draw(struct rng *r)
{
    return rng_uniform(r, 0, 1);
}

static double around(struct rng *r, double range)
{
    return (2 * draw(r) - 1) * range;
}

static void draw_place(struct view *v, const struct views_job *job, struct rng *r)
{
    const struct views_settings *s = job->settings;
    const double H = (double)job->height, W = (double)job->width,
                 zoom = s->zoom + (1 - s->zoom) * draw(r), down = draw(r), right = draw(r),
                 flip = draw(r) < s->flip ? -1 : 1, angle = around(r, s->rotation * M_PI / 180),
                 ratio = pow(1 + s->aspect, around(r, 0.5)), tall = zoom / ratio,
                 wide = zoom * ratio;
    /* of the part: its centre, from the image's corner */
    const double y = tall * H / 2 + down * (1 - tall) * H,
                 x = wide * W / 2 + right * (1 - wide) * W;

    v->yi = tall * cos(angle);
    v->yj = flip * wide * sin(angle);
    v->xi = -tall * sin(angle);
    v->xj = flip * wide * cos(angle);
    v->y0 = y - 0.5 - v->yi * (H - 1) / 2 - v->yj * (W - 1) / 2;
    v->x0 = x - 0.5 - v->xi * (H - 1) / 2 - v->xj * (W - 1) / 2;
}

static const double luma[3] = {0.299, 0.587, 0.114};

/* v' = Y + s * turn * (v - Y): to YIQ, I and Q turned and scaled, and back. */
static void mix_colours(struct view *v, double saturation, double hue)
{
    static const double to[3][3] = {{0.299, 0.587, 0.114},
                                    {0.595716, -0.274453, -0.321263},
                                    {0.211456, -0.522591, 0.311135}},
                        from[3][3] = {
                            {1, 0.9563, 0.6210}, {1, -0.2721, -0.6474}, {1, -1.1070, 1.7046}};
    const double c = saturation * cos(2 * M_PI * hue), s = saturation * sin(2 * M_PI * hue);

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const double iq = from[i][1] * (c * to[1][j] - s * to[2][j])
                + from[i][2] * (s * to[1][j] + c * to[2][j]);
            /* Without a turn exactly: from and to are rounded inverses. */
            v->colour[i][j] = (float)(hue == 0 ? saturation * (i == j) + (1 - saturation) * luma[j]
                                               : luma[j] + iq);
        }
}

static void draw_colours(struct view *v, const struct views_job *job, struct rng *r)
{
    const struct views_settings *s = job->settings;
    double saturation, hue;

    v->brightness = 1 + around(r, s->brightness);
    v->contrast = 1 + around(r, s->contrast);
    saturation = 1 + around(r, s->saturation);
    hue = around(r, s->hue);
    if (draw(r) < s->grey)
        saturation = 0;
    v->coloured = job->channels == 3 && (saturation != 1 || hue != 0);
    mix_colours(v, saturation, hue);
}

/* A side of what is erased, and where it starts. */
static size_t side(struct rng *r, size_t size)
{
    return (size_t)ceil((0.1 + 0.4 * draw(r)) * (double)size);
}

static void draw_erased(struct view *v, const struct views_job *job, struct rng *r)
{
    v->erased = draw(r) < job->settings->erasing;
    v->rows = side(r, job->height);
    v->columns = side(r, job->width);
    v->top = (size_t)(draw(r) * (double)(job->height - v->rows + 1));
    v->left = (size_t)(draw(r) * (double)(job->width - v->columns + 1));
}

static struct view draw_view(const struct views_job *job, struct rng *r)
{
    struct view v = {0};

    draw_place(&v, job, r);
    draw_colours(&v, job, r);
    draw_erased(&v, job, r);
    return v;
}

/* --- seeing --- */

/* Where a place p falls among N pixels: between pixel `at` and the next, so far. */
struct between {
    int32_t at, next;
    float far;
};
static struct between fall(double p, size_t n)
{
    const double size = (double)n, period = 2 * size;
    double at;

    p = fmod(p + 0.5, period); /* reflected at -1/2 and n - 1/2 */
    p = p < 0 ? p + period : p;
    p = (p < size ? p : period - p) - 0.5;
    p = p < 0 ? 0 : p > size - 1 ? size - 1 : p;
    at = floor(p);
    return (struct between){(int32_t)at, (int32_t)(at + 1 < size ? at + 1 : at), (float)(p - at)};
}

VECTORS static void blend_rows(float *restrict to, const float *a, const float *b, float far,
                               size_t n)
{
    for (size_t q = 0; q < n; q++)
        to[q] = a[q] + far * (b[q] - a[q]);
}

VECTORS static void blend_columns(float *restrict to, const float *restrict row,
                                  const int32_t *restrict at, const int32_t *restrict next,
                                  const float *restrict far, size_t n)
{
    for (size_t q = 0; q < n; q++) {
        const float a = row[at[q]], b = row[next[q]];
        to[q] = a + far[q] * (b - a);
    }
}

/* Room for what is known of each value of a row, and for one. */
struct columns {
    int32_t *at, *next;
    float *far, *row;
};

/* A view whose rows are rows. */
static void see_straight(float *to, const float *x, const struct view *v,
                         const struct views_job *job, const struct columns *c)
{
    const size_t C = job->channels, row = job->width * C;

    for (size_t j = 0; j < job->width; j++) {
        const struct between b = fall(v->x0 + v->xj * (double)j, job->width);
        for (size_t k = 0; k < C; k++) {
            c->at[j * C + k] = b.at * (int32_t)C + (int32_t)k;
            c->next[j * C + k] = b.next * (int32_t)C + (int32_t)k;
            c->far[j * C + k] = b.far;
        }
    }
    for (size_t i = 0; i < job->height; i++) {
        const struct between b = fall(v->y0 + v->yi * (double)i, job->height);
        blend_rows(c->row, x + (size_t)b.at * row, x + (size_t)b.next * row, b.far, row);
        blend_columns(to + i * row, c->row, c->at, c->next, c->far, row);
    }
}

static void see_turned(float *to, const float *x, const struct view *v, const struct views_job *job)
{
    const size_t C = job->channels, row = job->width * C;

    for (size_t i = 0; i < job->height; i++)
        for (size_t j = 0; j < job->width; j++, to += C) {
            const struct between b = fall(v->y0 + v->yi * (double)i + v->yj * (double)j,
                                          job->height),
                                 a = fall(v->x0 + v->xi * (double)i + v->xj * (double)j,
                                          job->width);
            const float *above = x + (size_t)b.at * row, *below = x + (size_t)b.next * row;
            const size_t left = (size_t)a.at * C, right = (size_t)a.next * C;
            for (size_t k = 0; k < C; k++) {
                const float l = above[left + k] + b.far * (below[left + k] - above[left + k]),
                            r = above[right + k] + b.far * (below[right + k] - above[right + k]);
                to[k] = l + a.far * (r - l);
            }
        }
}

/* --- colours --- */

/* Partial sums: of each of 3 channels, or of all values. */
VECTORS static void sum_values(double sums[3 * SUMS], const float *x, size_t n)
{
    size_t q = 0;

    for (; q + 3 * SUMS <= n; q += 3 * SUMS)
        for (int s = 0; s < 3 * SUMS; s++)
            sums[s] += (double)x[q + s];
    for (int s = 0; q < n; q++, s++)
        sums[s] += (double)x[q];
}

static double mean_of(const float *x, size_t pixels, size_t C)
{
    double sums[3 * SUMS] = {0}, sum = 0;

    sum_values(sums, x, pixels * C);
    for (int s = 0; s < 3 * SUMS; s++)
        sum += C == 3 ? luma[s % 3] * sums[s] : sums[s];
    return sum / (double)(C == 3 ? pixels : pixels * C);
}

VECTORS static void scale(float *x, size_t n, float factor, float offset, float low, float high)
{
    for (size_t q = 0; q < n; q++) {
        float v = x[q] * factor + offset;
        v = v < low ? low : v;
        x[q] = v > high ? high : v;
    }
}

/* The same of pixels of 3 channels, whose colours are mixed besides: M (3,3). */
VECTORS static void mix(float *x, size_t pixels, const float *m, float offset, float low,
                        float high)
{
    const float m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3], m4 = m[4], m5 = m[5], m6 = m[6],
                m7 = m[7], m8 = m[8];

    for (size_t i = 0; i < pixels; i++) {
        const float r = x[3 * i], g = x[3 * i + 1], b = x[3 * i + 2];
        float u = m0 * r + m1 * g + m2 * b + offset, v = m3 * r + m4 * g + m5 * b + offset,
              w = m6 * r + m7 * g + m8 * b + offset;
        u = u < low ? low : u, v = v < low ? low : v, w = w < low ? low : w;
        x[3 * i] = u > high ? high : u;
        x[3 * i + 1] = v > high ? high : v;
        x[3 * i + 2] = w > high ? high : w;
    }
}

/* A grey is no colour: the offset passes the mixing as it is. */
static void light(float *x, const struct view *v, const struct views_job *job)
{
    const size_t pixels = job->height * job->width, C = job->channels;
    const double mean = mean_of(x, pixels, C);
    const float factor = (float)(v->brightness * v->contrast),
                offset = (float)(v->brightness * (1 - v->contrast) * mean);

    if (v->coloured) {
        float m[9];
        for (int i = 0; i < 9; i++)
            m[i] = v->colour[i / 3][i % 3] * factor;
        mix(x, pixels, m, offset, job->low, job->high);
    } else {
        scale(x, pixels * C, factor, offset, job->low, job->high);
    }
    for (size_t i = 0; i < (v->erased ? v->rows : 0); i++) {
        float *row = x + ((v->top + i) * job->width + v->left) * C;
        for (size_t q = 0; q < v->columns * C; q++)
            row[q] = (float)mean;
    }
}

/* --- a batch --- */

/* Both views of image I of N. */
static void draw_two(float *views, const float *x, size_t i, size_t n, const struct views_job *job,
                     const struct columns *c)
{
    const size_t items = job->height * job->width * job->channels,
                 first = share_image(2 * n, ranks_own()), end = share_image(2 * n, ranks_own() + 1);
    struct rng r;

    rng_init(&r, job->seed, RNG_VIEWS, job->epoch << 32 | (job->first + i));
    for (size_t k = 0; k < 2; k++) {
        float *to = views + (k * n + i) * items;
        const struct view v = draw_view(job, &r);
        if (k * n + i < first || k * n + i >= end)
            continue;
        if (v.yj == 0 && v.xi == 0)
            see_straight(to, x + i * items, &v, job, c);
        else
            see_turned(to, x + i * items, &v, job);
        light(to, &v, job);
    }
}

void views_draw(float *views, const float *x, size_t n, const struct views_job *job)
{
    const size_t row = job->width * job->channels;

#pragma omp parallel
    {
        float *room = xaligned(4 * row * sizeof *room);
        const struct columns c = {(int32_t *)room, (int32_t *)room + row, room + 2 * row,
                                  room + 3 * row};
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < n; i++)
            draw_two(views, x, i, n, job, &c);
        free(room);
    }
}
