#include "analysis/nearest.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blas.h"
#include "base/report.h"

enum {
    SLICE = 64, /* rows of one call of BLAS */
    SPARE = 8,  /* candidates kept beyond k */
    LANES = 8,  /* sums side by side: fixed, so that every processor adds in the same order */
};

struct candidate {
    size_t row;
    double square;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Whether a comes before b. */
static bool before(struct candidate a, struct candidate b)
{
    return a.square < b.square || (a.square == b.square && a.row < b.row);
}

/* Puts c in its place among the `size` nearest so far, list[0..*n-1]. */
static void insert(struct candidate *list, size_t *n, size_t size, struct candidate c)
{
    size_t i;

    if (*n == size && !before(c, list[size - 1]))
        return;
    if (*n < size)
        ++*n;
    for (i = *n - 1; i > 0 && before(c, list[i - 1]); i--)
        list[i] = list[i - 1];
    list[i] = c;
}

static double exact_square(const double *a, const double *b, size_t D)
{
    double sums[LANES] = {0}, total = 0;
    size_t c = 0;

    for (; c + LANES <= D; c += LANES)
        for (size_t i = 0; i < LANES; i++)
            sums[i] += (a[c + i] - b[c + i]) * (a[c + i] - b[c + i]);
    for (size_t i = 0; c + i < D; i++)
        sums[i] += (a[c + i] - b[c + i]) * (a[c + i] - b[c + i]);
    for (size_t i = 0; i < LANES; i++)
        total += sums[i];
    return total;
}

/* squares[i] = |row i|^2 */
static void find_squares(double *squares, struct rows *r, double *x)
{
    size_t n = rows_n(r), D = rows_width(r), block = rows_block(D);
    double *zero = xcalloc(D, sizeof *zero);

    for (size_t first = 0; first < n; first += block) {
        size_t got = smaller(block, n - first);
        rows_get(r, x, first, got, NULL);
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < got; i++)
            squares[first + i] = exact_square(x + i * D, zero, D);
    }
    free(zero);
}

/* Looks through the products of rows first..first+got-1 with the rows from OTHER on for candidates.
 */
static void add_candidates(struct candidate *lists, size_t *n_found, size_t size,
                           const double *products, const double *squares, size_t first, size_t got,
                           size_t other, size_t width)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < got; i++)
        for (size_t j = 0; j < width; j++)
            if (other + j != first + i)
                insert(lists + i * size, &n_found[i], size,
                       (struct candidate){other + j,
                                          squares[first + i] + squares[other + j]
                                              - 2 * products[i * width + j]});
}

/* The k nearest of row I, whose numbers are x, among its candidates. Where these may not hold them
 * all, among all rows. */
static void decide(size_t *neighbours, double *distances, const struct candidate *list,
                   size_t n_found, struct rows *r, const double *x, size_t i, size_t k,
                   double error)
{
    size_t D = rows_width(r), n = rows_n(r), n_best = 0;
    bool all = n_found < n - 1 && list[n_found - 1].square <= list[k - 1].square + 2 * error;
    struct candidate *best = xmalloc(k * sizeof *best);
    double *y = xaligned(D * sizeof *y);

    for (size_t c = 0; c < (all ? n : n_found); c++) {
        size_t row = all ? c : list[c].row;
        if (row == i)
            continue;
        rows_get(r, y, row, 1, NULL);
        insert(best, &n_best, k, (struct candidate){row, exact_square(x, y, D)});
    }
    for (size_t j = 0; j < k; j++) {
        neighbours[j] = best[j].row;
        distances[j] = sqrt(best[j].square);
    }
    free(best);
    free(y);
}

void nearest_find(size_t *neighbours, double *distances, struct rows *r, size_t k)
{
    size_t n = rows_n(r), D = rows_width(r), block = smaller(rows_block(D), n),
           size = smaller(k + SPARE, n - 1);
    double *x = xaligned(block * D * sizeof *x), *y = xaligned(block * D * sizeof *y);
    double *products = xaligned(block * block * sizeof *products),
           *squares = xmalloc(n * sizeof *squares), largest = 0;
    struct candidate *lists = xmalloc(block * size * sizeof *lists);
    size_t *n_found = xmalloc(block * sizeof *n_found);

    blas_open();
    find_squares(squares, r, x);
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, squares[i]);
    for (size_t first = 0; first < n; first += block) {
        size_t got = smaller(block, n - first);
        memset(n_found, 0, got * sizeof *n_found);
        rows_get(r, x, first, got, NULL);
        for (size_t other = 0; other < n; other += block) {
            size_t width = smaller(block, n - other);
            rows_get(r, y, other, width, NULL);
#pragma omp parallel for collapse(2) schedule(dynamic)
            for (size_t s = 0; s < got; s += SLICE)
                for (size_t t = 0; t < width; t += SLICE)
                    blas_dgemm(false, true, smaller(SLICE, got - s), smaller(SLICE, width - t), D,
                               x + s * D, D, y + t * D, D, 0, products + s * width + t, width);
            add_candidates(lists, n_found, size, products, squares, first, got, other, width);
        }
#pragma omp parallel for schedule(dynamic)
        for (size_t i = 0; i < got; i++) {
            /* Rounding of a sum of D products is at most D half-epsilons of the sum of their
             * magnitudes. */
            double error = 2 * (double)(D + 8) * DBL_EPSILON * (squares[first + i] + largest);
            decide(neighbours + (first + i) * k, distances + (first + i) * k, lists + i * size,
                   n_found[i], r, x + i * D, first + i, k, error);
        }
        progress("%zu of %zu rows", first + got, n);
    }
    progress_end();
    free(x);
    free(y);
    free(products);
    free(squares);
    free(lists);
    free(n_found);
}
