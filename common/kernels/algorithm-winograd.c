/* winograd: minimal filtering, with the number of points that costs least. */
#include "kernels/algorithm.h"

#include <math.h>
#include <stdio.h>

#include "base/sizes.h"

/* An odd number of cache lines, so that neighbours lie in different sets of the cache; behind the
 * floats a vector more is written. */
static size_t odd_lines(size_t floats)
{
    return (floats + 31) / 32 * 32 + 16;
}

/* The tiles of an image and the floats of each. */
static void cut_tiles(struct winograd *g, int lanes)
{
    const int M = g->points + 1 - g->R, pixel = g->stride * g->C, tiles = divide_up(g->W, M);
    const bool together = g->stride == 1 && !g->both
        && divide_up(tiles * pixel, lanes) < tiles * divide_up(pixel, lanes);
    g->tiles = tiles;
    g->height = g->both ? M : 1;
    g->n_points = g->both ? g->points * g->points : g->points;
    g->taps = g->both ? 1 : g->R;
    g->steps = together ? 1 : tiles;
    g->span = together ? tiles * pixel : pixel;
    if (together)
        g->deinterleaved = kernels_round_up(M * (tiles + (g->points - 1) / M) * pixel, 16) + 16;
    g->v_col = (size_t)g->stride * pixel;
    g->m_col = kernels_round_up(g->K, lanes);
}

/* How many rows of tiles are a band, whose v and m stay in the second level, and how many images
 * are worked on at once. Along the rows bands have pairs of rows, as a pool wants them. */
static void cut_bands(struct winograd *g)
{
    const size_t v_row = g->n_points * g->tiles * g->v_col,
                 m_row = g->n_points * g->tiles * g->m_col;
    const int unit = g->both ? 1 : 2, units = divide_up(g->H, unit * g->height),
              fit = (int)(KERNELS_SECOND_LEVEL / (v_row + m_row) / unit) + 1,
              bands = divide_up(units, fit);
    size_t image;

    g->band = divide_up(units, bands) * unit;
    image = v_row * (g->band + g->taps - 1) + m_row * g->band;
    g->images = bands > 1 || image > KERNELS_SECOND_LEVEL / 2 ? 1 : KERNELS_SECOND_LEVEL / image;
}

static void cut(struct winograd *g, int lanes)
{
    cut_tiles(g, lanes);
    cut_bands(g);
    g->v_point = odd_lines(g->tiles * g->v_col * (g->band + g->taps - 1));
    g->v_image = g->n_points * g->v_point;
    g->m_point = odd_lines(g->tiles * g->m_col * g->band);
    g->m_image = g->n_points * g->m_point;
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

static void set_sizes(struct plan *p)
{
    struct winograd *g = &p->winograd;
    cut(g, p->kernels->lanes);
    p->packed = (size_t)g->n_points * g->taps * g->stride * g->stride * g->C * g->m_col;
    p->scratch = g->images * (g->v_image + g->m_image) + g->deinterleaved;
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
                         .stride = c->stride};
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
    set_sizes(p);
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

static void pack(const struct plan *p, float *packed, const float *w, const float *scale)
{
    p->kernels->winograd_pack(packed, w, scale, &p->winograd);
}

static void forward(const struct plan *p, float *y, uint8_t *argmax, const float *x,
                    const float *packed, const float *b, const struct conv_images *g,
                    float *scratch)
{
    p->kernels->winograd(y, argmax, NULL, x, NULL, packed, b, &p->winograd, g, scratch);
}

static void backward(const struct plan *p, float *dsmall, float *du, const float *dy,
                     const float *small, const float *packed, const struct conv_images *g,
                     float *scratch)
{
    p->kernels->winograd(dsmall, NULL, du, dy, small, packed, NULL, &p->winograd, g, scratch);
}

static void fold(const struct plan *p, float *dw, const float *du)
{
    p->kernels->winograd_fold(dw, du, &p->winograd);
}

const struct algorithm algorithm_winograd = {
    .name = "winograd",
    .describe = describe,
    .roles = {[CONVOLUTION_CODE] = true,
              [CONVOLUTION_CODE_TIES] = true,
              [CONVOLUTION_PHASE] = true,
              [CONVOLUTION_GRADIENTS] = true},
    .price = price,
    .pack = pack,
    .forward = forward,
    .backward = backward,
    .fold = fold,
};
