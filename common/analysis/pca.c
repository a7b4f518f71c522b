#include "analysis/pca.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blas.h"
#include "analysis/lanczos.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"
#include "base/vectors.h"

enum {
    TILE = 256, /* rows and columns that one call of BLAS adds to: its operands fit the second-level
                   cache */
    SLICE = 64, /* rows of one tile of XX' */
    SLICES = 16, /* of the rows, each summed by one thread */
    PIECE =
        1 << 17, /* numbers that a thread looks at at once: they stay in its second-level cache, */
    PIECE_ROWS = 32, /* of so many rows: with few vectors OpenBLAS then multiplies them as they lie,
                        without a copy */
    KEPT =
        1 << 20,  /* coordinates kept from when their signs were chosen to when they are written */
    LARGE = 1024, /* rows and columns from which on Lanczos may be used */
    MOST = 200,   /* of it: passes with a block of vectors */
    LEAST = 10,   /* and where it may not make as many, it is not tried */
    FLUSH = 1024, /* rows of which a sum is single precision */
};

/* What the coordinates of one component may be wrong by, as vectors of n numbers, times sqrt(n): a
 * third of 1e-4 of the largest of them. */
static const double ERROR = 0x1p-15;

/* How many rows a thread looks at at once. Depends on D alone. */
static size_t piece_rows(size_t D)
{
    return D >= PIECE ? 1 : smaller(PIECE / D, PIECE_ROWS);
}

/* What a pass over all rows adds up: part (width) += what the `got` centred rows x (got,D) give.
 * scratch: `got` times `b` numbers. */
typedef void add_rows(double *part, const double *x, size_t got, size_t D, const double *q,
                      size_t b, double *scratch);

/* sums (width) = the sum over all rows, which come minus mean (NULL: as they are). */
static void pass(double *sums, size_t width, add_rows *add, struct rows *r, const double *mean,
                 const double *q, size_t b)
{
    size_t n = rows_n(r), D = rows_width(r), most = piece_rows(D);

    memset(sums, 0, width * sizeof *sums);
#pragma omp parallel
    {
        double *x = xlarge(most * D * sizeof *x), *scratch = xaligned(most * b * sizeof *scratch);
        double *part = xlarge(width * sizeof *part);
#pragma omp for ordered schedule(dynamic)
        for (size_t s = 0; s < SLICES; s++) {
            size_t end = n * (s + 1) / SLICES;
            memset(part, 0, width * sizeof *part);
            for (size_t first = n * s / SLICES; first < end; first += most) {
                size_t got = smaller(most, end - first);
                rows_get(r, x, first, got, mean);
                add(part, x, got, D, q, b, scratch);
            }
#pragma omp ordered
            for (size_t i = 0; i < width; i++)
                sums[i] += part[i];
        }
        free(x);
        free(scratch);
        free(part);
    }
}

/* sums (D) += four rows of x, squares (D) += those of their squares. */
VECTORS static void add_four(double *restrict sums, double *restrict squares,
                             const double *restrict x, size_t D)
{
    const double *restrict y = x + D, *restrict z = y + D, *restrict w = z + D;

    for (size_t j = 0; j < D; j++) {
        sums[j] += (x[j] + y[j]) + (z[j] + w[j]);
        squares[j] += (x[j] * x[j] + y[j] * y[j]) + (z[j] * z[j] + w[j] * w[j]);
    }
}

VECTORS static void add_floats(double *restrict sums, const float *restrict x, size_t n,
                               double factor)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += (double)x[i] * factor;
}

/* part (2,D): sums and sums of squares */
static void add_sums(double *part, const double *x, size_t got, size_t D, const double *q, size_t b,
                     double *scratch)
{
    size_t i = 0;

    (void)q, (void)b, (void)scratch;
    for (; i + 4 <= got; i += 4)
        add_four(part, part + D, x + i * D, D);
    for (; i < got; i++)
        for (size_t j = 0; j < D; j++) {
            part[j] += x[i * D + j];
            part[D + j] += x[i * D + j] * x[i * D + j];
        }
}

/* Sums are of differences to the first row: what is the same in all rows gives 0, and little is
 * lost where the mean is large beside the differences. */
double pca_mean(double *mean, struct rows *r)
{
    size_t n = rows_n(r), D = rows_width(r);
    double *first = xmalloc(D * sizeof *first), *sums = xmalloc(2 * D * sizeof *sums), total = 0;

    rows_get(r, first, 0, 1, NULL);
    pass(sums, 2 * D, add_sums, r, first, NULL, 0);
    for (size_t j = 0; j < D; j++) {
        mean[j] = first[j] + sums[j] / (double)n;
        total += fmax(0, sums[D + j] - sums[j] * sums[j] / (double)n);
    }
    free(first);
    free(sums);
    return total;
}

/* part (b,D) += (x q)' x, q (D,b) */
static void add_products(double *part, const double *x, size_t got, size_t D, const double *q,
                         size_t b, double *scratch)
{
    blas_dgemm(false, false, got, b, D, x, D, q, b, 0, scratch, b);
    blas_dgemm(true, false, b, D, got, scratch, b, x, D, 1, part, D);
}

struct centred {
    struct rows *rows;
    const double *mean;   /* (D) */
    double factor;        /* what it takes to bring the rows to a size that single precision has */
    const double *middle; /* (D): mean * factor */
};

/* w (b,D) = q' X'X, q (D,b), in single precision; sums of more than FLUSH rows in double. */
static void multiply_fast(const struct centred *c, double *w, const float *q, size_t b)
{
    size_t n = rows_n(c->rows), D = rows_width(c->rows), most = b <= 16 ? 16 : 32, width = b * D;
    size_t slice = smaller(n / SLICES + 1, FLUSH);
    double share = 1 / (c->factor * c->factor);

    memset(w, 0, width * sizeof *w);

#pragma omp parallel
    {
        float *x = xlarge(most * D * sizeof *x), *y = xaligned(most * b * sizeof *y);
        float *part = xlarge(width * sizeof *part);
#pragma omp for ordered schedule(dynamic)
        for (size_t begin = 0; begin < n; begin += slice) {
            size_t end = smaller(n, begin + slice);
            for (size_t first = begin; first < end; first += most) {
                size_t got = smaller(most, end - first);
                rows_get_floats(c->rows, x, first, got, c->factor, c->middle);
                blas_sgemm(false, false, got, b, D, x, D, q, b, 0, y, b);
                blas_sgemm(true, false, b, D, got, y, b, x, D, first > begin, part, D);
            }
#pragma omp ordered
            add_floats(w, part, width, share);
        }
        free(x);
        free(y);
        free(part);
    }
}

/* w (b,D) = q X'X */
static void multiply(void *context, double *w, const double *q, size_t b, bool fast)
{
    const struct centred *c = context;
    size_t D = rows_width(c->rows);
    double *turned = xaligned(D * b * sizeof *turned);
    float *turned_fast = (float *)turned;

    for (size_t j = 0; j < D; j++)
        for (size_t k = 0; k < b; k++)
            if (fast)
                turned_fast[j * b + k] = (float)q[k * D + j];
            else
                turned[j * b + k] = q[k * D + j];
    if (fast)
        multiply_fast(c, w, turned_fast, b);
    else
        pass(w, b * D, add_products, c->rows, c->mean, turned, b);
    free(turned);
}

/* a (D,D), on and above its diagonal tiles, = X'X. */
static void find_moments(double *a, struct rows *r, const double *mean, double *x)
{
    size_t n = rows_n(r), D = rows_width(r), block = rows_block(D), tiles = (D + TILE - 1) / TILE;

    memset(a, 0, D * D * sizeof *a);
    for (size_t first = 0; first < n; first += block) {
        size_t got = smaller(block, n - first);
        rows_get(r, x, first, got, mean);
#pragma omp parallel for collapse(2) schedule(dynamic)
        for (size_t i = 0; i < tiles; i++)
            for (size_t j = 0; j < tiles; j++)
                if (j >= i)
                    blas_dgemm(true, false, smaller(TILE, D - i * TILE),
                               smaller(TILE, D - j * TILE), got, x + i * TILE, D, x + j * TILE, D,
                               1, a + i * TILE * D + j * TILE, D);
        progress_show(first + got, n, "covariance: %zu of %zu rows", first + got, n);
    }
    progress_end();
}

/* a (n,n), on and above its diagonal tiles, = XX'. x, z: a block each. */
static void find_products(double *a, struct rows *r, const double *mean, double *x, double *z)
{
    size_t n = rows_n(r), D = rows_width(r), block = rows_block(D);

    for (size_t i = 0; i < n; i += block) {
        size_t got = smaller(block, n - i);
        rows_get(r, x, i, got, mean);
        for (size_t j = i; j < n; j += block) {
            size_t width = smaller(block, n - j);
            const double *other = j == i ? x : z;
            if (j > i)
                rows_get(r, z, j, width, mean);
#pragma omp parallel for collapse(2) schedule(dynamic)
            for (size_t s = 0; s < got; s += SLICE)
                for (size_t t = 0; t < width; t += SLICE)
                    blas_dgemm(false, true, smaller(SLICE, got - s), smaller(SLICE, width - t), D,
                               x + s * D, D, other + t * D, D, 0, a + (i + s) * n + j + t, n);
        }
        progress_show(i + got, n, "products: %zu of %zu rows", i + got, n);
    }
    progress_end();
}

/* v (P,D) = u X, u (P,n). */
static void find_axes(double *v, const double *u, size_t P, struct rows *r, const double *mean,
                      double *x)
{
    size_t n = rows_n(r), D = rows_width(r), block = rows_block(D);

    memset(v, 0, P * D * sizeof *v);
    for (size_t first = 0; first < n; first += block) {
        size_t got = smaller(block, n - first);
        rows_get(r, x, first, got, mean);
#pragma omp parallel for schedule(dynamic)
        for (size_t c = 0; c < D; c += TILE)
            blas_dgemm(false, false, P, smaller(TILE, D - c), got, u + first, n, x + c, D, 1, v + c,
                       D);
    }
}

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

/* What each component's sign is decided by: its largest coordinate over all rows. One more pass
 * over them, of which the coordinates are kept where they are few. */
static void find_largest_coordinates(struct pca *p, double *found, struct rows *r)
{
    size_t n = rows_n(r);
    bool keeps = n <= KEPT / p->P;
    double *all = xmalloc((keeps ? n : PCA_BLOCK) * p->P * sizeof *all);

    memset(found, 0, p->P * sizeof *found);
    for (size_t first = 0; first < n; first += PCA_BLOCK) {
        size_t got = smaller(PCA_BLOCK, n - first);
        double *y = all + (keeps ? first * p->P : 0);
        pca_project(p, y, r, first, got);
        for (size_t k = 0; k < p->P; k++) {
            double candidate = y[largest(y + k, got, p->P) * p->P + k];
            if (fabs(candidate) > fabs(found[k]) * (1 + 1e-10))
                found[k] = candidate;
        }
    }
    if (keeps)
        p->coordinates = all;
    else
        free(all);
}

static void negate(struct pca *p, size_t k, size_t n)
{
    for (size_t j = k * p->D; j < (k + 1) * p->D; j++) {
        p->components[j] = -p->components[j];
        p->components_rest[j] = -p->components_rest[j];
        p->axes[j] = -p->axes[j];
    }
    for (size_t i = 0; p->coordinates && i < n; i++)
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

/* By the whole matrix. values (P), v (P,D). */
static void solve_matrix(double *values, double *v, size_t P, struct rows *r, const double *mean,
                         size_t memory)
{
    size_t n = rows_n(r), D = rows_width(r), m = smaller(n, D), block = smaller(rows_block(D), n);
    double *a, *x, *z, *u;

    check_memory(r, P,
                 (double)m * (double)m + (D <= n ? 1 : 2) * (double)block * (double)D
                     + (double)P * (double)m,
                 memory);
    a = xaligned(m * m * sizeof *a);
    x = xaligned(block * D * sizeof *x);
    if (D <= n) {
        find_moments(a, r, mean, x);
        blas_eigen(D, a, P, values, v);
    } else {
        z = xaligned(block * D * sizeof *z);
        u = xmalloc(P * n * sizeof *u);
        find_products(a, r, mean, x, z);
        blas_eigen(n, a, P, values, u);
        find_axes(v, u, P, r, mean, x);
        free(z);
        free(u);
    }
    free(a);
    free(x);
}

/* Of solve_matrix, in multiplications, of which LAPACK does few a second. */
static double matrix_cost(size_t n, size_t D)
{
    double m = (double)smaller(n, D);

    return (double)n * (double)D * m + 12 * m * m * m;
}

/* By passes over the rows, where that is less work. False where it is not, or fails. */
static bool solve_passes(double *values, double *v, size_t P, struct rows *r, const double *mean,
                         double total, size_t memory)
{
    size_t n = rows_n(r), D = rows_width(r), m = smaller(n, D), b = lanczos_block(P);
    double *middle, none, none_share = rounding(r, mean, &none);
    struct centred c = {.rows = r, .mean = mean};
    double cost = fmin(MOST, matrix_cost(n, D) / (3.0 * (double)n * (double)D * (double)b));
    bool found;

    if (m < LARGE || lanczos_room(P) > m / 2 || cost < LEAST)
        return false;
    check_memory(r, P,
                 (double)(lanczos_room(P) + (4 + (size_t)omp_get_max_threads()) * b) * (double)D,
                 memory);
    c.factor = exp2(-floor(log2(fmax(total, DBL_MIN)) / 2));
    c.middle = middle = xmalloc(D * sizeof *middle);
    for (size_t j = 0; j < D; j++)
        middle[j] = mean[j] * c.factor;
    found = lanczos_find(&(struct lanczos){.m = D,
                                           .P = P,
                                           .cost = cost,
                                           .tolerance = ERROR / sqrt((double)n),
                                           .none = none,
                                           .none_share = none_share,
                                           .product = multiply,
                                           .context = &c},
                         values, v);
    free(middle);
    return found;
}

void pca_fit(struct pca *p, struct rows *r, size_t P, enum pca_sign sign, size_t memory)
{
    size_t n = rows_n(r), D = rows_width(r), n_found = smaller(P, n);
    double *mean = xmalloc(D * sizeof *mean), *v = xmalloc(P * D * sizeof *v), total;
    double *values = xcalloc(P, sizeof *values), *found = xmalloc(P * sizeof *found);
    double least, least_of_all, share;

    blas_open();
    pca_init(p, D, P);
    total = pca_mean(mean, r);
    for (size_t j = 0; j < D; j++)
        total = fabs(mean[j]) <= FLT_MAX ? total : INFINITY;
    if (!(total <= FLT_MAX)) /* then every coordinate fits float32 as well */
        die_file(rows_path(r), "numbers too large: a mean or the sum of squares is over %g",
                 (double)FLT_MAX);
    if (!solve_passes(values, v, n_found, r, mean, total, memory))
        solve_matrix(values, v, n_found, r, mean, memory);
    share = rounding(r, mean, &least_of_all);
    least = fmax(share * values[0], least_of_all);
    split(p->mean, p->mean_rest, mean, D);
    for (size_t k = 0; k < P; k++) {
        if (k + 1 >= n || values[k] <= least)
            continue; /* stays 0; n centred rows have rank n-1 at most */
        normalise(v + k * D, D);
        p->variance[k] = (float)(values[k] / (double)(n - 1));
        p->share[k] = (float)(values[k] / total);
        split(p->components + k * D, p->components_rest + k * D, v + k * D, D);
    }
    pca_widen(p);
    if (sign == PCA_SIGN_U)
        find_largest_coordinates(p, found, r);
    for (size_t k = 0; k < P; k++)
        if ((sign == PCA_SIGN_U ? found[k] : p->axes[k * D + largest(p->axes + k * D, D, 1)]) < 0)
            negate(p, k, n);
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
    size_t most = piece_rows(p->D);

    if (p->coordinates) {
        memcpy(y, p->coordinates + first * p->P, n * p->P * sizeof *y);
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
    size_t n = rows_n(r);
    struct rows *to = rows_create(rows_path(r), NPY_F64, n, p->P, memory);
    double *y = xmalloc(PCA_BLOCK * p->P * sizeof *y);

    for (size_t first = 0; first < n; first += PCA_BLOCK) {
        size_t got = smaller(PCA_BLOCK, n - first);

        pca_project(p, y, r, first, got);
        rows_append(to, y, got);
    }
    free(y);
    return to;
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
