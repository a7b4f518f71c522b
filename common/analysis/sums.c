#include "analysis/sums.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/ranks.h"
#include "base/report.h"
#include "base/sizes.h"
#include "base/vectors.h"

enum {
    PIECE = 1 << 17, /* numbers of a piece */
    PIECE_ROWS = 32, /* with few vectors OpenBLAS multiplies so many as they lie, without a copy */
};

/* --- who has which rows --- */

static size_t first_slice(int r)
{
    return SUMS_SLICES * (size_t)r / (size_t)ranks_count();
}

size_t sums_start(size_t n, size_t block, int r)
{
    size_t first = n * first_slice(r) / SUMS_SLICES;

    return smaller(n, divide_up(first, block) * block);
}

int sums_owner(size_t n, size_t block, size_t first)
{
    int r = 0;

    while (sums_start(n, block, r + 1) <= first)
        r++;
    return r;
}

struct rows *sums_read(struct tensor_reader *t, const size_t *which, size_t n, size_t memory)
{
    size_t first = sums_start(n, 1, ranks_own()), end = sums_start(n, 1, ranks_own() + 1);

    if (ranks_count() == 1)
        return rows_read(t, which, n, memory);
    if (first < end)
        end = smaller(n, end + SUMS_BLOCK - 1);
    return rows_read_part(t, which, n, first, end, memory);
}

size_t sums_piece(size_t D)
{
    return D >= PIECE ? 1 : smaller(PIECE / D, PIECE_ROWS);
}

/* --- sums --- */

VECTORS static void add_to(double *restrict sums, const double *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += x[i];
}

/* The first of the WIDTH numbers that rank R adds up. */
static size_t share_start(size_t width, int r)
{
    return width * (size_t)r / (size_t)ranks_count();
}

/* sums (width) = all slices, of which this rank has its own (slices,width). */
static void add_slices(double *sums, const double *slices, size_t width)
{
    const int ranks = ranks_count(), own = ranks_own();
    size_t start = share_start(width, own), n = share_start(width, own + 1) - start;
    double *others = xmalloc(SUMS_SLICES * n * sizeof *others);
    size_t *starts = xcalloc((size_t)ranks + 1, sizeof *starts);

    for (int r = 0; r <= ranks; r++)
        starts[r] = share_start(width, r);
    for (int r = 0; r < ranks; r++)
        for (size_t s = first_slice(r); s < first_slice(r + 1); s++)
            if (r != own)
                ranks_receive(0, r, others + s * n, n * sizeof *others);
    for (size_t s = first_slice(own); s < first_slice(own + 1); s++, slices += width)
        for (int r = 0; r < ranks; r++)
            if (r == own)
                memcpy(others + s * n, slices + start, n * sizeof *others);
            else
                ranks_send(0, r, slices + starts[r], (starts[r + 1] - starts[r]) * sizeof *slices);
    ranks_wait(0);
    for (size_t s = 0; s < SUMS_SLICES; s++)
        add_to(sums + start, others + s * n, n);
    ranks_gather(sums, sizeof *sums, starts);
    free(others);
    free(starts);
}

void sums_over(double *sums, size_t width, size_t n, size_t parts, sums_add *add, void *context)
{
    const bool alone = ranks_count() == 1;
    const size_t first = first_slice(ranks_own()), end = first_slice(ranks_own() + 1);
    const size_t leaves = SUMS_SLICES * parts, kept = alone ? 1 : end - first;
    double *slices = xlarge(kept * width * sizeof *slices);

    memset(sums, 0, width * sizeof *sums);
#pragma omp parallel
    {
        double *part = xlarge(width * sizeof *part);
#pragma omp for ordered schedule(dynamic)
        for (size_t i = first * parts; i < end * parts; i++) {
            double *slice = slices + (i / parts - first) % kept * width;
            memset(part, 0, width * sizeof *part);
            add(context, part, n * i / leaves, n * (i + 1) / leaves);
#pragma omp ordered
            {
                if (i % parts == 0)
                    memcpy(slice, part, width * sizeof *part);
                else
                    add_to(slice, part, width);
                if (alone && (i + 1) % parts == 0)
                    add_to(sums, slice, width);
            }
        }
        free(part);
    }
    if (!alone)
        add_slices(sums, slices, width);
    free(slices);
}

size_t sums_memory(void)
{
    size_t ranks = (size_t)ranks_count();

    return (size_t)omp_get_max_threads()
        + (ranks == 1 ? 1 : divide_up(SUMS_SLICES, ranks) + SUMS_SLICES / ranks + 1);
}

/* --- the mean --- */

struct centring {
    struct rows *rows;
    const double *first; /* (D): the first row */
};

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

/* part (2,D): sums and sums of squares */
static void add_rows(double *part, const double *x, size_t got, size_t D)
{
    size_t i = 0;

    for (; i + 4 <= got; i += 4)
        add_four(part, part + D, x + i * D, D);
    for (; i < got; i++)
        for (size_t j = 0; j < D; j++) {
            part[j] += x[i * D + j];
            part[D + j] += x[i * D + j] * x[i * D + j];
        }
}

static void add_differences(void *context, double *part, size_t first, size_t end)
{
    const struct centring *c = context;
    size_t D = rows_width(c->rows), most = sums_piece(D);
    double *x = xaligned(most * D * sizeof *x);

    for (size_t got; first < end; first += got) {
        got = smaller(most, end - first);
        rows_get(c->rows, x, first, got, c->first);
        add_rows(part, x, got, D);
    }
    free(x);
}

/* Sums are of differences to the first row: what is the same in all rows gives 0, and little is
 * lost where the mean is large beside the differences. */
double sums_mean(double *mean, struct rows *r)
{
    size_t n = rows_n(r), D = rows_width(r);
    double *first = xmalloc(D * sizeof *first), *sums = xmalloc(2 * D * sizeof *sums), total = 0;

    if (ranks_own() == sums_owner(n, 1, 0))
        rows_get(r, first, 0, 1, NULL);
    sums_spread(first, D, sums_owner(n, 1, 0));
    sums_over(sums, 2 * D, n, 1, add_differences, &(struct centring){r, first});
    for (size_t j = 0; j < D; j++) {
        mean[j] = first[j] + sums[j] / (double)n;
        total += fmax(0, sums[D + j] - sums[j] * sums[j] / (double)n);
    }
    free(first);
    free(sums);
    return total;
}

/* --- from rank to rank --- */

void sums_go_on(double *sums, size_t width)
{
    if (ranks_own() > 0)
        ranks_receive(0, ranks_own() - 1, sums, width * sizeof *sums);
    ranks_wait(0);
}

void sums_hand_on(const double *sums, size_t width)
{
    if (ranks_own() + 1 < ranks_count())
        ranks_send(0, ranks_own() + 1, sums, width * sizeof *sums);
    ranks_wait(0);
}

void sums_spread(double *sums, size_t width, int from)
{
    if (ranks_own() == from && from > 0)
        ranks_send(0, 0, sums, width * sizeof *sums);
    if (ranks_own() == 0 && from > 0)
        ranks_receive(0, from, sums, width * sizeof *sums);
    ranks_wait(0);
    ranks_broadcast(sums, width * sizeof *sums);
}
