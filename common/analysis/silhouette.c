#include "analysis/silhouette.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/pairs.h"
#include "base/report.h"

struct sums {
    const size_t *class_of; /* (n) */
    size_t n_classes;
    size_t *count; /* (n_classes) rows of each */
    double *to;    /* (block,n_classes) of the rows of the block: sums of distances to each class */
    double *s;     /* (n) */
};

static void add_distances(void *context, const double *squares, size_t first, size_t n,
                          size_t other, size_t width)
{
    struct sums *u = context;

    if (other == 0)
        memset(u->to, 0, n * u->n_classes * sizeof *u->to);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            if (other + j != first + i)
                u->to[i * u->n_classes + u->class_of[other + j]] +=
                    sqrt(fmax(0, squares[i * width + j]));
}

static void conclude(void *context, size_t first, size_t n)
{
    struct sums *u = context;

    for (size_t i = 0; i < n; i++) {
        const double *to = u->to + i * u->n_classes;
        size_t own = u->class_of[first + i];
        double a = u->count[own] > 1 ? to[own] / (double)(u->count[own] - 1) : 0, b = INFINITY;

        for (size_t c = 0; c < u->n_classes; c++)
            if (c != own && u->count[c] > 0)
                b = fmin(b, to[c] / (double)u->count[c]);
        u->s[first + i] =
            u->count[own] < 2 || isinf(b) || fmax(a, b) == 0 ? 0 : (b - a) / fmax(a, b);
    }
}

void silhouette_find(double *s, struct rows *r, const size_t *class_of, size_t n_classes)
{
    struct sums u = {.class_of = class_of, .n_classes = n_classes, .s = s};
    const struct pairs all = {add_distances, conclude, &u};

    u.count = xcalloc(n_classes, sizeof *u.count);
    u.to = xcalloc(rows_block(rows_width(r)) * n_classes, sizeof *u.to);
    for (size_t i = 0; i < rows_n(r); i++)
        u.count[class_of[i]]++;
    pairs_visit(&all, r);
    free(u.count);
    free(u.to);
}
