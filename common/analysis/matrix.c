#include "analysis/matrix.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/blas.h"
#include "analysis/sums.h"
#include "base/progress.h"
#include "base/ranks.h"
#include "base/report.h"
#include "base/sizes.h"

enum {
    TILE = 256, /* rows and columns that one call of BLAS adds to: its operands fit the second-level
                   cache */
    SLICE = 64, /* rows of one tile of XX' */
};

/* n rows in blocks of MOST, of which this rank's have the rows from START to END-1. */
struct blocks {
    struct rows *rows;
    const double *mean; /* (D) */
    size_t n, D, most, start, end;
    double *x, *z; /* (most,D): a block each; z for XX' alone */
};

static struct blocks cut(struct rows *r, const double *mean)
{
    struct blocks b = {.rows = r,
                       .mean = mean,
                       .n = rows_n(r),
                       .D = rows_width(r),
                       .most = rows_block(rows_width(r))};

    b.start = sums_start(b.n, b.most, ranks_own());
    b.end = sums_start(b.n, b.most, ranks_own() + 1);
    b.x = xaligned(smaller(b.most, b.n) * b.D * sizeof *b.x);
    b.z = b.D <= b.n ? NULL : xaligned(smaller(b.most, b.n) * b.D * sizeof *b.z);
    return b;
}

/* a (D,D), on and above its diagonal tiles, += X'X of this rank's rows, in the rows of tiles from
 * FROM to END-1. */
static void add_moments(double *a, const struct blocks *b, size_t from, size_t end)
{
    size_t D = b->D, tiles = divide_up(D, TILE);

    for (size_t first = b->start, got; first < b->end; first += got) {
        got = smaller(b->most, b->end - first);
        rows_get(b->rows, b->x, first, got, b->mean);
#pragma omp parallel for collapse(2) schedule(dynamic)
        for (size_t i = from; i < end; i++)
            for (size_t j = 0; j < tiles; j++)
                if (j >= i)
                    blas_dgemm(true, false, smaller(TILE, D - i * TILE),
                               smaller(TILE, D - j * TILE), got, b->x + i * TILE, D,
                               b->x + j * TILE, D, 1, a + i * TILE * D + j * TILE, D);
        if (end - from == tiles)
            progress_show(first + got, b->n, "covariance: %zu of %zu rows", first + got, b->n);
    }
}

/* a (D,D), on and above its diagonal tiles, = X'X; at the last rank. One rank reads its rows once
 * for all rows of tiles; several for each. */
static void find_moments(double *a, const struct blocks *b)
{
    size_t D = b->D, tiles = divide_up(D, TILE), at_once = ranks_count() == 1 ? tiles : 1;

    memset(a, 0, D * D * sizeof *a);
    for (size_t i = 0, end; i < tiles; i = end) {
        double *row = a + i * TILE * D;
        end = i + at_once;
        sums_go_on(row, (smaller(end * TILE, D) - i * TILE) * D);
        add_moments(a, b, i, end);
        sums_hand_on(row, (smaller(end * TILE, D) - i * TILE) * D);
        if (at_once == 1)
            progress_show(end, tiles, "covariance: %zu of %zu rows of tiles", end, tiles);
    }
    progress_end();
}

/* b->x = the block of rows FIRST to FIRST+got-1, at its owner and the ranks behind that. */
static void share_block(const struct blocks *b, size_t first, size_t got)
{
    int owner = sums_owner(b->n, b->most, first), own = ranks_own();

    if (own == owner)
        rows_get(b->rows, b->x, first, got, b->mean);
    for (int r = owner + 1; own == owner && r < ranks_count(); r++)
        ranks_send(0, r, b->x, got * b->D * sizeof *b->x);
    if (own > owner)
        ranks_receive(0, owner, b->x, got * b->D * sizeof *b->x);
    ranks_wait(0);
}

/* Rows FIRST to FIRST+got-1 of a (n,n), of which each rank has the columns of its rows, go to the
 * last rank. */
static void collect(double *a, const struct blocks *b, size_t first, size_t got)
{
    int last = ranks_count() - 1;
    double *packed = ranks_count() > 1 ? xmalloc(got * b->n * sizeof *packed) : NULL;

    for (int r = 0; r < last; r++) {
        size_t from = larger(first, sums_start(b->n, b->most, r)),
               end = larger(from, sums_start(b->n, b->most, r + 1)), width = end - from;
        if (ranks_own() == r) {
            for (size_t i = 0; i < got; i++)
                memcpy(packed + i * width, a + (first + i) * b->n + from, width * sizeof *a);
            ranks_send(0, last, packed, got * width * sizeof *packed);
        } else if (ranks_own() == last) {
            ranks_receive(0, r, packed, got * width * sizeof *packed);
            ranks_wait(0);
            for (size_t i = 0; i < got; i++)
                memcpy(a + (first + i) * b->n + from, packed + i * width, width * sizeof *a);
        }
    }
    ranks_wait(0);
    free(packed);
}

/* a (n,n), on and above its diagonal tiles, = XX'; at the last rank. */
static void find_products(double *a, const struct blocks *b)
{
    size_t n = b->n, D = b->D, block = b->most;

    for (size_t i = 0; i < n; i += block) {
        size_t got = smaller(block, n - i);
        share_block(b, i, got);
        for (size_t j = larger(i, b->start); j < b->end; j += block) {
            size_t width = smaller(block, n - j);
            const double *other = j == i ? b->x : b->z;
            if (j > i)
                rows_get(b->rows, b->z, j, width, b->mean);
#pragma omp parallel for collapse(2) schedule(dynamic)
            for (size_t s = 0; s < got; s += SLICE)
                for (size_t t = 0; t < width; t += SLICE)
                    blas_dgemm(false, true, smaller(SLICE, got - s), smaller(SLICE, width - t), D,
                               b->x + s * D, D, other + t * D, D, 0, a + (i + s) * n + j + t, n);
        }
        collect(a, b, i, got);
        progress_show(i + got, n, "products: %zu of %zu rows", i + got, n);
    }
    progress_end();
}

/* v (P,D) = u X, u (P,n), at every rank. */
static void find_axes(double *v, const double *u, size_t P, const struct blocks *b)
{
    size_t n = b->n, D = b->D;

    memset(v, 0, P * D * sizeof *v);
    sums_go_on(v, P * D);
    for (size_t first = b->start, got; first < b->end; first += got) {
        got = smaller(b->most, b->end - first);
        rows_get(b->rows, b->x, first, got, b->mean);
#pragma omp parallel for schedule(dynamic)
        for (size_t c = 0; c < D; c += TILE)
            blas_dgemm(false, false, P, smaller(TILE, D - c), got, u + first, n, b->x + c, D, 1,
                       v + c, D);
    }
    sums_hand_on(v, P * D);
    sums_spread(v, P * D, ranks_count() - 1);
}

/* The P largest of the matrix a (m,m), which the last rank has, at every rank. */
static void solve(double *a, size_t m, size_t P, double *values, double *vectors)
{
    const int last = ranks_count() - 1;

    if (ranks_own() == last)
        blas_eigen(m, a, P, values, vectors);
    sums_spread(values, P, last);
    sums_spread(vectors, P * m, last);
}

void matrix_find(double *values, double *v, size_t P, struct rows *r, const double *mean)
{
    size_t n = rows_n(r), D = rows_width(r), m = smaller(n, D);
    double *a = xaligned(m * m * sizeof *a), *u = D <= n ? NULL : xmalloc(P * n * sizeof *u);
    struct blocks b = cut(r, mean);

    if (D <= n) {
        find_moments(a, &b);
        solve(a, D, P, values, v);
    } else {
        find_products(a, &b);
        solve(a, n, P, values, u);
        find_axes(v, u, P, &b);
    }
    free(a);
    free(u);
    free(b.x);
    free(b.z);
}

double matrix_memory(size_t n, size_t D, size_t P)
{
    size_t m = smaller(n, D), block = smaller(rows_block(D), n);

    return (double)m * (double)m + (D <= n ? 1 : 2) * (double)block * (double)D
        + (double)P * (double)m + (D <= n || ranks_count() == 1 ? 0 : (double)block * (double)n);
}

double matrix_cost(size_t n, size_t D)
{
    double m = (double)smaller(n, D);

    return (double)n * (double)D * m + 12 * m * m * m;
}
