/* winograd: minimal filtering, with the number of points that costs least. */
#include "kernels/algorithm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_LEVEL = (32 << 10) / sizeof(float) }; /* that cache */

static int divide_up(int n, int unit)
{
    return (n + unit - 1) / unit;
}

/* An odd number of cache lines, so that neighbours lie in different sets of the cache; behind the
 * floats a vector more is written. */
static size_t odd_lines(size_t floats)
{
    return (floats + 31) / 32 * 32 + 16;
}

/* The tiles of an image and the floats of each. */
static struct winograd_sizes tiles_of(const struct winograd *g, int lanes)
{
    const int M = g->points + 1 - g->R, pixel = g->stride * g->C, tiles = divide_up(g->W, M);
    const bool together = g->stride == 1 && !g->both
        && divide_up(tiles * pixel, lanes) < tiles * divide_up(pixel, lanes);
    return (struct winograd_sizes){
        .tiles = tiles,
        .height = g->both ? M : 1,
        .n_points = g->both ? g->points * g->points : g->points,
        .taps = g->both ? 1 : g->R,
        .steps = together ? 1 : tiles,
        .span = together ? tiles * pixel : pixel,
        .deinterleaved = together
            ? (size_t)divide_up(M * (tiles + (g->points - 1) / M) * pixel, 16) * 16 + 16
            : 0,
        .v_col = (size_t)g->stride * pixel,
        .m_col = (size_t)divide_up(g->K, lanes) * lanes,
    };
}

/* How many rows of tiles are a band, how many a group, and how many images are worked on at once:
 *
 *     kernel at the points   in half the first level        larger
 *     band                   v in the second level          v and m in the second level
 *     group                  m in the first level           the band
 *
 * A small kernel is read again for each group, a large one for each band. Along the rows bands and
 * groups have pairs of rows, as a pool wants them. */
static void cut(struct winograd_sizes *z, const struct winograd *g)
{
    const size_t v_row = z->n_points * z->tiles * z->v_col,
                 m_row = z->n_points * z->tiles * z->m_col,
                 kernel = (size_t)z->n_points * z->taps * g->C * z->m_col;
    const bool small = g->stride == 1 && kernel <= FIRST_LEVEL / 2;
    const int unit = g->both ? 1 : 2, units = divide_up(g->H, unit * z->height),
              fit = (int)(KERNELS_SECOND_LEVEL / (v_row + (small ? 0 : m_row)) / unit) + 1,
              bands = divide_up(units, fit), group = (int)(FIRST_LEVEL / m_row) / 2 * 2;
    size_t image;

    z->band = divide_up(units, bands) * unit;
    image = v_row * (z->band + z->taps - 1) + m_row * z->band;
    z->images = bands > 1 || image > KERNELS_SECOND_LEVEL / 2 ? 1 : KERNELS_SECOND_LEVEL / image;
    z->group = z->band;
    if (z->images == 1 && small && group < z->band)
        z->group = group < 2 ? 2 : group;
}

struct winograd_sizes kernels_winograd_sizes(const struct winograd *g, int lanes)
{
    struct winograd_sizes z = tiles_of(g, lanes);
    cut(&z, g);
    z.v_point = odd_lines(z.tiles * z.v_col * (z.band + z.taps - 1));
    z.v_image = z.n_points * z.v_point;
    z.m_point = odd_lines(z.tiles * z.m_col * z.group);
    z.m_image = z.n_points * z.m_point;
    z.scratch = z.images * (z.v_image + z.m_image) + z.deinterleaved;
    return z;
}

/* Multiplications of an image. Both axes round more, and must pay for it by a quarter. */
static double work(const struct winograd *g)
{
    const double C = (double)g->stride * g->stride * g->C, K = g->K, p = g->points,
                 M = p + 1 - g->R, transform = 1.5 * p * p / 4;
    const double across = ceil(g->W / M), down = g->both ? ceil(g->H / M) : g->H;
    return across * down
        * (g->both ? 1.25 * (p * p * C * K + transform * (2 * p * C + (p + M) * K))
                   : p * g->R * C * K + transform * (C + K));
}

/* Whether G's points may serve ROLE: under a pool, tiles of an even number of columns; where equal
 * windows must tie, of 2, which see what the windows of two columns see. */
static bool allowed(const struct winograd *g, enum convolution_role role)
{
    const int M = g->points + 1 - g->R;
    if (M < 2 || (role == CONVOLUTION_CODE_TIES && M != 2))
        return false;
    if (role <= CONVOLUTION_CODE_TIES && M % 2 != 0)
        return false;
    if (g->points > 8 && (role != CONVOLUTION_CODE || M > 4 || g->W < g->R))
        return false;
    return !g->both || (M <= 4 && g->R <= 5 && g->points <= 8);
}

/* Of the points that pay, those of the least price: of the code by all multiplications, a quarter
 * fewer than direct's; otherwise by the products alone, a quarter fewer. */
static double price(struct plan *p)
{
    const struct conv_shape *c = &p->of;
    struct winograd g = {.pooled = c->pooled,
                         .R = c->R / c->stride,
                         .C = c->C,
                         .K = c->K,
                         .H = c->H,
                         .W = c->W,
                         .stride = c->stride,
                         .y_col = (size_t)c->K};
    const bool by_work = c->role <= CONVOLUTION_CODE_TIES;
    const double products = (double)c->H * c->R * c->R * c->C * c->K;
    double least = by_work ? 0.75 * products * c->W : c->W * g.R * 3 / 4 + 1;
    if (c->R % c->stride != 0 || g.R < 2 || g.R > 9 || g.R * c->C * c->stride * c->stride < 10)
        return INFINITY;
    for (g.points = 4; g.points <= 10; g.points += 2)
        for (int both = 0; both <= c->pooled; both++) {
            const int M = g.points + 1 - g.R;
            double cost;
            g.both = both;
            if (!allowed(&g, c->role))
                continue;
            cost = by_work ? work(&g) : (c->W + M - 1) / M * g.points;
            if (cost < least)
                p->winograd = g, least = cost;
        }
    if (p->winograd.points == 0)
        return INFINITY;
    return by_work ? least : products * least / g.R;
}

static void describe(char *text, size_t size, const struct plan *p)
{
    const struct winograd *g = &p->winograd;
    const int M = g->points + 1 - g->R;
    if (g->both)
        snprintf(text, size, " F(%dx%d,%dx%d)", M, M, g->R, g->R);
    else
        snprintf(text, size, " F(%d,%d)", M, g->R);
}

static size_t packed_size(const struct plan *p)
{
    const struct winograd *g = &p->winograd;
    return (size_t)g->points * (g->both ? g->points : g->R) * g->stride * g->stride * g->C
        * plan_padded(p, g->K);
}

static size_t scratch_size(const struct plan *p)
{
    return kernels_winograd_sizes(&p->winograd, p->kernels->lanes).scratch;
}

/* Of a stride of 2 the kernel over 2x2 pixels, and back: two gradients, one behind the other. */
static size_t temporary_size(const struct plan *p)
{
    const struct conv_shape *c = &p->of;
    return (size_t)c->R * c->R * c->C * plan_padded(p, c->K) * c->stride;
}

/* The kernel w (R,R,C,row) with stride 2 as one over 2x2 pixels, (R/2,R/2,2,2,C,row), or back. */
static void by_squares(const struct plan *p, float *to, const float *from, size_t row, bool back)
{
    const size_t R = (size_t)p->of.R, pixel = p->of.C * row;
    for (size_t r = 0; r < R; r++)
        for (size_t s = 0; s < R; s++) {
            const size_t plain = (r * R + s) * pixel,
                         squares = ((r / 2 * (R / 2) + s / 2) * 4 + r % 2 * 2 + s % 2) * pixel;
            memcpy(to + (back ? plain : squares), from + (back ? squares : plain),
                   pixel * sizeof *to);
        }
}

static void pack(const struct plan *p, float *packed, const float *w, const float *scale,
                 float *temporary)
{
    if (p->of.stride == 2) {
        by_squares(p, temporary, w, (size_t)p->of.K, false);
        w = temporary;
    }
    p->kernels->winograd_pack(packed, w, scale, &p->winograd);
}

static struct winograd geometry(const struct plan *p, const struct conv_images *g)
{
    struct winograd here = p->winograd;
    here.x_row = g->x_row, here.y_row = g->y_row, here.y_col = g->y_col;
    return here;
}

static void forward(const struct plan *p, float *y, uint8_t *argmax, const float *x,
                    const float *packed, const float *b, const struct conv_images *g,
                    float *scratch)
{
    const struct winograd here = geometry(p, g);
    p->kernels->winograd_forward(y, argmax, x, packed, b, &here, g->n, g->x_image, g->y_image,
                                 scratch);
}

static void backward(const struct plan *p, float *dsmall, float *du, const float *dy,
                     const float *small, const float *packed, const struct conv_images *g,
                     float *scratch)
{
    const struct winograd here = geometry(p, g);
    p->kernels->winograd_backward(dsmall, du, dy, small, packed, &here, g->n, g->x_image,
                                  g->small_row, g->small_image, g->y_image, scratch);
}

static const float *fold(const struct plan *p, const float *du, float *temporary)
{
    const struct winograd *g = &p->winograd;
    const size_t row = plan_padded(p, g->K), pixel = (size_t)g->stride * g->stride * g->C * row;
    p->kernels->winograd_fold(temporary, du, g->points, g->R, g->stride * g->stride * g->C, g->K);
    if (g->stride == 1)
        return temporary;
    by_squares(p, temporary + g->R * g->R * pixel, temporary, row, true);
    return temporary + g->R * g->R * pixel;
}

const struct algorithm algorithm_winograd = {
    .name = "winograd",
    .describe = describe,
    .roles = {[CONVOLUTION_CODE] = true,
              [CONVOLUTION_CODE_TIES] = true,
              [CONVOLUTION_PHASE] = true,
              [CONVOLUTION_GRADIENTS] = true},
    .price = price,
    .packed = packed_size,
    .scratch = scratch_size,
    .temporary = temporary_size,
    .pack = pack,
    .forward = forward,
    .backward = backward,
    .fold = fold,
};
