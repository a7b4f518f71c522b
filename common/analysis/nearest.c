#include "analysis/nearest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/pairs.h"
#include "base/report.h"

enum { SPARE = 8 }; /* candidates kept beyond k */

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

/* The search for the k nearest, and where it stands in a block of rows. */
struct search {
    struct rows *rows;
    size_t k, size;           /* wanted; candidates kept */
    struct candidate *lists;  /* (block,size) */
    size_t *n_found;          /* (block) */
    double *squares, largest; /* (n) of the rows */
    size_t *neighbours;       /* (n,k) */
    double *distances;        /* (n,k) */
};

/* Looks through the distances of rows first..first+n-1 to those from OTHER on for candidates. */
static void add_candidates(void *context, const double *squares, size_t first, size_t n,
                           size_t other, size_t width)
{
    struct search *s = context;

    if (other == 0)
        memset(s->n_found, 0, n * sizeof *s->n_found);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            if (other + j != first + i)
                insert(s->lists + i * s->size, &s->n_found[i], s->size,
                       (struct candidate){other + j, squares[i * width + j]});
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
        insert(best, &n_best, k, (struct candidate){row, pairs_exact(x, y, D)});
    }
    for (size_t j = 0; j < k; j++) {
        neighbours[j] = best[j].row;
        distances[j] = sqrt(best[j].square);
    }
    free(best);
    free(y);
}

static void decide_all(void *context, const double *x, size_t first, size_t n)
{
    struct search *s = context;
    size_t k = s->k, D = rows_width(s->rows);

    for (size_t i = 0; first == 0 && i < rows_n(s->rows); i++)
        s->largest = fmax(s->largest, s->squares[i]);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < n; i++)
        decide(s->neighbours + (first + i) * k, s->distances + (first + i) * k,
               s->lists + i * s->size, s->n_found[i], s->rows, x + i * D, first + i, k,
               pairs_error(D, s->squares[first + i], s->largest));
}

void nearest_find(size_t *neighbours, double *distances, struct rows *r, size_t k)
{
    size_t n = rows_n(r), block = smaller(rows_block(rows_width(r)), n);
    struct search s = {.rows = r,
                       .k = k,
                       .size = smaller(k + SPARE, n - 1),
                       .neighbours = neighbours,
                       .distances = distances};
    const struct pairs all = {add_candidates, decide_all, &s};

    s.lists = xmalloc(block * s.size * sizeof *s.lists);
    s.n_found = xmalloc(block * sizeof *s.n_found);
    s.squares = xmalloc(n * sizeof *s.squares);
    pairs_visit(&all, r, false, s.squares);
    free(s.lists);
    free(s.n_found);
    free(s.squares);
}

size_t nearest_elect(const size_t *class_of, const size_t *neighbours, size_t k, size_t *votes)
{
    size_t winner = class_of[neighbours[0]];

    for (size_t j = 0; j < k; j++)
        votes[class_of[neighbours[j]]]++;
    for (size_t j = 1; j < k; j++)
        if (votes[class_of[neighbours[j]]] > votes[winner])
            winner = class_of[neighbours[j]];
    for (size_t j = 0; j < k; j++)
        votes[class_of[neighbours[j]]] = 0;
    return winner;
}
