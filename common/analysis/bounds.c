#include "analysis/bounds.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blas.h"
#include "analysis/pairs.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"
#include "base/vectors.h"

enum {
    QUERY_FLOATS = 4 << 20, /* numbers of a block of queries, of one of rows */
    ROW_FLOATS = 4 << 20,
    ROWS = 1024,  /* of a block at most */
    PANEL = 4096, /* terms of an inner product that one call of BLAS adds */
    SAMPLE = 64,  /* rows that the middle is the mean of */
};

static size_t clamp(size_t n, size_t most)
{
    return n < 1 ? 1 : smaller(n, most);
}

size_t row_set_at(const struct row_set *s, size_t i)
{
    return s->which ? s->which[i] : i;
}

/* --- exactly --- */

void metric_prepare(double *x, size_t D, enum metric metric)
{
    double largest = 0, square = 0;

    if (metric == METRIC_EUCLIDEAN)
        return;
    for (size_t c = 0; c < D; c++)
        largest = fmax(largest, fabs(x[c]));
    if (largest == 0) { /* no direction; NaN marks it */
        x[0] = NAN;
        return;
    }
    for (size_t c = 0; c < D; c++) {
        x[c] /= largest;
        square += x[c] * x[c];
    }
    for (size_t c = 0; c < D; c++)
        x[c] /= sqrt(square);
}

double metric_square(const double *x, const double *y, size_t D)
{
    return isnan(x[0]) || isnan(y[0]) ? 2 : pairs_exact(x, y, D);
}

double metric_distance(double square, enum metric metric)
{
    return metric == METRIC_COSINE ? square / 2 : sqrt(square);
}

double metric_to_square(double distance, enum metric metric)
{
    return metric == METRIC_COSINE ? 2 * distance : distance * distance;
}

/* --- in single precision --- */

/* What rows become before they are multiplied: factor * row - middle. */
struct view {
    enum metric metric;
    size_t D;
    double *middle;      /* (D) */
    double factor;       /* Euclidean: a power of two */
    double error;        /* of a square, as a share of it */
    double middle_error; /* and of its root */
};

static double factor_of(const struct view *v, struct rows *r, size_t row)
{
    double largest, square;

    if (v->metric == METRIC_EUCLIDEAN)
        return v->factor;
    square = rows_square(r, row, &largest);
    if (largest == 0)
        return 0;
    return largest < 1e-140 || largest > 1e140 ? NAN : 1 / sqrt(square);
}

static void find_middle(struct view *v, const struct row_set *s)
{
    size_t n = smaller(SAMPLE, s->n);
    double *x = xaligned(v->D * sizeof *x);

    for (size_t i = 0; i < n; i++) {
        size_t row = row_set_at(s, i * s->n / n);
        double factor = factor_of(v, s->rows, row);

        rows_get(s->rows, x, row, 1, NULL);
        for (size_t c = 0; c < v->D; c++)
            v->middle[c] += isfinite(factor * x[c]) ? factor * x[c] / (double)n : 0;
    }
    free(x);
}

static struct view view_of(const struct row_set *s, enum metric metric)
{
    struct view v = {.metric = metric, .D = rows_width(s->rows), .factor = 1};
    size_t terms = smaller(v.D, PANEL) + v.D / PANEL + 16;
    double largest = 0, square = 0;
    int exponent;

    v.middle = xcalloc(v.D, sizeof *v.middle);
    find_middle(&v, s);
    if (metric == METRIC_EUCLIDEAN) { /* numbers as large as the middle's become about 1 */
        for (size_t c = 0; c < v.D; c++)
            largest = fmax(largest, fabs(v.middle[c]));
        frexp(largest, &exponent);
        v.factor = largest > 0 && exponent > -1000 ? ldexp(1, -exponent) : 1;
    }
    for (size_t c = 0; c < v.D; c++) {
        v.middle[c] *= v.factor;
        square += v.middle[c] * v.middle[c];
    }
    v.error = (double)terms * FLT_EPSILON / 2 * 1.01;
    v.middle_error = metric == METRIC_EUCLIDEAN
        ? ldexp(sqrt(square), -48)
        : (double)(v.D + 64) * (sqrt(square) + 1) * 2 * DBL_EPSILON;
    return v;
}

/* What rounding may have added to the square of the distance to a row of this square. */
static double slack(const struct view *v, double square)
{
    return v->error * square + v->middle_error * (sqrt(square) + v->middle_error)
        + 4 * (double)v->D * FLT_MIN;
}

/* Number I of the set into x (D); its square minus the slack. */
static void get_one(const struct view *v, const struct row_set *s, size_t i, float *x,
                    double *square)
{
    size_t row = row_set_at(s, i);
    double own = rows_get_float(s->rows, x, row, factor_of(v, s->rows, row), v->middle);

    *square = own - slack(v, own);
}

/* t (n) = b - 2 t, or -infinity where that is no number. */
VECTORS static void finish(float *restrict t, const float *restrict b, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        float value = b[j] - 2 * t[j];

        t[j] = fabsf(value) <= FLT_MAX ? value : -INFINITY;
    }
}

/* t (n,m) = x (n,D) y (m,D)', a panel of terms after the other. */
static void multiply(float *t, const float *x, size_t n, const float *y, size_t m, size_t D)
{
    for (size_t c = 0; c < D; c += PANEL)
        blas_sgemm(false, true, n, m, smaller(PANEL, D - c), x + c, D, y + c, D, c > 0, t, m);
}

/* A thread's room. */
struct room {
    float *y, *t, *b; /* (m,D), (n,m), (m) */
};

static struct room room_new(size_t n, size_t m, size_t D)
{
    return (struct room){xaligned(m * D * sizeof(float)), xaligned(n * m * sizeof(float)),
                         xaligned(m * sizeof(float))};
}

static void room_free(struct room *r)
{
    free(r->y);
    free(r->t);
    free(r->b);
}

/* The bounds of the queries x, which B tells, to the rows from b->other on. */
static void visit_rows(const struct bounds_visitor *v, const struct view *view, struct bounds b,
                       const float *x, const struct row_set *rows, struct room *room)
{
    size_t D = view->D;

    for (size_t j = 0; j < b.m; j++) {
        double square;

        get_one(view, rows, b.other + j, room->y + j * D, &square);
        room->b[j] = (float)square;
    }
    multiply(room->t, x, b.n, room->y, b.m, D);
    for (size_t i = 0; i < b.n; i++)
        finish(room->t + i * b.m, room->b, b.m);
    b.t = room->t;
    v->visit(v->context, &b, omp_get_thread_num());
}

/* All rows, for a block of queries. Each thread takes blocks of rows as they come. */
static void visit_block(const struct bounds_visitor *v, const struct view *view, struct bounds b,
                        const struct row_set *queries, const struct row_set *rows, float *x,
                        double *a, size_t most, size_t *n_done, size_t n_all)
{
    size_t start = v->upper ? b.first / most * most : 0;

#pragma omp parallel
    {
        struct room room = room_new(b.n, most, view->D);
#pragma omp for schedule(static)
        for (size_t i = 0; i < b.n; i++)
            get_one(view, queries, b.first + i, x + i * view->D, &a[i]);
#pragma omp for schedule(dynamic)
        for (size_t other = start; other < rows->n; other += most) {
            struct bounds part = b;
            size_t done;

            part.other = other;
            part.m = smaller(most, rows->n - other);
            visit_rows(v, view, part, x, rows, &room);
#pragma omp atomic capture
            done = *n_done += 1;
            if (omp_get_thread_num() == 0)
                progress_show(done, n_all, "comparing: %.0f %%",
                              100 * (double)done / (double)n_all);
        }
        room_free(&room);
    }
    if (v->done)
        v->done(v->context, &b);
}

void bounds_visit(const struct bounds_visitor *v, const struct row_set *queries,
                  const struct row_set *rows, enum metric metric)
{
    struct view view;
    size_t D = rows_width(rows->rows), block = clamp(QUERY_FLOATS / D, BOUNDS_QUERIES),
           most = clamp(ROW_FLOATS / D, ROWS), n_all = 0, n_done = 0;
    float *x;
    double *a;

    blas_open();
    block = smaller(block, queries->n);
    most = smaller(most, clamp(rows->n / (4 * (size_t)omp_get_max_threads()), ROWS));
    view = view_of(rows, metric);
    x = xaligned(block * D * sizeof *x);
    a = xmalloc(block * sizeof *a);
    for (size_t first = 0; first < queries->n; first += block)
        n_all += divide_up(rows->n, most) - (v->upper ? first / most : 0);
    for (size_t first = 0; first < queries->n; first += block) {
        struct bounds b = {.first = first,
                           .n = smaller(block, queries->n - first),
                           .a = a,
                           .unit = view.factor * view.factor};

        visit_block(v, &view, b, queries, rows, x, a, most, &n_done, n_all);
    }
    progress_end();
    free(x);
    free(a);
    free(view.middle);
}
