#include "analysis/affinity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/lists.h"
#include "base/report.h"

enum { STEPS = 200 }; /* of the bisection: more than a double has bits */

struct entry {
    uint32_t column;
    float p;
};

size_t affinity_neighbours(size_t n, double perplexity)
{
    double k = floor(3 * perplexity);

    return k < 1 ? 1 : k < (double)(n - 1) ? (size_t)k : n - 1;
}

double affinity_memory(size_t n, double perplexity)
{
    double pairs = (double)n * (double)affinity_neighbours(n, perplexity);

    return pairs * (double)(sizeof(size_t) + sizeof(double) + 2 * sizeof(struct entry))
        + (double)(n + 1) * 2 * sizeof(size_t);
}

/* p (k) = exp(-b (d - the least d)), not yet of sum 1; returns its entropy. squares (k) ascend. */
static double weigh(double *p, const double *squares, size_t k, double b)
{
    double sum = 0, mean = 0;

    for (size_t j = 0; j < k; j++) {
        p[j] = exp(-b * (squares[j] - squares[0]));
        sum += p[j];
        mean += p[j] * (squares[j] - squares[0]);
    }
    for (size_t j = 0; j < k; j++)
        p[j] /= sum;
    return log(sum) + b * mean / sum;
}

/* p (k), of sum 1 and this entropy, for neighbours at these distances (k), which it squares. */
static void calibrate(double *p, double *distances, size_t k, double entropy)
{
    double low = 0, high = INFINITY, b, span = 0;

    for (size_t j = 0; j < k; j++) {
        distances[j] *= distances[j];
        span += distances[j] - distances[0];
    }
    b = span > 0 ? (double)k / span : 1;
    for (int step = 0; step < STEPS; step++) {
        double excess = weigh(p, distances, k, b) - entropy;

        if (fabs(excess) < 1e-7)
            break;
        if (excess > 0)
            low = b;
        else
            high = b;
        if (isinf(high) && 2 * b * distances[k - 1] > 1e300)
            break; /* as near as they can be told apart */
        b = isinf(high) ? 2 * b : (low + high) / 2;
    }
}

static int by_column(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return (x->column > y->column) - (x->column < y->column);
}

/* Sorts the n entries of a row; adds up those of the same column, each from one of its two rows.
 * Returns how many there are then. */
static size_t merge(struct entry *row, size_t n)
{
    size_t m = 0;

    qsort(row, n, sizeof *row, by_column);
    for (size_t e = 0; e < n; e++)
        if (m > 0 && row[m - 1].column == row[e].column)
            row[m - 1].p += row[e].p;
        else
            row[m++] = row[e];
    return m;
}

/* The entries of all rows, from p(j|i) (n,k) of the neighbours (n,k): start (n+1) says where each
 * row's begin, lengths (n) how many there are. */
static struct entry *gather(size_t *start, size_t *lengths, const size_t *neighbours,
                            const double *p, size_t n, size_t k)
{
    struct entry *all = xmalloc(2 * n * k * sizeof *all);

    for (size_t i = 0; i < n; i++)
        lengths[i] = k;
    for (size_t e = 0; e < n * k; e++)
        lengths[neighbours[e]]++;
    start[0] = 0;
    for (size_t i = 0; i < n; i++)
        start[i + 1] = start[i] + lengths[i];
    memset(lengths, 0, n * sizeof *lengths);
    for (size_t e = 0; e < n * k; e++) {
        size_t i = e / k, j = neighbours[e];
        float half = (float)(p[e] / (2 * (double)n));

        all[start[i] + lengths[i]++] = (struct entry){(uint32_t)j, half};
        all[start[j] + lengths[j]++] = (struct entry){(uint32_t)i, half};
    }
#pragma omp parallel for schedule(dynamic, 64)
    for (size_t i = 0; i < n; i++)
        lengths[i] = merge(all + start[i], lengths[i]);
    return all;
}

void affinity_find(struct affinity *a, struct rows *r, double perplexity,
                   struct tensor_reader *lists)
{
    size_t n = rows_n(r), k = affinity_neighbours(n, perplexity), n_entries = 0;
    size_t *neighbours = xcalloc(n, k * sizeof *neighbours);
    size_t *lengths = xcalloc(n, sizeof *lengths);
    double *distances = xcalloc(n, k * sizeof *distances);
    struct entry *all;

    *a = (struct affinity){.n = n, .start = xcalloc(n + 1, sizeof *a->start)};
    lists_find(neighbours, distances, r, k, lists);
#pragma omp parallel
    {
        double *p = xmalloc(k * sizeof *p);

#pragma omp for schedule(static)
        for (size_t i = 0; i < n; i++) {
            calibrate(p, distances + i * k, k, log(perplexity));
            memcpy(distances + i * k, p, k * sizeof *p);
        }
        free(p);
    }
    all = gather(a->start, lengths, neighbours, distances, n, k);
    free(neighbours);
    free(distances);
    for (size_t i = 0; i < n; i++)
        n_entries += lengths[i];
    a->column = xmalloc(n_entries * sizeof *a->column);
    a->p = xmalloc(n_entries * sizeof *a->p);
    n_entries = 0;
    for (size_t i = 0; i < n; i++) {
        const struct entry *row = all + a->start[i];

        a->start[i] = n_entries;
        for (size_t e = 0; e < lengths[i]; e++, n_entries++) {
            a->column[n_entries] = row[e].column;
            a->p[n_entries] = row[e].p;
        }
    }
    a->start[n] = n_entries;
    free(all);
    free(lengths);
}

void affinity_release(struct affinity *a)
{
    free(a->start);
    free(a->column);
    free(a->p);
    *a = (struct affinity){0};
}
