#include "kernels.h"

#include <stdlib.h>
#include <string.h>

#include "report.h"

extern const struct kernels kernels_base;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512;
#endif

static const struct kernels *chosen;
static int isa;   /* --isa, a position in choices() */

const struct kernels *const *kernels_all(void)
{
    static const struct kernels *all[4];
    if (all[0] == NULL) {
        int n = 0;
#if defined(__x86_64__)
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            all[n++] = &kernels_avx512;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
            all[n++] = &kernels_avx2;
#endif
        all[n] = &kernels_base;
    }
    return all;
}

bool kernels_select(const char *name)
{
    for (const struct kernels *const *k = kernels_all(); *k != NULL; k++)
        if (strcmp((*k)->name, name) == 0) {
            chosen = *k;
            return true;
        }
    return false;
}

/* "auto|avx512|avx2|base", as far as this processor goes. */
static const char *choices(void)
{
    static char text[64];
    if (text[0] == '\0') {
        strcpy(text, "auto");
        for (const struct kernels *const *k = kernels_all(); *k != NULL; k++)
            strcat(strcat(text, "|"), (*k)->name);
    }
    return text;
}

struct cli_option kernels_option(void)
{
    return (struct cli_option){"isa", CLI_CHOICE, &isa, 0, 0, choices(), 0, "instruction set of the arithmetic; auto: the best here"};
}

const struct kernels *kernels_get(void)
{
    if (isa > 0) {
        chosen = kernels_all()[isa - 1];
    } else if (chosen == NULL) {
        const char *name = getenv("KASANE_ISA");
        if (name == NULL || *name == '\0' || strcmp(name, "auto") == 0)
            chosen = kernels_all()[0];
        else if (!kernels_select(name))
            die_usage("KASANE_ISA '%s', want one of %s", name, choices());
    }
    return chosen;
}

struct winograd_sizes kernels_winograd_sizes(const struct winograd *g, int lanes)
{
    enum { BUDGET = (512 << 10) / sizeof(float) };  /* half of a second-level cache */
    const int M = g->points + 1 - g->R, span = g->stride * g->C, vectors = (span + lanes - 1) / lanes;
    const size_t Kp = (size_t)(g->K + lanes - 1) / lanes * lanes;
    struct winograd_sizes z = { .tiles = (g->W + M - 1) / M };
    const int whole = (z.tiles * M * g->C + lanes - 1) / lanes;
    const bool runs = g->stride == 1 && whole < z.tiles * vectors;  /* rather every column than vectors mostly empty */
    z.steps = runs ? 1 : z.tiles;
    z.span = runs ? z.tiles * M * g->C : span;
    z.v_col = (size_t)(runs ? M * g->C : g->stride * span);
    const size_t v_row = g->points * z.tiles * z.v_col, m_row = g->points * z.tiles * Kp;
    const size_t fit = BUDGET / (v_row + m_row), bands = ((size_t)g->H + fit) / (fit + 1);
    z.rows = (int)(((g->H + 1) / 2 + bands - 1) / bands * 2);
    const size_t image = v_row * (z.rows + g->R - 1) + m_row * z.rows;
    z.images = z.rows < g->H || image > BUDGET / 2 ? 1 : BUDGET / image;
    z.v_plane = (z.tiles * z.v_col * (z.rows + g->R - 1) + 15) / 16 * 16 + 16;  /* whole vectors are written */
    z.v_image = g->points * z.v_plane;
    z.m_plane = z.tiles * Kp * z.rows;
    z.m_image = g->points * z.m_plane;
    z.scratch = z.images * (z.v_image + z.m_image);
    return z;
}

int kernels_winograd_points(const struct winograd *g, enum winograd_use use)
{
    if (g->R < 2 || g->R > 7 || g->R * g->C * g->stride * g->stride < 15)
        return 0;
    int best = 0, least = g->W * g->R * 3 / 4 + 1;  /* multiplications in a row, for each of the kernel's */
    for (int points = 4; points <= 8; points += 2) {
        const int M = points + 1 - g->R;
        if (M < 2 || (use == WINOGRAD_TIES && M != 2) || (use == WINOGRAD_POOL && M % 2 != 0))
            continue;
        const int cost = (g->W + M - 1) / M * points;
        if (cost < least)
            best = points, least = cost;
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
                    if (r < 0 || r >= R || s < 0 || s >= R)
                        continue;
                    const float *from = w + ((size_t)r * R + s) * CK;
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
                    const float *from = box + ((size_t)(2 * u + ab / 2) * (R + 1) + 2 * v + ab % 2) * C * K + k;
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
            memcpy(dbox, dblocks + (((size_t)(t / 2) * T + u / 2) * 4 + t % 2 * 2 + u % 2) * pixel, pixel * sizeof *dbox);
}

void kernels_box_fold(float *dw, const float *dbox, int R, int C, int K, size_t row)
{
    for (int r = 0; r < R; r++)
        for (int s = 0; s < R; s++) {
            const float *a = dbox + ((size_t)(R - 1 - r) * (R + 1) + R - 1 - s) * K * row;  /* e = f = 0; always inside */
            const float *b = a + K * row, *c = a + (size_t)(R + 1) * K * row, *d = c + K * row;
            float *to = dw + ((size_t)r * R + s) * C * K;
            for (int i = 0; i < C; i++)
                for (int k = 0; k < K; k++) {
                    const size_t at = k * row + i;
                    to[(size_t)i * K + k] = (a[at] + b[at]) + (c[at] + d[at]);
                }
        }
}
