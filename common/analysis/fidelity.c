#include "analysis/fidelity.h"

#include <math.h>
#include <stdlib.h>

#include "base/report.h"

enum { WINDOW = 11 };

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

struct fidelity fidelity_of(const float *x, const float *y, size_t H, size_t W, size_t C)
{
    struct fidelity f = {.ssim = NAN};
    size_t n = H * W * C;

    for (size_t i = 0; i < n; i++) {
        double t = (double)x[i], p = fmin(fmax((double)y[i], 1e-7), 1 - 1e-7);

        f.mse += ((double)y[i] - t) * ((double)y[i] - t) / (double)n;
        f.bce -= (t * log(p) + (1 - t) * log1p(-p)) / (double)n;
    }
    f.psnr = -10 * log10(f.mse);
    if (H >= WINDOW && W >= WINDOW) {
        f.ssim = 0;
        for (size_t c = 0; c < C; c++)
            f.ssim += sum_likeness(x + c, y + c, H, W, C)
                / (double)(C * (H - WINDOW + 1) * (W - WINDOW + 1));
    }
    return f;
}
