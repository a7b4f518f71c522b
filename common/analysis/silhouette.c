#include "analysis/silhouette.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/pairs.h"
#include "base/report.h"
#include "base/sizes.h"

/* Sums of distances (n_classes,n_sums) of rows to classes: of all rows where there is room, each
 * distance then found once and added for both its rows, or of those of a block. A row adds the
 * others in ascending order both ways. */
struct sums {
    const size_t *class_of; /* (n) */
    size_t n_classes, n_sums;
    size_t *count; /* (n_classes) rows of each */
    double *to;
    double *s; /* (n) */
    bool once;
};

enum { COLUMNS = 64 };

static double *sums_of(const struct sums *u, size_t c, size_t first)
{
    return u->to + c * u->n_sums + (u->once ? first : 0);
}

/* The rows FIRST..FIRST+N-1 add their distances d (n,width), which are squares yet. */
static void add_to_rows(const struct sums *u, double *d, size_t first, size_t n, size_t other,
                        size_t width)
{
#pragma omp parallel
    {
        double *own = xmalloc(u->n_classes * sizeof *own);

#pragma omp for schedule(static)
        for (size_t i = 0; i < n; i++) {
            double *row = d + i * width;

            for (size_t c = 0; c < u->n_classes; c++)
                own[c] = sums_of(u, c, first)[i];
            for (size_t j = 0; j < width; j++)
                row[j] = other + j == first + i ? 0 : sqrt(fmax(0, row[j]));
            for (size_t j = 0; j < width; j++)
                own[u->class_of[other + j]] += row[j];
            for (size_t c = 0; c < u->n_classes; c++)
                sums_of(u, c, first)[i] = own[c];
        }
        free(own);
    }
}

/* The rows OTHER..OTHER+WIDTH-1 add theirs to rows FIRST..FIRST+N-1. */
static void add_to_others(const struct sums *u, const double *d, size_t first, size_t n,
                          size_t other, size_t width)
{
#pragma omp parallel for schedule(static)
    for (size_t from = 0; from < width; from += COLUMNS) {
        size_t end = smaller(from + COLUMNS, width);

        for (size_t i = 0; i < n; i++) {
            double *to = sums_of(u, u->class_of[first + i], other);

            for (size_t j = from; j < end; j++)
                to[j] += d[i * width + j];
        }
    }
}

static void add_distances(void *context, double *squares, size_t first, size_t n, size_t other,
                          size_t width)
{
    const struct sums *u = context;

    if (!u->once && other == 0)
        memset(u->to, 0, u->n_sums * u->n_classes * sizeof *u->to);
    add_to_rows(u, squares, first, n, other, width);
    if (u->once && other != first)
        add_to_others(u, squares, first, n, other, width);
}

static void conclude(void *context, size_t first, size_t n)
{
    struct sums *u = context;

    for (size_t i = 0; i < n; i++) {
        const double *to = sums_of(u, 0, first) + i; /* step n_sums */
        size_t own = u->class_of[first + i];
        double a = u->count[own] > 1 ? to[own * u->n_sums] / (double)(u->count[own] - 1) : 0,
               b = INFINITY;

        for (size_t c = 0; c < u->n_classes; c++)
            if (c != own && u->count[c] > 0)
                b = fmin(b, to[c * u->n_sums] / (double)u->count[c]);
        u->s[first + i] =
            u->count[own] < 2 || isinf(b) || fmax(a, b) == 0 ? 0 : (b - a) / fmax(a, b);
    }
}

void silhouette_find(double *s, struct rows *r, const size_t *class_of, size_t n_classes,
                     size_t memory)
{
    size_t n = rows_n(r), sum = n_classes * sizeof(double);
    struct sums u = {
        .class_of = class_of, .n_classes = n_classes, .s = s, .once = n <= memory / sum};
    const struct pairs pairs = {add_distances, conclude, &u, u.once};

    u.count = xcalloc(n_classes, sizeof *u.count);
    u.n_sums = u.once ? n : smaller(rows_block(rows_width(r)), n);
    u.to = xcalloc(u.n_sums, sum);
    for (size_t i = 0; i < n; i++)
        u.count[class_of[i]]++;
    pairs_visit(&pairs, r);
    free(u.count);
    free(u.to);
}
