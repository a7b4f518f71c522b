#include "analysis/interval.h"

#include <stdlib.h>

#include "base/report.h"
#include "base/rng.h"

enum { DRAWS = 1000 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Between the two sorted figures nearest to this share of them. */
static double percentile(const double *sorted, double share)
{
    double at = share * (DRAWS - 1);
    size_t below = (size_t)at;

    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct interval interval_find(interval_figure *figure, void *context, const uint32_t *rows,
                              size_t n, uint64_t seed)
{
    struct interval found = {.value = figure(context, rows, n)};
    double *figures = xmalloc(DRAWS * sizeof *figures);

#pragma omp parallel
    {
        uint32_t *drawn = xmalloc(n * sizeof *drawn);

#pragma omp for schedule(dynamic)
        for (uint64_t b = 0; b < DRAWS; b++) {
            struct rng rng;

            rng_init(&rng, seed, RNG_BOOTSTRAP, b);
            for (size_t i = 0; i < n; i++)
                drawn[i] = rows[rng_below(&rng, (uint32_t)n)];
            figures[b] = figure(context, drawn, n);
        }
        free(drawn);
    }
    qsort(figures, DRAWS, sizeof *figures, ascending);
    found.low = percentile(figures, 0.025);
    found.high = percentile(figures, 0.975);
    free(figures);
    return found;
}

static double mean(void *context, const uint32_t *rows, size_t n)
{
    const float *scores = context;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)scores[rows[i]];
    return sum / (double)n;
}

struct interval interval_mean(const float *scores, const uint32_t *rows, size_t n, uint64_t seed)
{
    return interval_find(mean, (void *)scores, rows, n, seed);
}
