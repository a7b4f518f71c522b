#include "analysis/probe.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blas.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"

enum { PENALTIES = 7, TILE = 256, SLICE = 64 };

struct probe {
    struct rows *rows;
    size_t n, D, C, block;
    const size_t *class_of, *fold;
    size_t held_out; /* the fold that is not trained on */
    size_t n_train;
    double *mean, *inverse;   /* (D) of the rows trained on; 1/deviation */
    double *target;           /* (C) the mean of Y over them */
    double *x;                /* (block,D) standardised rows */
    size_t m;                 /* the lesser of n_train and D */
    double *values, *vectors; /* (m), (m,m) eigenvalues and vectors of Z'Z or ZZ' */
    double *c;                /* (m,C) = Q'Y */
    double errors[PENALTIES]; /* squared, of rows left out */
};

bool probe_fits(size_t n, size_t D)
{
    return smaller(n, D) <= PROBE_MOST;
}

static bool is_trained_on(const struct probe *p, size_t i)
{
    return p->fold[i] != p->held_out;
}

static double penalty(int k)
{
    static const double all[PENALTIES] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

    return all[k];
}

/* Y of row I and class C, minus its mean. */
static double goal(const struct probe *p, size_t i, size_t c)
{
    return (p->class_of[i] == c ? 1 : -1) - p->target[c];
}

/* x = rows FIRST.., minus their mean and over their deviation as far as these are known. */
static void get_standardised(struct probe *p, double *x, size_t first, size_t got)
{
    rows_get(p->rows, x, first, got, p->mean);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < got; i++)
        for (size_t j = 0; j < p->D; j++)
            x[i * p->D + j] *= p->inverse[j];
}

static void square(double *x, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        x[i] *= x[i];
}

/* Mean and deviation of the rows trained on; a number that is the same in all of them stays 0. */
static void find_scale(struct probe *p)
{
    double *sums = xcalloc(p->D, sizeof *sums);
    size_t *to = xcalloc(p->n, sizeof *to);

    memset(p->target, 0, p->C * sizeof *p->target);
    p->n_train = 0;
    for (size_t i = 0; i < p->n; i++) {
        p->n_train += is_trained_on(p, i);
        to[i] = is_trained_on(p, i) ? 0 : SIZE_MAX;
    }
    for (size_t i = 0; i < p->n; i++)
        for (size_t c = 0; c < p->C && is_trained_on(p, i); c++)
            p->target[c] += (p->class_of[i] == c ? 1.0 : -1.0) / (double)p->n_train;
    memset(p->mean, 0, p->D * sizeof *p->mean);
    for (int pass = 0; pass < 2; pass++) {
        memset(sums, 0, p->D * sizeof *sums);
        for (size_t first = 0; first < p->n; first += p->block) {
            size_t got = smaller(p->block, p->n - first);

            rows_get(p->rows, p->x, first, got, p->mean);
            if (pass == 1)
                square(p->x, got * p->D);
            rows_add(sums, to + first, p->x, got, p->D);
        }
        for (size_t j = 0; j < p->D; j++)
            if (pass == 0)
                p->mean[j] = sums[j] / (double)p->n_train;
            else
                p->inverse[j] = sums[j] > 0 ? 1 / sqrt(sums[j] / (double)p->n_train) : 0;
    }
    free(sums);
    free(to);
}

/* Adds the errors of N rows left out, each with its q (n,m) and its number in the tensor. f:
 * (n,C), scratch. */
static void add_errors(struct probe *p, const double *q, const size_t *row, size_t n)
{
    const size_t m = p->m, C = p->C;
    double *f = xmalloc(n * C * sizeof *f), *scaled = xmalloc(m * C * sizeof *scaled);
    double *part = xmalloc(n * sizeof *part);

    for (int k = 0; k < PENALTIES; k++) {
        for (size_t j = 0; j < m; j++)
            for (size_t c = 0; c < C; c++)
                scaled[j * C + c] = p->c[j * C + c] / (p->values[j] + penalty(k));
#pragma omp parallel for schedule(dynamic)
        for (size_t s = 0; s < n; s += SLICE) {
            blas_dgemm(false, false, smaller(SLICE, n - s), C, m, q + s * m, m, scaled, C, 0,
                       f + s * C, C);
            for (size_t i = s; i < s + smaller(SLICE, n - s); i++) {
                double h = 1 / (double)p->n_train, sum = 0;

                for (size_t j = 0; j < m; j++)
                    h += q[i * m + j] * q[i * m + j] / (p->values[j] + penalty(k));
                for (size_t c = 0; c < C; c++) {
                    double e = (goal(p, row[i], c) - f[i * C + c]) / (1 - h);

                    sum += e * e;
                }
                part[i] = sum;
            }
        }
        for (size_t i = 0; i < n; i++)
            p->errors[k] += part[i];
    }
    free(f);
    free(scaled);
    free(part);
}

static double best_penalty(const struct probe *p)
{
    int best = 0;

    for (int k = 1; k < PENALTIES; k++)
        if (p->errors[k] < p->errors[best])
            best = k;
    return penalty(best);
}

static void find_eigen(struct probe *p, double *a)
{
    blas_eigen(p->m, a, p->m, p->values, p->vectors);
    for (size_t j = 0; j < p->m; j++)
        p->values[j] = fmax(0, p->values[j]);
}

static size_t largest(const double *f, size_t C)
{
    size_t best = 0;

    for (size_t c = 1; c < C; c++)
        if (f[c] > f[best])
            best = c;
    return best;
}

/* --- more rows than numbers: by Z'Z (D,D) --- */

/* a (D,D) = Z'Z, on and above its diagonal tiles; b (D,C) = Z'Y. */
static void find_moments(struct probe *p, double *a, double *b)
{
    const size_t D = p->D, C = p->C, tiles = divide_up(D, TILE);
    double *y = xmalloc(p->block * C * sizeof *y);

    memset(a, 0, D * D * sizeof *a);
    memset(b, 0, D * C * sizeof *b);
    for (size_t first = 0; first < p->n; first += p->block) {
        size_t got = smaller(p->block, p->n - first);

        get_standardised(p, p->x, first, got);
        for (size_t i = 0; i < got; i++) {
            if (!is_trained_on(p, first + i))
                memset(p->x + i * D, 0, D * sizeof *p->x);
            for (size_t c = 0; c < C; c++)
                y[i * C + c] = goal(p, first + i, c);
        }
#pragma omp parallel for collapse(2) schedule(dynamic)
        for (size_t s = 0; s < tiles; s++)
            for (size_t t = 0; t < tiles + 1; t++)
                if (t == tiles)
                    blas_dgemm(true, false, smaller(TILE, D - s * TILE), C, got, p->x + s * TILE, D,
                               y, C, 1, b + s * TILE * C, C);
                else if (t >= s)
                    blas_dgemm(true, false, smaller(TILE, D - s * TILE),
                               smaller(TILE, D - t * TILE), got, p->x + s * TILE, D,
                               p->x + t * TILE, D, 1, a + s * TILE * D + t * TILE, D);
    }
    free(y);
}

/* The errors of all rows trained on, left out in turn. */
static void leave_out(struct probe *p)
{
    const size_t D = p->D;
    double *q = xaligned(p->block * D * sizeof *q);
    size_t *row = xmalloc(p->block * sizeof *row);

    for (size_t first = 0; first < p->n; first += p->block) {
        size_t got = smaller(p->block, p->n - first), n = 0;

        get_standardised(p, p->x, first, got);
        for (size_t i = 0; i < got; i++)
            if (is_trained_on(p, first + i)) {
                memmove(p->x + n * D, p->x + i * D, D * sizeof *p->x);
                row[n++] = first + i;
            }
#pragma omp parallel for collapse(2) schedule(dynamic)
        for (size_t s = 0; s < n; s += TILE)
            for (size_t t = 0; t < D; t += TILE)
                blas_dgemm(false, true, smaller(TILE, n - s), smaller(TILE, D - t), D, p->x + s * D,
                           D, p->vectors + t * D, D, 0, q + s * D + t, D);
        add_errors(p, q, row, n);
    }
    free(q);
    free(row);
}

static void predict_by_moments(struct probe *p, size_t *predicted)
{
    const size_t D = p->D, C = p->C;
    double *a = xaligned(D * D * sizeof *a), *b = xmalloc(D * C * sizeof *b), chosen;
    double *f = xmalloc(p->block * C * sizeof *f);

    find_moments(p, a, b);
    find_eigen(p, a);
    free(a);
    blas_dgemm(false, false, D, C, D, p->vectors, D, b, C, 0, p->c, C);
    leave_out(p);
    chosen = best_penalty(p);
    for (size_t j = 0; j < D; j++)
        for (size_t c = 0; c < C; c++)
            p->c[j * C + c] /= p->values[j] + chosen;
    blas_dgemm(true, false, D, C, D, p->vectors, D, p->c, C, 0, b, C); /* W */
    for (size_t first = 0; first < p->n; first += p->block) {
        size_t got = smaller(p->block, p->n - first);

        get_standardised(p, p->x, first, got);
#pragma omp parallel for schedule(dynamic)
        for (size_t s = 0; s < got; s += SLICE) {
            blas_dgemm(false, false, smaller(SLICE, got - s), C, D, p->x + s * D, D, b, C, 0,
                       f + s * C, C);
            for (size_t i = s; i < s + smaller(SLICE, got - s); i++) {
                for (size_t c = 0; c < C; c++)
                    f[i * C + c] += p->target[c];
                if (!is_trained_on(p, first + i))
                    predicted[first + i] = largest(f + i * C, C);
            }
        }
    }
    free(b);
    free(f);
}

/* --- fewer rows than numbers: by ZZ' (n,n), of all rows --- */

static void find_products(struct probe *p, double *k)
{
    const size_t n = p->n, D = p->D;
    double *y = xaligned(p->block * D * sizeof *y);

    for (size_t first = 0; first < n; first += p->block) {
        size_t got = smaller(p->block, n - first);

        get_standardised(p, p->x, first, got);
        for (size_t other = first; other < n; other += p->block) {
            size_t width = smaller(p->block, n - other);

            get_standardised(p, y, other, width);
#pragma omp parallel for collapse(2) schedule(dynamic)
            for (size_t s = 0; s < got; s += TILE)
                for (size_t t = 0; t < width; t += TILE)
                    if (first + s <= other + t)
                        blas_dgemm(false, true, smaller(TILE, got - s), smaller(TILE, width - t), D,
                                   p->x + s * D, D, y + t * D, D, 0,
                                   k + (first + s) * n + other + t, n);
        }
    }
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            k[i * n + j] = k[j * n + i];
    free(y);
}

static void predict_by_products(struct probe *p, size_t *predicted)
{
    const size_t n = p->n, m = p->m, C = p->C;
    double *k = xaligned(n * n * sizeof *k), *a = xaligned(m * m * sizeof *a), chosen;
    double *y = xmalloc(m * C * sizeof *y), *f = xmalloc(C * sizeof *f);
    size_t *row = xmalloc(m * sizeof *row), t = 0;

    find_products(p, k);
    for (size_t i = 0; i < n; i++)
        if (is_trained_on(p, i))
            row[t++] = i;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < m; j++)
            a[i * m + j] = k[row[i] * n + row[j]];
        for (size_t c = 0; c < C; c++)
            y[i * C + c] = goal(p, row[i], c);
    }
    find_eigen(p, a);
    for (size_t i = 0; i < m; i++) /* a becomes Q (n_train,m) */
        for (size_t j = 0; j < m; j++)
            a[i * m + j] = p->vectors[j * m + i] * sqrt(p->values[j]);
    blas_dgemm(true, false, m, C, m, a, m, y, C, 0, p->c, C);
    add_errors(p, a, row, m);
    chosen = best_penalty(p);
    blas_dgemm(false, false, m, C, m, p->vectors, m, y, C, 0, p->c, C);
    for (size_t j = 0; j < m; j++)
        for (size_t c = 0; c < C; c++)
            p->c[j * C + c] /= p->values[j] + chosen;
    blas_dgemm(true, false, m, C, m, p->vectors, m, p->c, C, 0, y, C); /* weights of the rows */
    for (size_t i = 0; i < n; i++) {
        if (is_trained_on(p, i))
            continue;
        memcpy(f, p->target, C * sizeof *f);
        for (size_t j = 0; j < m; j++)
            for (size_t c = 0; c < C; c++)
                f[c] += k[i * n + row[j]] * y[j * C + c];
        predicted[i] = largest(f, C);
    }
    free(k);
    free(a);
    free(y);
    free(f);
    free(row);
}

void probe_predict(size_t *predicted, struct rows *r, const size_t *class_of, size_t n_classes,
                   const size_t *fold, size_t n_folds)
{
    size_t n = rows_n(r), D = rows_width(r), most = smaller(n, D);
    struct probe p = {
        .rows = r, .n = n, .D = D, .C = n_classes, .class_of = class_of, .fold = fold};

    blas_open();
    p.block = smaller(rows_block(D), n);
    p.mean = xmalloc(D * sizeof *p.mean);
    p.inverse = xmalloc(D * sizeof *p.inverse);
    p.target = xmalloc(n_classes * sizeof *p.target);
    p.x = xaligned(p.block * D * sizeof *p.x);
    p.values = xmalloc(most * sizeof *p.values);
    p.vectors = xaligned(most * most * sizeof *p.vectors);
    p.c = xmalloc(most * n_classes * sizeof *p.c);
    for (size_t i = 0; i < n; i++)
        predicted[i] = SIZE_MAX;
    for (p.held_out = 0; p.held_out < n_folds; p.held_out++) {
        find_scale(&p);
        if (p.n_train == 0 || p.n_train == n)
            continue; /* nothing to learn from, or nothing to tell */
        p.m = smaller(p.n_train, D);
        memset(p.errors, 0, sizeof p.errors);
        if (p.n_train > D)
            predict_by_moments(&p, predicted);
        else
            predict_by_products(&p, predicted);
        progress_show(p.held_out + 1, n_folds, "probe: %zu of %zu folds", p.held_out + 1, n_folds);
    }
    progress_end();
    free(p.mean);
    free(p.inverse);
    free(p.target);
    free(p.x);
    free(p.values);
    free(p.vectors);
    free(p.c);
}
