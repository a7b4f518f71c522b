#include "analysis/krylov.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "analysis/blas.h"
#include "analysis/lanczos.h"
#include "analysis/matrix.h"
#include "analysis/sums.h"
#include "base/report.h"
#include "base/sizes.h"
#include "base/vectors.h"

enum {
    LARGE = 1024,   /* rows and columns from which on it may be used */
    MOST = 200,     /* passes with a block of vectors */
    LEAST = 10,     /* and where it may not make as many, it is not tried */
    FLUSH = 1024,   /* rows of which a sum is single precision */
    PART = 1 << 14, /* rows for which each slice is cut into one part more, */
    MOST_PARTS = 8, /* up to so many */
};

/* What the coordinates of one component may be wrong by, as vectors of n numbers, times sqrt(n): a
 * third of 1e-4 of the largest of them. */
static const double ERROR = 0x1p-15;

struct product {
    struct rows *rows;
    const double *mean;   /* (D) */
    double factor;        /* what it takes to bring the rows to a size that single precision has */
    const double *middle; /* (D): mean * factor */
    const double *q;      /* (D,b) */
    const float *fast_q;  /* likewise */
    size_t b;
};

VECTORS static void add_floats(double *restrict sums, const float *restrict x, size_t n,
                               double factor)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += (double)x[i] * factor;
}

/* part (b,D) += (x q)' x */
static void add_products(void *context, double *part, size_t first, size_t end)
{
    const struct product *p = context;
    size_t D = rows_width(p->rows), b = p->b, most = sums_piece(D);
    double *x = xlarge(most * D * sizeof *x), *y = xaligned(most * b * sizeof *y);

    for (size_t got; first < end; first += got) {
        got = smaller(most, end - first);
        rows_get(p->rows, x, first, got, p->mean);
        blas_dgemm(false, false, got, b, D, x, D, p->q, b, 0, y, b);
        blas_dgemm(true, false, b, D, got, y, b, x, D, 1, part, D);
    }
    free(x);
    free(y);
}

/* The same in single precision. */
static void add_products_fast(void *context, double *part, size_t first, size_t end)
{
    const struct product *p = context;
    size_t D = rows_width(p->rows), b = p->b, most = b <= 16 ? 16 : 32;
    double share = 1 / (p->factor * p->factor);
    float *x = xlarge(most * D * sizeof *x), *y = xaligned(most * b * sizeof *y);
    float *sum = xlarge(b * D * sizeof *sum);

    for (size_t begin = first, stop; begin < end; begin = stop) {
        stop = smaller(end, begin + FLUSH);
        for (size_t i = begin, got; i < stop; i += got) {
            got = smaller(most, stop - i);
            rows_get_floats(p->rows, x, i, got, p->factor, p->middle);
            blas_sgemm(false, false, got, b, D, x, D, p->fast_q, b, 0, y, b);
            blas_sgemm(true, false, b, D, got, y, b, x, D, i > begin, sum, D);
        }
        add_floats(part, sum, b * D, share);
    }
    free(x);
    free(y);
    free(sum);
}

/* w (b,D) = q X'X */
static void multiply(void *context, double *w, const double *q, size_t b, bool fast)
{
    struct product *p = context;
    size_t n = rows_n(p->rows), D = rows_width(p->rows);
    double *turned = xaligned(D * b * sizeof *turned);
    float *turned_fast = (float *)turned;

    for (size_t j = 0; j < D; j++)
        for (size_t k = 0; k < b; k++)
            if (fast)
                turned_fast[j * b + k] = (float)q[k * D + j];
            else
                turned[j * b + k] = q[k * D + j];
    p->q = turned;
    p->fast_q = turned_fast;
    p->b = b;
    sums_over(w, b * D, n, smaller(MOST_PARTS, divide_up(n, PART)),
              fast ? add_products_fast : add_products, p);
    free(turned);
}

/* Passes that cost what the matrix does. */
static double passes(size_t n, size_t D, size_t P)
{
    return fmin(MOST, matrix_cost(n, D) / (3.0 * (double)n * (double)D * (double)lanczos_block(P)));
}

bool krylov_suits(size_t n, size_t D, size_t P)
{
    size_t m = smaller(n, D);

    return m >= LARGE && lanczos_room(P) <= m / 2 && passes(n, D, P) >= LEAST;
}

bool krylov_find(double *values, double *v, const struct krylov *k)
{
    size_t n = rows_n(k->rows), D = rows_width(k->rows);
    double *middle = xmalloc(D * sizeof *middle);
    struct product p = {.rows = k->rows,
                        .mean = k->mean,
                        .factor = exp2(-floor(log2(fmax(k->total, DBL_MIN)) / 2)),
                        .middle = middle};
    bool found;

    for (size_t j = 0; j < D; j++)
        middle[j] = k->mean[j] * p.factor;
    found = lanczos_find(&(struct lanczos){.m = D,
                                           .P = k->P,
                                           .cost = passes(n, D, k->P),
                                           .tolerance = ERROR / sqrt((double)n),
                                           .none = k->none,
                                           .none_share = k->none_share,
                                           .product = multiply,
                                           .context = &p},
                         values, v);
    free(middle);
    return found;
}

/* The vectors; of a block the vectors turned, the sum of each thread in single precision, and what
 * sums take; three more in lanczos_find. */
double krylov_memory(size_t D, size_t P)
{
    size_t blocks = 4 + (size_t)omp_get_max_threads() / 2 + sums_memory();

    return (double)(lanczos_room(P) + blocks * lanczos_block(P)) * (double)D;
}
