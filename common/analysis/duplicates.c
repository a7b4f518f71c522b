#include "analysis/duplicates.h"

#include <omp.h>
#include <stdlib.h>

#include "base/report.h"

/* What a thread found. */
struct found {
    size_t n, size;
    struct duplicate *pairs;
    double *x, *y; /* (D) */
};

struct search {
    struct rows *rows;
    enum metric metric;
    double threshold, square; /* of a distance; the same of its square, a little above */
    size_t most, n;           /* pairs that memory holds, that there are */
    struct found *found;      /* one for each thread */
};

static void add(struct search *s, struct found *f, struct duplicate pair)
{
    size_t n;

#pragma omp atomic capture
    n = ++s->n;
    if (n > s->most)
        return; /* which duplicates_find tells when all threads are back */
    if (f->n == f->size) {
        f->size = f->size ? 2 * f->size : 64;
        f->pairs = xrealloc(f->pairs, f->size, sizeof *f->pairs);
    }
    f->pairs[f->n++] = pair;
}

static void get(const struct search *s, double *x, size_t row)
{
    rows_get(s->rows, x, row, 1, NULL);
    metric_prepare(x, rows_width(s->rows), s->metric);
}

static void judge(void *context, const struct bounds *b, int thread)
{
    struct search *s = context;
    struct found *f = &s->found[thread];
    size_t D = rows_width(s->rows), row = SIZE_MAX;

    for (size_t i = 0; i < b->n; i++) {
        double most = s->square * b->unit - b->a[i];
        const float *t = b->t + i * b->m;

        for (size_t j = 0; j < b->m; j++) {
            size_t other = b->other + j;
            double distance;

            if (t[j] > most || other <= b->first + i || s->n > s->most)
                continue;
            if (row != b->first + i)
                get(s, f->x, row = b->first + i);
            get(s, f->y, other);
            distance = metric_distance(metric_square(f->x, f->y, D), s->metric);
            if (distance <= s->threshold)
                add(s, f, (struct duplicate){row, other, distance});
        }
    }
}

static int compare(const void *a, const void *b)
{
    const struct duplicate *x = a, *y = b;

    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->other > y->other) - (x->other < y->other);
}

struct duplicate *duplicates_find(struct rows *r, double threshold, enum metric metric,
                                  size_t memory, size_t *n)
{
    const struct row_set all = {r, NULL, rows_n(r)};
    int n_threads = omp_get_max_threads();
    struct search s = {.rows = r,
                       .metric = metric,
                       .threshold = threshold,
                       .square = metric_to_square(threshold, metric) * (1 + 1e-9),
                       .most = memory / (3 * sizeof(struct duplicate)),
                       .found = xcalloc((size_t)n_threads, sizeof *s.found)};
    const struct bounds_visitor pairs = {judge, NULL, &s, true};
    struct duplicate *to;

    for (int i = 0; i < n_threads; i++) {
        s.found[i].x = xaligned(rows_width(r) * sizeof(double));
        s.found[i].y = xaligned(rows_width(r) * sizeof(double));
    }
    bounds_visit(&pairs, &all, &all, metric);
    if (s.n > s.most)
        die_file(rows_path(r), "more than %zu pairs within %g, which is what --memory holds",
                 s.most, threshold);
    to = xmalloc((s.n + 1) * sizeof *to);
    *n = 0;
    for (int i = 0; i < n_threads; i++) {
        for (size_t k = 0; k < s.found[i].n; k++)
            to[(*n)++] = s.found[i].pairs[k];
        free(s.found[i].pairs);
        free(s.found[i].x);
        free(s.found[i].y);
    }
    free(s.found);
    qsort(to, *n, sizeof *to, compare);
    return to;
}
