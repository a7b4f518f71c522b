#include "analysis/fidelity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"
#include "net/encode.h"

enum { WINDOW = 11 };

const char *const fidelity_names[N_FIDELITIES] = {"bce", "mse", "psnr", "ssim"};

static void fill_window(double *g)
{
    double sum = 0;

    for (int i = 0; i < WINDOW; i++)
        sum += g[i] = exp(-(i - WINDOW / 2) * (i - WINDOW / 2) / (2 * 1.5 * 1.5));
    for (int i = 0; i < WINDOW; i++)
        g[i] /= sum;
}

/* Weighted sums of one channel under the window at every place: x, y, x^2, y^2, xy. */
struct moments {
    double x, y, xx, yy, xy;
};

static void add(struct moments *m, double g, const struct moments *other)
{
    m->x += g * other->x;
    m->y += g * other->y;
    m->xx += g * other->xx;
    m->yy += g * other->yy;
    m->xy += g * other->xy;
}

static double likeness(const struct moments *m)
{
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    double sx = m->xx - m->x * m->x, sy = m->yy - m->y * m->y, sxy = m->xy - m->x * m->y;

    return (2 * m->x * m->y + c1) * (2 * sxy + c2)
        / ((m->x * m->x + m->y * m->y + c1) * (sx + sy + c2));
}

/* The sum over all places of one channel, C floats apart. The window is a product of a column and a
 * row: first along the lines, then down. */
static double sum_likeness(const float *x, const float *y, size_t H, size_t W, size_t C)
{
    const size_t w = W - WINDOW + 1;
    struct moments *lines = xcalloc(H * w, sizeof *lines);
    double g[WINDOW], sum = 0;

    fill_window(g);
    for (size_t i = 0; i < H; i++)
        for (size_t j = 0; j < w; j++)
            for (size_t k = 0; k < WINDOW; k++) {
                size_t at = (i * W + j + k) * C;
                double a = (double)x[at], b = (double)y[at];

                add(&lines[i * w + j], g[k], &(struct moments){a, b, a * a, b * b, a * b});
            }
    for (size_t i = 0; i + WINDOW <= H; i++)
        for (size_t j = 0; j < w; j++) {
            struct moments m = {0};

            for (size_t k = 0; k < WINDOW; k++)
                add(&m, g[k], &lines[(i + k) * w + j]);
            sum += likeness(&m);
        }
    free(lines);
    return sum;
}

void fidelity_of(double f[N_FIDELITIES], const float *x, const float *y, size_t H, size_t W,
                 size_t C)
{
    size_t n = H * W * C;

    memset(f, 0, N_FIDELITIES * sizeof *f);
    for (size_t i = 0; i < n; i++) {
        double t = (double)x[i], p = fmin(fmax((double)y[i], 1e-7), 1 - 1e-7);

        f[FIDELITY_MSE] += ((double)y[i] - t) * ((double)y[i] - t) / (double)n;
        f[FIDELITY_BCE] -= (t * log(p) + (1 - t) * log1p(-p)) / (double)n;
    }
    f[FIDELITY_PSNR] = -10 * log10(f[FIDELITY_MSE]);
    if (H < WINDOW || W < WINDOW)
        f[FIDELITY_SSIM] = NAN;
    for (size_t c = 0; c < C && H >= WINDOW && W >= WINDOW; c++)
        f[FIDELITY_SSIM] +=
            sum_likeness(x + c, y + c, H, W, C) / (double)(C * (H - WINDOW + 1) * (W - WINDOW + 1));
}

/* Row ROW of the images into x (items). */
static void read_row(float *x, struct tensor_reader *images, size_t row, unsigned char *raw)
{
    tensor_read_at(images, raw, row, 1);
    if (images->header.dtype == NPY_U8)
        net_scale(x, raw, images->row_items);
    else
        memcpy(x, raw, images->row_bytes);
}

void fidelity_find(struct interval found[N_FIDELITIES], struct net *net,
                   struct tensor_reader *images, const size_t *rows, size_t n, uint64_t seed)
{
    const size_t items = images->row_items, *shape = images->header.shape;
    unsigned char *raw = xaligned(images->row_bytes);
    float *x = xaligned(ENCODE_BLOCK * items * sizeof *x);
    float *y = xaligned(ENCODE_BLOCK * items * sizeof *y), *scores[N_FIDELITIES];
    uint32_t *order = xmalloc(n * sizeof *order);

    for (int m = 0; m < N_FIDELITIES; m++)
        scores[m] = xmalloc(n * sizeof *scores[m]);
    for (size_t first = 0; first < n; first += ENCODE_BLOCK) {
        const size_t got = smaller(ENCODE_BLOCK, n - first);

        for (size_t i = 0; i < got; i++)
            read_row(x + i * items, images, rows[first + i], raw);
        net_reconstruct(net, y, x, got);
#pragma omp parallel for schedule(dynamic)
        for (size_t i = 0; i < got; i++) {
            double f[N_FIDELITIES];

            fidelity_of(f, x + i * items, y + i * items, shape[1], shape[2], shape[3]);
            for (int m = 0; m < N_FIDELITIES; m++)
                scores[m][first + i] = (float)f[m];
        }
        progress_show(first + got, n, "reconstruction: %zu of %zu rows", first + got, n);
    }
    progress_end();
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (int m = 0; m < N_FIDELITIES; m++) {
        found[m] = interval_mean(scores[m], order, n, seed);
        free(scores[m]);
    }
    free(raw);
    free(x);
    free(y);
    free(order);
}
