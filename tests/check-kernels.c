/* check-kernels ISA: each kernel by itself against its equation in double precision, over random
 * shapes, and that it writes nowhere else.
 *
 * check-net holds their composition against the reference; here are the corners that a net does not
 * reach, and the plain form of each trick: upsampling then convolving, pooling a finished
 * convolution, gradients as dense sums.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/plain.h"
#include "kernels/processor.h"
#include "reference.h"
#include "base/report.h"
#include "base/rng.h"

enum { SHAPES = 200, SPACE = 1 << 16, BEYOND = 64 };
static const float UNTOUCHED = 12345.0f;

static const struct kernels *kernels;
static struct rng rng;
static float x[SPACE], w[SPACE], packed[4 * SPACE] __attribute__((aligned(64))),
    bias[64] __attribute__((aligned(64))), y[SPACE], other[SPACE];
static bool failed;

static int between(int low, int high)
{
    return low + (int)rng_below(&rng, (uint32_t)(high - low + 1));
}

static void fill(float *to, size_t n)
{
    uint32_t state = rng_u32(&rng) | 1; /* xorshift: these are many */
    for (size_t i = 0; i < n; i++) {
        state ^= state << 13, state ^= state >> 17, state ^= state << 5;
        to[i] = (float)(int32_t)state / 2147483648.0f;
    }
}

static void clear(float *to, float value)
{
    for (size_t i = 0; i < SPACE; i++)
        to[i] = value;
}

static void fail(const char *what, const struct conv *g)
{
    printf("%s: wrong for %dx%d positions, %dx%d taps, %d channels, x steps %zu,%zu,%zu\n", what,
           g->rows, g->cols, g->taps, g->run, g->channels, g->x_row, g->x_col, g->x_tap);
    failed = true;
}

/* A conv of random shape within SPACE; even rows and columns where EVEN. y is dense but for gaps
 * behind each pixel and each row. */
static struct conv random_conv(bool even, int most_channels)
{
    struct conv g = {.rows = between(1, 12),
                     .cols = between(1, 27),
                     .taps = between(1, 9),
                     .run = between(1, 50),
                     .channels = between(1, most_channels)};
    if (even)
        g.rows += g.rows % 2, g.cols += g.cols % 2;
    g.x_col = (size_t)between(1, 20);
    g.x_tap = g.x_col * g.cols + g.run + (size_t)between(0, 5);
    g.x_row = g.x_tap * (size_t)between(1, 2);
    g.y_col = (size_t)(g.channels + between(0, 2));
    g.y_row = g.y_col * (size_t)g.cols + (size_t)between(0, 3);
    return g;
}

static void pack(const struct conv *g, int lanes, int pad)
{
    const ptrdiff_t K = g->channels;
    kernels_pack(packed, w, NULL,
                 &(struct packing){g->taps, 1, g->run, g->channels, pad, g->run * K, 0, K, 1},
                 lanes);
}

/* The equation; *size is the sum of magnitudes, to which the error is proportional. */
static double equation(const struct conv *g, int i, int j, int k, double *size)
{
    double sum = bias[k];
    *size = fabs(sum);
    for (int r = 0; r < g->taps; r++)
        for (int q = 0; q < g->run; q++) {
            const double product = (double)w[(r * g->run + q) * g->channels + k]
                * x[i * g->x_row + j * g->x_col + r * g->x_tap + q];
            sum += product;
            *size += fabs(product);
        }
    return sum;
}

/* Y holds the equation at all positions, and nothing else. */
static bool holds(const float *got, const struct conv *g)
{
    static float want[SPACE];
    clear(want, UNTOUCHED);
    for (int i = 0; i < g->rows; i++)
        for (int j = 0; j < g->cols; j++)
            for (int k = 0; k < g->channels; k++) {
                const size_t at = i * g->y_row + j * g->y_col + k;
                double size;
                const double v = equation(g, i, j, k, &size);
                want[at] = fabs(got[at] - v) <= 1e-6 * size ? got[at] : NAN;
            }
    return memcmp(got, want, sizeof want) == 0;
}

static void check_conv(void)
{
    const struct conv g = random_conv(false, 35);
    fill(x, SPACE), fill(w, SPACE), fill(bias, 64);
    pack(&g, kernels->lanes, 1);
    clear(y, UNTOUCHED);
    kernels->conv(y, NULL, x, packed, bias, &g);
    if (!holds(y, &g))
        fail("conv", &g);
}

static void check_dot(void)
{
    const struct conv g = random_conv(false, 7);
    fill(x, SPACE), fill(w, SPACE), fill(bias, 64);
    pack(&g, 1, KERNELS_DOT);
    clear(y, UNTOUCHED);
    kernels->conv_dot(y, x, packed, bias, &g);
    if (!holds(y, &g))
        fail("conv_dot", &g);
}

/* Equal to the last bit to pooling what conv gives; few values, so that ties are common. */
static void check_pool(void)
{
    static float pooled[SPACE], want[SPACE];
    static uint8_t argmax[SPACE], where[SPACE];
    struct conv g = random_conv(true, 35);
    fill(x, SPACE), fill(w, SPACE);
    for (size_t i = 0; i < SPACE; i++)
        x[i] = x[i] > 0, w[i] = roundf(w[i]);
    memset(bias, 0, sizeof bias);
    pack(&g, kernels->lanes, 1);
    kernels->conv(y, NULL, x, packed, bias, &g);
    clear(want, UNTOUCHED), clear(pooled, UNTOUCHED);
    memset(argmax, 99, sizeof argmax), memset(where, 99, sizeof where);
    for (int i = 0; i < g.rows / 2; i++)
        for (int j = 0; j < g.cols / 2; j++)
            for (int k = 0; k < g.channels; k++) {
                const float *from = y + 2 * i * g.y_row + 2 * j * g.y_col + k;
                const float v[4] = {from[0], from[g.y_col], from[g.y_row], from[g.y_row + g.y_col]};
                int best = 0;
                for (int q = 1; q < 4; q++)
                    best = v[q] > v[best] ? q : best;
                want[i * g.y_row + j * g.y_col + k] = v[best] > 0 ? v[best] : 0;
                where[(i * (g.cols / 2) + j) * g.y_col + k] =
                    v[best] > 0 ? (uint8_t)best : KERNELS_DEAD;
            }
    g.pooled = true;
    kernels->conv(pooled, argmax, x, packed, bias, &g);
    if (memcmp(pooled, want, sizeof want) != 0 || memcmp(argmax, where, sizeof where) != 0)
        fail("conv, pooled", &g);
}

/* N numbers equal but for rounding, in units of the largest. */
static bool near(const float *a, const float *b, size_t n)
{
    float largest = 0, off = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmaxf(largest, fabsf(b[i]));
        off = fmaxf(off, isfinite(a[i]) ? fabsf(a[i] - b[i]) : INFINITY);
    }
    return off <= 1e-5f * largest;
}

enum { ALGORITHMS = 3, IMAGES = 3 };
static const struct algorithm *const algorithms[ALGORITHMS] = {&algorithm_direct, &algorithm_dot,
                                                               &algorithm_winograd};
/* How often each could serve a role; how often the planner took it. */
static int able[ALGORITHMS][CONVOLUTION_ROLES], taken[ALGORITHMS][CONVOLUTION_ROLES];

/* A convolution that a layer may ask for, and images for it, within SPACE; false: too large. */
static bool random_convolution(struct conv_shape *c, struct conv_images *g)
{
    const enum convolution_role role = (enum convolution_role)between(0, CONVOLUTION_ROLES - 1);
    const int P = between(0, 6), wide = between(0, 3) == 0 ? 40 : 14;
    const bool code = role <= CONVOLUTION_CODE_TIES;
    *c = (struct conv_shape){.role = role,
                             .pooled = code && between(0, 3) > 0,
                             .R = role == CONVOLUTION_PHASE ? P + 1 : 2 * P + 1,
                             .stride = 1,
                             .C = between(1, 20),
                             .K = between(1, between(0, 1) ? 6 : 35),
                             .H = between(1, 12),
                             .W = between(1, wide)};
    if (code)
        c->H += c->H % 2, c->W += c->W % 2;
    if (role == CONVOLUTION_GRADIENTS && P > 0 && between(0, 1))
        c->stride = 2, c->R++;
    *g = (struct conv_images){.n = (size_t)between(1, IMAGES),
                              .x_row = (size_t)(c->stride * (c->W - 1) + c->R) * c->C,
                              .y_col = (size_t)(c->K + between(0, 2))};
    g->x_image = g->x_row * (c->stride * (c->H - 1) + c->R);
    g->small_row = g->y_row = g->y_col * c->W + (size_t)between(0, 3);
    g->small_image = g->y_image = g->y_row * c->H;
    return g->n * g->x_image < SPACE - 10 * (size_t)c->C && g->n * g->y_image < SPACE - BEYOND
        && c->R * c->R * c->C * (c->K + 16) < SPACE;
}

/* What a pooled conv says of y, in place of it; and argmax. */
static void pool(float *pooled, uint8_t *argmax, const struct conv_shape *c,
                 const struct conv_images *g)
{
    for (size_t n = 0; n < g->n; n++)
        for (int i = 0; i < c->H / 2; i++)
            for (int j = 0; j < c->W / 2; j++)
                for (int k = 0; k < c->K; k++) {
                    const float *from =
                        y + n * g->y_image + 2 * i * g->y_row + 2 * j * g->y_col + k;
                    const float v[4] = {from[0], from[g->y_col], from[g->y_row],
                                        from[g->y_row + g->y_col]};
                    int best = 0;
                    for (int q = 1; q < 4; q++)
                        best = v[q] > v[best] ? q : best;
                    pooled[n * g->y_image + i * g->y_row + j * g->y_col + k] = fmaxf(v[best], 0);
                    argmax[((n * (c->H / 2) + i) * (c->W / 2) + j) * g->y_col + k] =
                        v[best] > 0 ? (uint8_t)best : KERNELS_DEAD;
                }
}

/* x in patches, so that many windows are equal. */
static void fill_patches(const struct conv_shape *c, const struct conv_images *g)
{
    const size_t patch = (size_t)between(4, 12);
    for (size_t i = 0; i < SPACE; i++)
        x[i] = 0.1f * (float)((i / g->x_row / patch + i % g->x_row / c->C / patch + i % c->C) % 3);
}

/* Of four windows on x under a pool that are equal by rows, by columns, the first wins. */
static bool first_wins(const struct conv_shape *c, const struct conv_images *g,
                       const uint8_t *argmax)
{
    bool good = true;
    for (int i = 0; i < c->H / 2; i++)
        for (int j = 0; j < c->W / 2; j++) {
            const float *corner = x + 2 * i * g->x_row + 2 * (size_t)j * c->C;
            bool flat = true, upright = true; /* each row of the windows; each column */
            for (int r = 0; r <= c->R; r++)
                for (int q = 0; q < (c->R + 1) * c->C; q++) {
                    flat &= corner[r * g->x_row + q] == corner[r * g->x_row + q % c->C];
                    upright &= corner[r * g->x_row + q] == corner[q];
                }
            for (int k = 0; k < c->K; k++) {
                const uint8_t where = argmax[(i * (size_t)(c->W / 2) + j) * g->y_col + k];
                good &= !(flat && where % 2 != 0) && !(upright && where > 1);
            }
        }
    return good;
}

static float scratch[1 << 21] __attribute__((aligned(64))), folded[8 * SPACE];

static bool fits(const struct plan *p)
{
    return p->scratch <= sizeof scratch / sizeof *scratch
        && p->packed <= sizeof packed / sizeof *packed;
}

/* Forward equals the definition, under a pool too; nothing else is written. */
static bool forward_holds(const struct plan *p, const struct conv_images *g)
{
    static float want[SPACE], got[SPACE];
    static uint8_t where[SPACE], argmax[SPACE];
    const struct conv_shape *c = &p->of;
    const bool ties = c->pooled && c->role == CONVOLUTION_CODE_TIES;
    bool good;
    clear(y, 0.25f), clear(want, 0.25f), clear(got, 0.25f);
    memset(argmax, 99, sizeof argmax);
    plain_forward(y, x, w, bias, c, g);
    if (c->pooled)
        pool(want, where, c, g);
    else
        memcpy(want, y, sizeof want);
    p->algorithm->pack(p, packed, w, NULL);
    p->algorithm->forward(p, got, c->pooled ? argmax : NULL, x, packed, bias, g, scratch);
    good = near(got, want, SPACE);
    for (size_t i = 0; i < SPACE; i++)
        good &= want[i] != 0.25f || got[i] == 0.25f;
    for (int k = 0; k < c->K && ties; k++)
        bias[k] = 10;
    if (ties) {
        fill_patches(c, g);
        p->algorithm->forward(p, got, argmax, x, packed, bias, g, scratch);
        good &= first_wins(c, g, argmax);
        fill(x, SPACE), fill(bias, 64);
    }
    return good;
}

/* Both gradients equal the definition's; small may be dsmall. */
static bool backward_holds(const struct plan *p, const struct conv_images *g)
{
    static const float zeros[64];
    static float want[SPACE], dw[SPACE], du[4 * SPACE] __attribute__((aligned(64)));
    const struct conv_shape *c = &p->of;
    const bool alone = c->role == CONVOLUTION_KERNEL;
    const size_t row = kernels_round_up(c->K, kernels->lanes);
    bool good = true;
    fill(y, SPACE);
    memcpy(want, y, sizeof want);
    memset(du, 0, sizeof du);
    plain_backward(dw, x, y, c, g);
    if (!alone)
        plain_forward(want, x, w, zeros, c, g);
    p->algorithm->pack(p, packed, w, NULL);
    p->algorithm->backward(p, alone ? NULL : y, du, x, y, packed, g, scratch);
    p->algorithm->fold(p, folded, du);
    for (size_t t = 0; t < (size_t)(c->R * c->R * c->C); t++)
        memcpy(other + t * c->K, folded + t * row, c->K * sizeof *other);
    good &= near(y, want, SPACE) && near(other, dw, (size_t)(c->R * c->R * c->C * c->K));
    return good;
}

/* Each algorithm that can, against plain.h. */
static void check_algorithms(void)
{
    struct conv_shape c;
    struct conv_images g;
    const struct algorithm *chosen;
    if (!random_convolution(&c, &g))
        return;
    fill(x, SPACE), fill(w, SPACE), fill(bias, 64);
    chosen = plan_convolution(&c, kernels).algorithm;
    for (int a = 0; a < ALGORITHMS; a++) {
        struct plan p = {.algorithm = algorithms[a], .kernels = kernels, .of = c};
        taken[a][c.role] += p.algorithm == chosen;
        if (!p.algorithm->roles[c.role] || !isfinite(p.algorithm->price(&p)) || !fits(&p))
            continue;
        able[a][c.role]++;
        if (c.role < CONVOLUTION_GRADIENTS ? !forward_holds(&p, &g) : !backward_holds(&p, &g)) {
            printf("%s, role %d: wrong for %zu of %dx%d, kernel %d, stride %d, %d to %d channels, "
                   "%d points\n",
                   p.algorithm->name, (int)c.role, g.n, c.H, c.W, c.R, c.stride, c.C, c.K,
                   p.winograd.points);
            failed = true;
        }
    }
}

/* Each was reached in each role that it has, and the planner takes it there. */
static void check_reached(void)
{
    for (int a = 0; a < ALGORITHMS; a++)
        for (int role = 0; role < CONVOLUTION_ROLES; role++)
            if (algorithms[a]->roles[role] && (able[a][role] == 0 || taken[a][role] == 0)) {
                printf("%s, role %d: tried %d times, taken %d times\n", algorithms[a]->name, role,
                       able[a][role], taken[a][role]);
                failed = true;
            }
}

static void check_dw(void)
{
    struct conv g = random_conv(false, 35);
    const size_t row = (size_t)(g.channels + kernels->lanes - 1) / kernels->lanes * kernels->lanes,
                 n = (size_t)between(1, 3);
    const size_t x_image = g.x_row * g.rows + g.x_tap * g.taps, dy_image = g.y_row * g.rows;
    if (n * x_image > SPACE || n * dy_image > SPACE - BEYOND)
        return;
    fill(x, SPACE), fill(w, SPACE), fill(y, SPACE);
    memcpy(packed, w, sizeof w);
    kernels->conv_dw(packed, x, y, &g, n, x_image, dy_image);
    for (int r = 0; r < g.taps; r++)
        for (int q = 0; q < g.run; q++)
            for (int k = 0; k < g.channels; k++) {
                const size_t block = (size_t)(k / kernels->lanes) * g.taps * g.run,
                             at = (block + (size_t)r * g.run + q) * kernels->lanes
                    + k % kernels->lanes;
                double sum = w[at], size = 1;
                for (size_t m = 0; m < n; m++)
                    for (int i = 0; i < g.rows; i++)
                        for (int j = 0; j < g.cols; j++) {
                            const double product =
                                (double)y[m * dy_image + i * g.y_row + j * g.y_col + k]
                                * x[m * x_image + i * g.x_row + j * g.x_col + r * g.x_tap + q];
                            sum += product;
                            size += fabs(product);
                        }
                if (!(fabs(packed[at] - sum) <= 1e-6 * size)) {
                    fail("conv_dw", &g);
                    return;
                }
            }
    if (memcmp(packed + g.taps * g.run * row, w + g.taps * g.run * row, BEYOND * sizeof *w) != 0)
        fail("conv_dw writes beyond its end:", &g);
}

static void check_sparse_sum(void)
{
    enum { LISTS = 3, ROOM = 40 };
    const int taps = between(1, 15), run = between(1, 200), lists = between(1, LISTS);
    const size_t y_row = (size_t)(run + kernels->lanes - 1) / kernels->lanes * kernels->lanes;
    const struct sparse_window g = {taps, run, (size_t)run + (size_t)between(0, 20), y_row,
                                    taps * y_row};
    struct entry entries[LISTS * ROOM];
    uint32_t n[LISTS];
    fill(x, SPACE), fill(w, SPACE);
    memcpy(y, w, sizeof y);
    for (int i = 0; i < LISTS * ROOM; i++)
        entries[i] = (struct entry){between(0, 1000), (float)rng_uniform(&rng, -1, 1)};
    for (int l = 0; l < LISTS; l++)
        n[l] = (uint32_t)between(0, ROOM);
    kernels->sparse_sum(y, x, &g, entries, ROOM, n, lists);
    for (int l = 0; l < lists; l++)
        for (int r = 0; r < taps; r++)
            for (int q = 0; q < run; q++) {
                const size_t at = l * g.y_list + r * y_row + q;
                double sum = w[at];
                for (uint32_t i = 0; i < n[l]; i++)
                    sum += (double)entries[l * ROOM + i].g
                        * x[entries[l * ROOM + i].at + r * g.x_row + q];
                if (!(fabs(y[at] - sum) <= 1e-5)) {
                    printf("sparse_sum: wrong for %d rows of %d, list %d of %d\n", taps, run, l,
                           lists);
                    failed = true;
                    return;
                }
            }
    if (memcmp(y + lists * g.y_list, w + lists * g.y_list, BEYOND * sizeof *w) != 0) {
        printf("sparse_sum writes beyond its end: %d rows of %d\n", taps, run);
        failed = true;
    }
}

static void check_sparse_list(void)
{
    struct entry entries[40 * 21] = {{0}};
    uint8_t argmax[20 * 40 + 64];
    uint32_t n[40] = {0};
    float sums[64] = {0};
    const struct pooled p = {.cols = between(1, 20),
                             .channels = between(1, 40),
                             .at = 7,
                             .step = 6,
                             .offset = {0, 3, 100, 103}};
    fill(x, SPACE);
    for (size_t i = 0; i < sizeof argmax; i++)
        argmax[i] = (uint8_t)between(0, KERNELS_DEAD);
    kernels->sparse_list(entries, 21, n, sums, x, argmax, &p);
    for (int k = 0; k < p.channels; k++) {
        uint32_t used = 0;
        double sum = 0;
        bool good = true;
        for (int j = 0; j < p.cols; j++) {
            const uint8_t q = argmax[j * p.channels + k];
            struct entry e;
            if (q == KERNELS_DEAD)
                continue;
            e = entries[k * 21 + used++];
            good &= e.at == 7 + 6 * j + p.offset[q] && e.g == x[j * p.channels + k];
            sum += x[j * p.channels + k];
        }
        if (!good || used != n[k] || fabs(sum - sums[k]) > 1e-5) {
            printf("sparse_list: wrong for %d positions of %d channels\n", p.cols, p.channels);
            failed = true;
            return;
        }
    }
}

/* The box kernel scattered with stride 2 is what w gives on the upsampled image, and its fold is
 * its adjoint. */
static void check_box(void)
{
    const int R = 2 * between(0, 4) + 1, P = (R - 1) / 2, C = between(1, 4), K = between(1, 5),
              small = between(1, 6), large = 2 * small;
    size_t row;
    double left = 0, right = 0;
    fill(x, SPACE), fill(w, SPACE);
    kernels_box(packed, w, R, C, K);
    for (int i = 0; i < large; i++)
        for (int j = 0; j < large; j++)
            for (int k = 0; k < K; k++) {
                double plain = 0, box = 0;
                for (int c = 0; c < C; c++) {
                    for (int r = 0; r < R; r++)
                        for (int s = 0; s < R; s++)
                            if (i + r >= P && i + r - P < large && j + s >= P && j + s - P < large)
                                plain += (double)w[((r * R + s) * C + c) * K + k]
                                    * x[((i + r - P) / 2 * small + (j + s - P) / 2) * C + c];
                    for (int u = 0; u < small; u++)
                        for (int v = 0; v < small; v++) {
                            const int t = i - 2 * u + P, s = j - 2 * v + P;
                            if (t >= 0 && t <= R && s >= 0 && s <= R)
                                box += (double)packed[((t * (R + 1) + s) * C + c) * K + k]
                                    * x[(u * small + v) * C + c];
                        }
                }
                if (!(fabs(plain - box) <= 1e-5)) {
                    printf("kernels_box: wrong for kernel %d on %dx%d\n", R, small, small);
                    failed = true;
                    return;
                }
            }
    row = (size_t)between(C, C + 3);
    fill(other, SPACE);
    kernels_box_fold(y, other, R, K, C, row); /* <box(w), g> = <w, fold(g)> */
    for (int t = 0; t < (R + 1) * (R + 1); t++)
        for (int c = 0; c < C; c++)
            for (int k = 0; k < K; k++)
                left += (double)packed[(t * C + c) * K + k] * other[((size_t)t * K + k) * row + c];
    for (int i = 0; i < R * R * C * K; i++)
        right += (double)w[i] * y[i];
    if (!(fabs(left - right) <= 1e-3)) {
        printf("kernels_box_fold: no adjoint for kernel %d: %g, want %g\n", R, right, left);
        failed = true;
    }
}

static void check_sigmoid(void)
{
    double worst = 0;
    for (size_t i = 0; i < SPACE; i++)
        x[i] = -87.0f + 174.0f * (float)i / SPACE;
    kernels->sigmoid(y, x, SPACE - 3);
    for (size_t i = 0; i < SPACE - 3; i++)
        worst = fmax(worst, fabs(y[i] * (1 + exp(-(double)x[i])) - 1));
    x[0] = 1000, x[1] = -1000;
    kernels->sigmoid(y, x, 2);
    if (!(worst <= 3e-7) || y[0] != 1 || !(y[1] >= 0 && y[1] < 1e-37f)) {
        printf("sigmoid: off by %.1e of its value; sigmoid(1000) = %g, sigmoid(-1000) = %g\n",
               worst, y[0], y[1]);
        failed = true;
    }
}

static void check_bce(void)
{
    const size_t n = (size_t)between(1, 1000);
    double sum = 0, worst = 0, got, alone;
    fill(x, n), fill(other, n), clear(y, UNTOUCHED);
    for (size_t i = 0; i < n; i++) {
        double p, z;
        x[i] *= 20, other[i] = fabsf(other[i]);
        p = fmin(fmax(1 / (1 + exp(-(double)x[i])), 1e-7), 1 - 1e-7);
        z = log(p / (1 - p));
        sum += fmax(z, 0) - z * other[i] + log1p(exp(-fabs(z)));
    }
    got = kernels->bce(y, x, other, n, 0.5f);
    alone = kernels->bce(NULL, x, other, n, 0.5f);
    for (size_t i = 0; i < n; i++) {
        const double want = fabs(x[i]) > 16.1181 ? 0
            : fabs(x[i]) < 16.1180               ? 0.5 * (1 / (1 + exp(-(double)x[i])) - other[i])
                                                 : y[i];
        worst = fmax(worst, fabs(y[i] - want));
    }
    if (got != alone || !(fabs(got / sum - 1) <= 1e-6) || !(worst <= 2e-7) || y[n] != UNTOUCHED) {
        printf("bce of %zu: %.9g and %.9g, want %.9g; gradient off by %.1e\n", n, got, alone, sum,
               worst);
        failed = true;
    }
}

static void check_mse(void)
{
    const size_t n = (size_t)between(1, 1000);
    double sum = 0, worst = 0, got;
    fill(x, n), fill(other, n), clear(y, UNTOUCHED);
    got = kernels->mse(y, x, other, n, 0.5f);
    for (size_t i = 0; i < n; i++) {
        sum += pow((double)x[i] - other[i], 2);
        worst = fmax(worst, fabs(y[i] - ((double)x[i] - other[i])));
    }
    if (!(fabs(got / sum - 1) <= 1e-6) || !(worst <= 3e-7) || y[n] != UNTOUCHED) {
        printf("mse of %zu: %.9g, want %.9g; gradient off by %.1e\n", n, got, sum, worst);
        failed = true;
    }
}

/* By the reference, within limits that cut and without; of normal numbers, of which none lies
 * beyond what 24 bits reach. */
static void check_noise(void)
{
    static double wide[SPACE], want[SPACE];
    const size_t n = (size_t)between(1, SPACE - BEYOND);
    const float low = between(0, 1) ? 0 : -INFINITY, high = low == 0 ? 1 : INFINITY,
                sigma = (float)between(1, 20) / 10;
    double worst = 0, moment[5] = {0};
    struct rng stream;
    /* of the mean, in deviations; of the powers' means sqrt(2), sqrt(15), sqrt(96) times as far */
    const double spread = 6 / sqrt((double)n);
    bool normal;
    rng_init(&stream, rng_u32(&rng) | (uint64_t)rng_u32(&rng) << 32, RNG_NOISE,
             rng_u32(&rng) | (uint64_t)rng_u32(&rng) << 32);
    fill(x, n), clear(y, UNTOUCHED);
    for (size_t i = 0; i < n; i++)
        wide[i] = x[i];
    kernels->noise(y, x, n, sigma, low, high, &stream);
    reference_noise(want, wide, n, sigma, low, high, stream);
    for (size_t i = 0; i < n; i++) {
        double power = 1;
        worst = fmax(worst, fabs(y[i] - want[i]));
        for (int k = 1; k < 5; k++)
            moment[k] += (power *= (y[i] - wide[i]) / sigma) / (double)n;
    }
    normal = fabs(moment[1]) < spread && fabs(moment[2] - 1) < sqrt(2) * spread
        && fabs(moment[3]) < sqrt(15) * spread && fabs(moment[4] - 3) < sqrt(96) * spread;
    if (!(worst <= 2e-7 + 1e-6 * sigma) || y[n] != UNTOUCHED || (low != 0 && n > 1000 && !normal)) {
        printf("noise of %zu: off by %.1e; moments %.3f, %.3f, %.3f, %.3f, want 0, 1, 0, 3\n", n,
               worst, moment[1], moment[2], moment[3], moment[4]);
        failed = true;
    }
    kernels->noise(x, x, n, sigma, low, high, &stream);
    if (memcmp(x, y, n * sizeof *x) != 0) {
        printf("noise of %zu: otherwise in place\n", n);
        failed = true;
    }
}

/* Sizes that no kernel was compiled for end the process: a result never stays unwritten. */
static void missing_points(void)
{
    kernels->winograd(y, NULL, NULL, x, NULL, w, bias,
                      &(struct winograd){.points = 5,
                                         .R = 3,
                                         .C = 1,
                                         .K = 1,
                                         .H = 2,
                                         .W = 2,
                                         .stride = 1,
                                         .tiles = 1,
                                         .height = 1,
                                         .band = 2,
                                         .images = 1},
                      &(struct conv_images){.n = 1, .x_row = 4, .y_row = 1, .y_col = 1}, scratch);
}
static void check_missing(void (*call)(void), const char *what)
{
    const pid_t child = fork();
    int status;
    if (child == 0) {
        fclose(stderr);
        call();
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status)
        || WTERMSIG(status) != SIGABRT) {
        printf("%s: goes on, want an abort\n", what);
        failed = true;
    }
}

int main(int argc, char **argv)
{
    void (*const checks[])(void) = {
        check_conv,       check_dot, check_pool,       check_algorithms,  check_algorithms,
        check_algorithms, check_dw,  check_sparse_sum, check_sparse_list, check_box,
        check_bce,        check_mse, check_noise};
    report_init("check-kernels");
    if (argc != 2 || !kernels_select(argv[1]))
        die("want an instruction set that this processor runs");
    kernels = kernels_get();
    rng_init(&rng, 2, RNG_TEST, 0);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        for (int j = 0; j < SHAPES && !failed; j++)
            checks[i]();
    if (!failed)
        check_reached();
    check_sigmoid();
    check_missing(missing_points, "winograd of 5 points");
    return failed;
}
