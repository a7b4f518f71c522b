#include "kernels/kernels.h"

#include <string.h>

struct winograd_sizes kernels_winograd_sizes(const struct winograd *g, int lanes)
{
    enum { FIRST_LEVEL = (32 << 10) / sizeof(float) }; /* that cache */
    const int M = g->points + 1 - g->R, span = g->stride * g->C,
              vectors = (span + lanes - 1) / lanes;
    struct winograd_sizes z = {.tiles = (g->W + M - 1) / M,
                               .height = g->both ? M : 1,
                               .n_points = g->both ? g->points * g->points : g->points,
                               .taps = g->both ? 1 : g->R,
                               .m_col = (size_t)(g->K + lanes - 1) / lanes * lanes};
    const bool together =
        g->stride == 1 && !g->both && (z.tiles * g->C + lanes - 1) / lanes < z.tiles * vectors;
    size_t v_line, m_line, fit, bands, image, group;
    bool few;
    int least, n_least;
    z.steps = together ? 1 : z.tiles;
    z.span = together ? z.tiles * g->C : span;
    z.deinterleaved = together
        ? ((size_t)M * (z.tiles + (g->points - 1) / M) * g->C + 15) / 16 * 16 + KERNELS_MAX_LANES
        : 0;
    z.v_col = (size_t)(together ? g->C : g->stride * span);
    v_line = z.n_points * z.tiles * z.v_col;
    m_line = z.n_points * z.tiles * z.m_col;
    few = g->stride == 1
        && z.n_points * z.taps * g->C * z.m_col
            <= FIRST_LEVEL / 2; /* the kernels pass through the first level with each group */
    least = g->both ? 1 : 2;
    n_least = (g->H + least * z.height - 1) / (least * z.height);
    fit = KERNELS_SECOND_LEVEL / (v_line + (few ? 0 : m_line)) / least;
    bands = (n_least + fit) / (fit + 1);
    z.tile_rows = (int)((n_least + bands - 1) / bands) * least;
    image = v_line * (z.tile_rows + z.taps - 1) + m_line * z.tile_rows;
    group = FIRST_LEVEL / m_line / 2 * 2;
    z.images = bands > 1 || image > KERNELS_SECOND_LEVEL / 2 ? 1 : KERNELS_SECOND_LEVEL / image;
    z.group = z.images > 1 || !few || group >= (size_t)z.tile_rows ? z.tile_rows
        : group < 2                                                ? 2
                                                                   : (int)group;
    z.v_point = (z.tiles * z.v_col * (z.tile_rows + z.taps - 1) + 31) / 32 * 32
        + 16; /* whole vectors are written; odd numbers of cache lines, for the sets of the cache */
    z.v_image = z.n_points * z.v_point;
    z.m_point = (z.tiles * z.m_col * z.group + 31) / 32 * 32 + 16;
    z.m_image = z.n_points * z.m_point;
    z.scratch = z.images * (z.v_image + z.m_image) + z.deinterleaved;
    return z;
}

/* Both axes round more, and must pay for it by a quarter. */
double kernels_winograd_work(const struct winograd *g)
{
    const double C = (double)g->stride * g->stride * g->C, K = g->K;
    int M, p, across, down;
    double way;
    if (g->points == 0)
        return (double)g->H * g->W * g->R * g->R * C * K;
    M = g->points + 1 - g->R;
    p = g->points;
    across = (g->W + M - 1) / M;
    down = g->both ? (g->H + M - 1) / M : g->H;
    way = 1.5 * p * p / 4;
    return (double)across * down
        * (g->both ? 1.25 * (p * p * C * K + way * (2 * p * C + (p + M) * K))
                   : p * g->R * C * K + way * (C + K));
}

struct winograd kernels_winograd_choose(struct winograd g, enum winograd_use use)
{
    struct winograd best = g, way = g;
    const bool by_work = use == WINOGRAD_INFERENCE || use == WINOGRAD_TIES,
               ten = use == WINOGRAD_INFERENCE || (use == WINOGRAD_POOL && g.R >= 7);
    int least = g.W * g.R * 3 / 4 + 1; /* multiplications in a row, for each of the kernel's */
    best.points = way.points = 0, best.both = way.both = false;
    if (g.K == 0 || g.R < 2 || g.R > 9 || g.R * g.C * g.stride * g.stride < 10)
        return best;
    for (way.points = 4; way.points <= (ten ? 10 : 8); way.points += 2)
        for (int both = 0; both <= (g.both && by_work && way.points <= 8); both++) {
            const int M = way.points + 1 - g.R, cost = M < 2 ? 0 : (g.W + M - 1) / M * way.points;
            way.both = both;
            if (M < 2 || (use == WINOGRAD_TIES && M != 2) || (use != WINOGRAD_ANY && M % 2 != 0)
                || (both && (M > 4 || g.R > 5)) || (way.points > 8 && (M > 4 || g.W < g.R)))
                continue;
            if (by_work ? kernels_winograd_work(&way)
                        < kernels_winograd_work(&best) * (best.points == 0 ? 0.75 : 1)
                        : cost < least)
                best = way, least = cost;
        }
    return best;
}

void kernels_pack(float *p, const float *w, const float *scale, const struct packing *g, int lanes)
{
    const int groups = (g->K + lanes - 1) / lanes;
    const size_t used = (size_t)g->taps_x * g->C, run = (used + g->pad - 1) / g->pad * g->pad;
    for (int group = 0; group < groups; group++)
        for (int r = 0; r < g->taps; r++) {
            float *to = p + ((size_t)group * g->taps + r) * run * lanes;
            const int k0 = group * lanes, n = g->K - k0 < lanes ? g->K - k0 : lanes;
            for (int s = 0; s < g->taps_x; s++)
                for (int c = 0; c < g->C; c++, to += lanes) {
                    const float *from = w + r * g->row + s * g->col + c * g->in + k0 * g->out;
                    for (int l = 0; l < n; l++)
                        to[l] = scale == NULL ? from[l * g->out] : from[l * g->out] * scale[k0 + l];
                    for (int l = n; l < lanes; l++)
                        to[l] = 0;
                }
            memset(to, 0, (run - used) * lanes * sizeof *to);
        }
}

void kernels_box(float *box, const float *w, int R, int C, int K)
{
    const size_t CK = (size_t)C * K;
    for (int t = 0; t <= R; t++)
        for (int u = 0; u <= R; u++) {
            float *to = box + ((size_t)t * (R + 1) + u) * CK;
            memset(to, 0, CK * sizeof *to);
            for (int e = 0; e < 2; e++)
                for (int f = 0; f < 2; f++) {
                    const int r = R - 1 - t + e, s = R - 1 - u + f;
                    const float *from;
                    if (r < 0 || r >= R || s < 0 || s >= R)
                        continue;
                    from = w + ((size_t)r * R + s) * CK;
                    for (size_t i = 0; i < CK; i++)
                        to[i] += from[i];
                }
        }
}

void kernels_blocks(float *blocks, const float *box, int R, int C, int K)
{
    const int T = (R + 1) / 2;
    for (int u = 0; u < T; u++)
        for (int v = 0; v < T; v++)
            for (int ab = 0; ab < 4; ab++)
                for (int k = 0; k < K; k++) {
                    const float *from =
                        box + ((size_t)(2 * u + ab / 2) * (R + 1) + 2 * v + ab % 2) * C * K + k;
                    for (int c = 0; c < C; c++)
                        *blocks++ = from[(size_t)c * K];
                }
}

void kernels_unblock(float *dbox, const float *dblocks, int R, int K, size_t row)
{
    const int T = (R + 1) / 2;
    const size_t pixel = K * row;
    for (int t = 0; t <= R; t++)
        for (int u = 0; u <= R; u++, dbox += pixel)
            memcpy(dbox, dblocks + (((size_t)(t / 2) * T + u / 2) * 4 + t % 2 * 2 + u % 2) * pixel,
                   pixel * sizeof *dbox);
}

void kernels_box_fold(float *dw, int filters, const float *dbox, const struct packing *g)
{
    const int R = g->taps, C = g->C;
    for (int r = 0; r < R; r++)
        for (int s = 0; s < R; s++) {
            const float *a =
                dbox + (R - 1 - r) * g->row + (R - 1 - s) * g->col; /* e = f = 0; always inside */
            const float *b = a + g->col, *c = a + g->row, *d = c + g->col;
            float *to = dw + ((size_t)r * R + s) * filters * C;
            for (int k0 = 0; k0 < g->K;
                 k0 += 16) /* transposed: what is written stays in the first-level cache */
                for (int i = 0; i < C; i++)
                    for (int k = k0; k < g->K && k < k0 + 16; k++) {
                        const ptrdiff_t at = i * g->in + k * g->out;
                        to[(size_t)k * C + i] = (a[at] + b[at]) + (c[at] + d[at]);
                    }
        }
}
