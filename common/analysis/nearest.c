#include "analysis/nearest.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"

enum { SPARE = 16 }; /* candidates kept beyond k */

struct candidate {
    size_t row;    /* position in the set, or in its rows */
    double square; /* or its bound */
};

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

/* The rows that may be the nearest to each of some queries. */
struct found {
    struct candidate *lists; /* (n,size) */
    size_t *n;               /* (n) */
    double *limit;           /* (n) bounds above it are of no use */
};

struct search {
    const struct row_set *queries, *rows;
    enum metric metric;
    size_t k, size; /* wanted; candidates kept */
    int n_threads;
    struct found *found; /* (n_threads) of a block, as each thread found them */
    struct found mirror; /* of all queries, where each pair is visited once; or of none */
    size_t *neighbours;  /* (n,k) */
    double *distances;   /* (n,k) */
};

static void found_clear(struct found *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        f->n[i] = 0;
        f->limit[i] = INFINITY;
    }
}

static struct found found_new(size_t n, size_t size)
{
    struct found f = {xcalloc(n, size * sizeof *f.lists), xcalloc(n, sizeof *f.n),
                      xcalloc(n, sizeof *f.limit)};

    found_clear(&f, n);
    return f;
}

static void found_free(struct found *f)
{
    free(f->lists);
    free(f->n);
    free(f->limit);
}

static void offer(const struct search *s, struct found *f, size_t i, struct candidate c)
{
    struct candidate *list = f->lists + i * s->size;

    insert(list, &f->n[i], s->size, c);
    if (f->n[i] == s->size)
        f->limit[i] = list[s->size - 1].square;
}

/* Whether row J of the set is the query at position QUERY of the same rows. */
static bool is_itself(const struct search *s, size_t query, size_t j)
{
    return s->queries->rows == s->rows->rows && row_set_at(s->rows, j) == query;
}

/* Of pairs visited once, a query of an earlier block has brought itself to the rows behind its
 * block: to those that a later block asks for, and which do not look back. */
static void add_candidates(void *context, const struct bounds *b, int thread)
{
    struct search *s = context;
    struct found *own = &s->found[thread];
    const bool once = s->mirror.lists;
    size_t start = once && b->first > b->other ? b->first - b->other : 0;
    size_t behind = b->first + b->n > b->other ? b->first + b->n - b->other : 0;

    for (size_t i = 0; i < b->n; i++) {
        const float *t = b->t + i * b->m;
        double a = isnan(b->a[i]) ? -INFINITY : b->a[i];
        size_t query = row_set_at(s->queries, b->first + i);

        for (size_t j = start; j < b->m; j++)
            if (a + t[j] <= own->limit[i] && !is_itself(s, query, b->other + j))
                offer(s, own, i, (struct candidate){b->other + j, a + t[j]});
        for (size_t j = behind; once && j < b->m; j++)
            if (a + t[j] <= s->mirror.limit[b->other + j])
                offer(s, &s->mirror, b->other + j, (struct candidate){b->first + i, a + t[j]});
    }
}

/* The candidates of row I of F to those of query I of the block. */
static void merge(const struct search *s, size_t i, const struct found *f, size_t row)
{
    for (size_t c = 0; c < f->n[row]; c++)
        offer(s, &s->found[0], i, f->lists[row * s->size + c]);
}

/* Row J of the set as it is compared. */
static void get(const struct row_set *set, double *x, size_t j, enum metric metric)
{
    rows_get(set->rows, x, row_set_at(set, j), 1, NULL);
    metric_prepare(x, rows_width(set->rows), metric);
}

/* The k nearest of query I of the block, among its candidates. Where these may not hold them all,
 * among all rows. */
static void decide(const struct search *s, const struct bounds *b, size_t i)
{
    size_t D = rows_width(s->rows->rows), n_found = s->found[0].n[i], n_best = 0, q = b->first + i;
    size_t query = row_set_at(s->queries, q);
    const struct candidate *list = s->found[0].lists + i * s->size;
    struct candidate *best = xmalloc(s->k * sizeof *best);
    double *x = xaligned(D * sizeof *x), *y = xaligned(D * sizeof *y);

    get(s->queries, x, q, s->metric);
    for (size_t c = 0; c < n_found; c++) {
        get(s->rows, y, list[c].row, s->metric);
        insert(best, &n_best, s->k, (struct candidate){list[c].row, metric_square(x, y, D)});
    }
    if (n_found == s->size && n_found < s->rows->n
        && !(best[s->k - 1].square * b->unit < list[n_found - 1].square)) {
        n_best = 0;
        for (size_t j = 0; j < s->rows->n; j++) {
            if (is_itself(s, query, j))
                continue;
            get(s->rows, y, j, s->metric);
            insert(best, &n_best, s->k, (struct candidate){j, metric_square(x, y, D)});
        }
    }
    for (size_t c = 0; c < s->k; c++) {
        s->neighbours[q * s->k + c] = row_set_at(s->rows, best[c].row);
        s->distances[q * s->k + c] = metric_distance(best[c].square, s->metric);
    }
    free(best);
    free(x);
    free(y);
}

static void decide_all(void *context, const struct bounds *b)
{
    struct search *s = context;

#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < b->n; i++) {
        for (int thread = 1; thread < s->n_threads; thread++)
            merge(s, i, &s->found[thread], i);
        if (s->mirror.lists)
            merge(s, i, &s->mirror, b->first + i);
        decide(s, b, i);
    }
    for (int thread = 0; thread < s->n_threads; thread++)
        found_clear(&s->found[thread], b->n);
}

/* Whether each pair is to be visited once: where all rows are queries, and not too many to keep
 * the candidates of all. */
static bool visits_once(const struct search *s)
{
    return s->queries->rows == s->rows->rows && !s->queries->which && !s->rows->which
        && s->rows->n <= NEAREST_ROOM / (s->size * sizeof(struct candidate));
}

void nearest_search(size_t *neighbours, double *distances, const struct row_set *rows,
                    const struct row_set *queries, size_t k, enum metric metric)
{
    size_t block = smaller(BOUNDS_QUERIES, queries->n);
    struct search s = {.queries = queries,
                       .rows = rows,
                       .metric = metric,
                       .k = k,
                       .size = smaller(k + SPARE, rows->n),
                       .n_threads = omp_get_max_threads(),
                       .neighbours = neighbours,
                       .distances = distances};
    const bool once = visits_once(&s);
    const struct bounds_visitor all = {add_candidates, decide_all, &s, once};

    s.found = xcalloc((size_t)s.n_threads, sizeof *s.found);
    for (int thread = 0; thread < s.n_threads; thread++)
        s.found[thread] = found_new(block, s.size);
    if (once)
        s.mirror = found_new(rows->n, s.size);
    bounds_visit(&all, queries, rows, metric);
    for (int thread = 0; thread < s.n_threads; thread++)
        found_free(&s.found[thread]);
    free(s.found);
    found_free(&s.mirror);
}

void nearest_find(size_t *neighbours, double *distances, struct rows *r, size_t k)
{
    const struct row_set all = {r, NULL, rows_n(r)};

    nearest_search(neighbours, distances, &all, &all, k, METRIC_EUCLIDEAN);
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
