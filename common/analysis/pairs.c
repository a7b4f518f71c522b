#include "analysis/pairs.h"

#include <stdlib.h>

#include "analysis/blas.h"
#include "analysis/sums.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"

enum {
    SLICE = 128, /* rows of one call of BLAS */
    LANES = 8,   /* sums side by side: fixed, so that every processor adds in the same order */
};

double pairs_exact(const double *a, const double *b, size_t D)
{
    double sums[LANES] = {0}, total = 0;
    size_t c = 0;

    for (; c + LANES <= D; c += LANES)
        for (size_t i = 0; i < LANES; i++)
            sums[i] += (a[c + i] - b[c + i]) * (a[c + i] - b[c + i]);
    for (size_t i = 0; c + i < D; i++)
        sums[i] += (a[c + i] - b[c + i]) * (a[c + i] - b[c + i]);
    for (size_t i = 0; i < LANES; i++)
        total += sums[i];
    return total;
}

void pairs_squares(double *squares, struct rows *r, const double *mean)
{
    size_t n = rows_n(r), D = rows_width(r), block = smaller(rows_block(D), n);
    double *zero = xcalloc(D, sizeof *zero), *x = xaligned(block * D * sizeof *x);

    for (size_t first = 0; first < n; first += block) {
        size_t got = smaller(block, n - first);

        rows_get(r, x, first, got, mean);
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < got; i++)
            squares[first + i] = pairs_exact(x + i * D, zero, D);
    }
    free(zero);
    free(x);
}

/* squares (n,width) of the rows x (n,D), whose own are a (n), to the rows y, whose own are b. */
static void find_distances(double *squares, const double *x, const double *a, size_t n,
                           const double *y, const double *b, size_t width, size_t D)
{
#pragma omp parallel for collapse(2) schedule(dynamic)
    for (size_t s = 0; s < n; s += SLICE)
        for (size_t t = 0; t < width; t += SLICE) {
            size_t height = smaller(SLICE, n - s), w = smaller(SLICE, width - t);
            double *tile = squares + s * width + t;

            blas_dgemm(false, true, height, w, D, x + s * D, D, y + t * D, D, 0, tile, width);
            for (size_t i = 0; i < height; i++)
                for (size_t j = 0; j < w; j++)
                    tile[i * width + j] = a[s + i] + b[t + j] - 2 * tile[i * width + j];
        }
}

/* Pairs to be visited for the last M rows. */
static size_t work(const struct pairs *p, size_t m, size_t n, size_t block)
{
    return p->once ? m * (m + block) / 2 : m * n;
}

void pairs_visit(const struct pairs *p, struct rows *r)
{
    size_t n = rows_n(r), D = rows_width(r), block = smaller(rows_block(D), n);
    double *x = xaligned(block * D * sizeof *x), *y = xaligned(block * D * sizeof *y);
    double *distances = xaligned(block * block * sizeof *distances);
    double *own = xmalloc(n * sizeof *own), *mean = xmalloc(D * sizeof *mean);
    const size_t total = work(p, n, n, block);

    blas_open();
    sums_mean(mean, r);
    pairs_squares(own, r, mean);
    for (size_t first = 0; first < n; first += block) {
        size_t got = smaller(block, n - first);

        rows_get(r, x, first, got, mean);
        for (size_t other = p->once ? first : 0; other < n; other += block) {
            size_t width = smaller(block, n - other);

            rows_get(r, y, other, width, mean);
            find_distances(distances, x, own + first, got, y, own + other, width, D);
            p->visit(p->context, distances, first, got, other, width);
        }
        p->done(p->context, first, got);
        progress_show(total - work(p, n - first - got, n, block), total,
                      "distances: %zu of %zu rows", first + got, n);
    }
    progress_end();
    free(x);
    free(y);
    free(distances);
    free(mean);
    free(own);
}
