#include "analysis/pca.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blas.h"
#include "analysis/krylov.h"
#include "analysis/matrix.h"
#include "base/ranks.h"
#include "base/report.h"
#include "base/sizes.h"
#include "files/alike.h"

/* Coordinates kept from when their signs were chosen to when they are written. */
enum { KEPT = 1 << 20 };

/* Scales v (D) to length 1. */
static void normalise(double *v, size_t D)
{
    double sum = 0;

    for (size_t j = 0; j < D; j++)
        sum += v[j] * v[j];
    for (size_t j = 0; j < D; j++)
        v[j] /= sqrt(sum);
}

/* The position of the largest magnitude in v, the first of those that differ by rounding only. */
static size_t largest(const double *v, size_t n, size_t stride)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (fabs(v[i * stride]) > fabs(v[best * stride]) * (1 + 1e-10))
            best = i;
    return best;
}

/* found (P), by which each component's sign is decided: its largest coordinate over all rows. One
 * more pass over them, of which the coordinates are kept where they are few. */
static void find_largest_coordinates(struct pca *p, double *found, struct rows *r)
{
    size_t n = rows_n(r), P = p->P, blocks = divide_up(n, PCA_BLOCK);
    size_t start = sums_start(n, PCA_BLOCK, ranks_own());
    size_t end = sums_start(n, PCA_BLOCK, ranks_own() + 1);
    size_t *starts = xcalloc((size_t)ranks_count() + 1, sizeof *starts);
    bool keeps = n <= KEPT / P;
    double *all = xmalloc((keeps ? end - start : PCA_BLOCK) * P * sizeof *all);
    double *candidates = xmalloc(blocks * P * sizeof *candidates); /* of each block */

    for (size_t first = start, got; first < end; first += got) {
        double *y = all + (keeps ? (first - start) * P : 0);
        got = smaller(PCA_BLOCK, end - first);
        pca_project(p, y, r, first, got);
        for (size_t k = 0; k < P; k++)
            candidates[first / PCA_BLOCK * P + k] = y[largest(y + k, got, P) * P + k];
    }
    for (int k = 0; k <= ranks_count(); k++)
        starts[k] = divide_up(sums_start(n, PCA_BLOCK, k), PCA_BLOCK);
    ranks_gather(candidates, P * sizeof *candidates, starts);
    for (size_t k = 0; k < P; k++)
        found[k] = candidates[largest(candidates + k, blocks, P) * P + k];
    if (keeps) {
        p->coordinates = all;
        p->first = start;
        p->end = end;
    } else {
        free(all);
    }
    free(candidates);
    free(starts);
}

static void negate(struct pca *p, size_t k)
{
    for (size_t j = k * p->D; j < (k + 1) * p->D; j++) {
        p->components[j] = -p->components[j];
        p->components_rest[j] = -p->components_rest[j];
        p->axes[j] = -p->axes[j];
    }
    for (size_t i = 0; p->coordinates && i < p->end - p->first; i++)
        p->coordinates[i * p->P + k] = -p->coordinates[i * p->P + k];
}

/* x = high + low, to 48 bits. */
static void split(float *high, float *low, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        high[i] = (float)x[i];
        low[i] = (float)(x[i] - (double)high[i]);
    }
}

/* Eigenvalues up to this share of the largest are rounding: what sums, the mean and the solver
 * leave is below 8 epsilon of it, measured, and grows slowly with the matrix. So are those up to
 * *least, the rounding of the mean itself, where all rows are nearly the same. */
static double rounding(const struct rows *r, const double *mean, double *least)
{
    size_t n = rows_n(r), D = rows_width(r);
    double squares = 0;

    for (size_t j = 0; j < D; j++)
        squares += mean[j] * mean[j];
    *least = (double)n * squares * 16 * DBL_EPSILON * DBL_EPSILON;
    return (double)(64 + smaller(n, D)) * DBL_EPSILON;
}

/* NEED: numbers besides the components themselves. */
static void check_memory(const struct rows *r, size_t P, double need, size_t memory)
{
    need += 3 * (double)P * (double)rows_width(r) + 2 * (double)P * PCA_BLOCK + (double)KEPT;
    if (8 * need > (double)memory)
        die_file(rows_path(r),
                 "%zu components of %zu rows of %zu numbers take %.0f MiB of memory, --memory "
                 "leaves %.0f for them",
                 P, rows_n(r), rows_width(r), ceil(8 * need / 0x1p20),
                 floor((double)memory / 0x1p20));
}

/* values (P), largest first, v (P,D) */
static void find_axes(double *values, double *v, const struct krylov *k, size_t memory)
{
    size_t n = rows_n(k->rows), D = rows_width(k->rows);

    if (krylov_suits(n, D, k->P)) {
        check_memory(k->rows, k->P, krylov_memory(D, k->P), memory);
        if (krylov_find(values, v, k))
            return;
    }
    check_memory(k->rows, k->P, matrix_memory(n, D, k->P), memory);
    matrix_find(values, v, k->P, k->rows, k->mean);
}

void pca_fit(struct pca *p, struct rows *r, size_t P, enum pca_sign sign, size_t memory)
{
    size_t n = rows_n(r), D = rows_width(r);
    double *mean = xmalloc(D * sizeof *mean), *v = xmalloc(P * D * sizeof *v), total, least;
    double *values = xcalloc(P, sizeof *values), *found = xmalloc(P * sizeof *found);
    struct krylov k = {.rows = r, .mean = mean, .P = smaller(P, n)};

    blas_open();
    alike_want(blas_core(), "a processor whose kernels of OpenBLAS are");
    pca_init(p, D, P);
    total = k.total = sums_mean(mean, r);
    for (size_t j = 0; j < D; j++)
        total = fabs(mean[j]) <= FLT_MAX ? total : INFINITY;
    if (!(total <= FLT_MAX)) /* then every coordinate fits float32 as well */
        die_file(rows_path(r), "numbers too large: a mean or the sum of squares is over %g",
                 (double)FLT_MAX);
    k.none_share = rounding(r, mean, &k.none);
    find_axes(values, v, &k, memory);
    least = fmax(k.none_share * values[0], k.none);
    split(p->mean, p->mean_rest, mean, D);
    for (size_t i = 0; i < P; i++) {
        if (i + 1 >= n || values[i] <= least)
            continue; /* stays 0; n centred rows have rank n-1 at most */
        normalise(v + i * D, D);
        p->variance[i] = (float)(values[i] / (double)(n - 1));
        p->share[i] = (float)(values[i] / total);
        split(p->components + i * D, p->components_rest + i * D, v + i * D, D);
    }
    pca_widen(p);
    if (sign == PCA_SIGN_U)
        find_largest_coordinates(p, found, r);
    for (size_t i = 0; i < P; i++)
        if ((sign == PCA_SIGN_U ? found[i] : p->axes[i * D + largest(p->axes + i * D, D, 1)]) < 0)
            negate(p, i);
    free(mean);
    free(v);
    free(values);
    free(found);
}

void pca_init(struct pca *p, size_t D, size_t P)
{
    *p = (struct pca){.D = D, .P = P};
    p->n_numbers = 2 * D + 2 * P * D + 2 * P;
    p->numbers = xcalloc(p->n_numbers, sizeof *p->numbers);
    p->mean = p->numbers;
    p->mean_rest = p->mean + D;
    p->components = p->mean_rest + D;
    p->components_rest = p->components + P * D;
    p->variance = p->components_rest + P * D;
    p->share = p->variance + P;
    p->centre = xcalloc(D, sizeof *p->centre);
    p->axes = xcalloc(P * D, sizeof *p->axes);
}

void pca_widen(struct pca *p)
{
    for (size_t j = 0; j < p->D; j++)
        p->centre[j] = (double)p->mean[j] + (double)p->mean_rest[j];
    for (size_t j = 0; j < p->P * p->D; j++)
        p->axes[j] = (double)p->components[j] + (double)p->components_rest[j];
}

void pca_project(const struct pca *p, double *y, struct rows *r, size_t first, size_t n)
{
    size_t most = sums_piece(p->D);
    int owner = sums_owner(rows_n(r), PCA_BLOCK, first);

    if (owner != ranks_own()) {
        ranks_receive(0, owner, y, n * p->P * sizeof *y);
        ranks_wait(0);
        return;
    }
    if (p->coordinates) {
        memcpy(y, p->coordinates + (first - p->first) * p->P, n * p->P * sizeof *y);
        return;
    }
    blas_open();
#pragma omp parallel
    {
        double *x = xaligned(most * p->D * sizeof *x);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < n; i += most) {
            size_t got = smaller(most, n - i);
            rows_get(r, x, first + i, got, p->centre);
            blas_dgemm(false, true, got, p->P, p->D, x, p->D, p->axes, p->D, 0, y + i * p->P, p->P);
        }
        free(x);
    }
}

void pca_release(struct pca *p)
{
    free(p->numbers);
    free(p->centre);
    free(p->axes);
    free(p->coordinates);
    *p = (struct pca){0};
}

void pca_forget(struct pca *p)
{
    free(p->coordinates);
    p->coordinates = NULL;
}

struct rows *pca_rows(const struct pca *p, struct rows *r, size_t memory)
{
    size_t n = rows_n(r), first = sums_start(n, PCA_BLOCK, ranks_own());
    size_t end = sums_start(n, PCA_BLOCK, ranks_own() + 1);
    struct rows *to = rows_create(rows_path(r), NPY_F64, end - first, p->P, memory);
    double *y = xmalloc(PCA_BLOCK * p->P * sizeof *y);

    for (size_t got; first < end; first += got) {
        got = smaller(PCA_BLOCK, end - first);
        pca_project(p, y, r, first, got);
        rows_append(to, y, got);
    }
    free(y);
    return to;
}

void pca_hand_over(const struct pca *p, struct rows *r, size_t memory)
{
    struct rows *own = pca_rows(p, r, memory);
    double *y = xmalloc(PCA_BLOCK * p->P * sizeof *y);

    for (size_t first = 0, got; first < rows_n(own); first += got) {
        got = smaller(PCA_BLOCK, rows_n(own) - first);
        rows_get(own, y, first, got, NULL);
        ranks_send(0, 0, y, got * p->P * sizeof *y);
        ranks_wait(0);
    }
    free(y);
    rows_free(own);
}

struct rows *pca_reduce(struct rows *r, size_t P, size_t memory)
{
    struct rows *to;
    struct pca p;

    pca_fit(&p, r, P, PCA_SIGN_U, memory);
    to = pca_rows(&p, r, memory / 2);
    pca_release(&p);
    return to;
}
