#include "net/columns.h"

#include <math.h>
#include <string.h>

#include "base/sizes.h"
#include "base/vectors.h"
#include "net/dense.h"
#include "net/norm.h"

enum { SOME = 16 }; /* columns at once; dense_row is a multiple */

/* Sums over rows of x and of x*y. */
VECTORS static void sum_some(double sum[SOME], double product[SOME], const float *x, const float *y,
                             size_t row, size_t n)
{
    memset(sum, 0, SOME * sizeof *sum);
    memset(product, 0, SOME * sizeof *product);
    for (size_t i = 0; i < n; i++, x += row, y += row)
        for (int c = 0; c < SOME; c++) {
            sum[c] += (double)x[c];
            product[c] += (double)x[c] * (double)y[c];
        }
}

void columns_sum(float *sums, const float *x, size_t n, size_t width)
{
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < width; first += SOME) {
        double sum[SOME], unused[SOME];
        sum_some(sum, unused, x + first, x + first, dense_row(width), n);
        for (size_t c = 0; c < SOME && first + c < width; c++)
            sums[first + c] = (float)sum[c];
    }
}

static void statistics(const struct columns *c, const float *u, size_t first, size_t end, size_t n,
                       double momentum)
{
    double sum[SOME], square[SOME];

    sum_some(sum, square, u + first, u + first, dense_row(c->width), n);
    for (size_t i = first; i < end; i++) {
        const double m = sum[i - first] / (double)n, v = square[i - first] / (double)n - m * m,
                     variance = v > 0 ? v : 0;
        c->centre[i] = (float)m;
        c->spread[i] = (float)(1 / sqrt(variance + NORM_EPSILON));
        c->mean[i] = (float)(c->mean[i] * momentum + m * (1 - momentum));
        c->variance[i] = (float)(c->variance[i] * momentum + variance * (1 - momentum));
    }
}

static void running_statistics(const struct columns *c, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        c->centre[i] = c->mean[i];
        c->spread[i] = (float)(1 / sqrt((double)c->variance[i] + NORM_EPSILON));
    }
}

VECTORS static void normalise(float *a, float *u, const float *centre, const float *spread,
                              const float *scale, const float *shift, size_t row, size_t n)
{
    for (size_t i = 0; i < n; i++, u += row, a += row)
        for (int c = 0; c < SOME; c++) {
            const float v = (u[c] - centre[c]) * spread[c], y = v * scale[c] + shift[c];
            u[c] = v;
            a[c] = y > 0 ? y : 0;
        }
}

void columns_forward(const struct columns *c, float *a, float *u, size_t n, bool train,
                     double momentum)
{
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < c->width; first += SOME) {
        const size_t end = smaller(first + SOME, c->width);
        if (train)
            statistics(c, u, first, end, n, momentum);
        else
            running_statistics(c, first, end);
        memcpy(c->scale + first, c->gamma + first, (end - first) * sizeof(float));
        memcpy(c->shift + first, c->beta + first, (end - first) * sizeof(float));
        normalise(a + first, u + first, c->centre + first, c->spread + first, c->scale + first,
                  c->shift + first, dense_row(c->width), n);
    }
}

VECTORS static void relu_backward(float *g, const float *a, size_t row, size_t n)
{
    for (size_t i = 0; i < n; i++, g += row, a += row)
        for (int c = 0; c < SOME; c++)
            g[c] = a[c] > 0 ? g[c] : 0;
}

VECTORS static void norm_backward(float *g, const float *v, const float *scale, const float *mean,
                                  const float *product, size_t row, size_t n)
{
    for (size_t i = 0; i < n; i++, g += row, v += row)
        for (int c = 0; c < SOME; c++)
            g[c] = scale[c] * (g[c] - mean[c] - product[c] * v[c]);
}

void columns_backward(const struct columns *c, float *dgamma, float *dbeta, float *da,
                      const float *v, const float *a, size_t n)
{
    const size_t row = dense_row(c->width);

#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < c->width; first += SOME) {
        double sum[SOME], product[SOME];
        float scale[SOME] = {0}, mean[SOME] = {0}, mean_product[SOME] = {0};
        relu_backward(da + first, a + first, row, n);
        sum_some(sum, product, da + first, v + first, row, n);
        for (size_t i = first; i < smaller(first + SOME, c->width); i++) {
            dbeta[i] = (float)sum[i - first];
            dgamma[i] = (float)product[i - first];
            scale[i - first] = c->scale[i] * c->spread[i];
            mean[i - first] = (float)(sum[i - first] / (double)n);
            mean_product[i - first] = (float)(product[i - first] / (double)n);
        }
        norm_backward(da + first, v + first, scale, mean, mean_product, row, n);
    }
}
