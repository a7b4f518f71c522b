#include "analysis/cluster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blas.h"
#include "analysis/pairs.h"
#include "analysis/sums.h"
#include "base/report.h"
#include "base/sizes.h"
#include "base/rng.h"

enum { STARTS = 4, STEPS = 100, SLICE = 64 };

struct search {
    struct rows *rows;
    size_t n, D, k, block;
    double *mean;    /* (D), of all rows: all below is beside it */
    double *x;       /* (block,D) */
    double *centres; /* (k,D), and */
    double *lengths; /* (k) their squared lengths */
    double *sums;    /* (k,D) of the rows of each */
    double *squares; /* (n) squared length of each row */
    double *nearest; /* (n) squared distance of each row to its centre */
    double *products;
};

static void set_centre(struct search *s, size_t c, size_t row)
{
    rows_get(s->rows, s->centres + c * s->D, row, 1, s->mean);
}

/* nearest (n): the least of what it was and the squared distance to centre C. */
static void approach(struct search *s, size_t c)
{
    for (size_t first = 0; first < s->n; first += s->block) {
        size_t got = smaller(s->block, s->n - first);

        rows_get(s->rows, s->x, first, got, s->mean);
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < got; i++)
            s->nearest[first + i] = fmin(s->nearest[first + i],
                                         pairs_exact(s->x + i * s->D, s->centres + c * s->D, s->D));
    }
}

/* k-means++: each centre a row, drawn by its squared distance to those before. */
static void choose_centres(struct search *s, struct rng *rng)
{
    set_centre(s, 0, rng_below(rng, (uint32_t)s->n));
    for (size_t i = 0; i < s->n; i++)
        s->nearest[i] = INFINITY;
    for (size_t c = 1; c < s->k; c++) {
        double total = 0, mark;
        size_t row = 0;

        approach(s, c - 1);
        for (size_t i = 0; i < s->n; i++)
            total += s->nearest[i];
        mark = rng_uniform(rng, 0, 1) * total;
        for (size_t i = 0; i < s->n && mark >= 0; i++)
            if (s->nearest[i] > 0) {
                row = i;
                mark -= s->nearest[i];
            }
        set_centre(s, c, row);
    }
}

/* Puts each row to its nearest centre, the first of equals, and adds up the rows of each; returns
 * how many rows moved, and the sum of squares. */
static size_t assign(struct search *s, size_t *cluster, double *inertia)
{
    double *zero = xcalloc(s->D, sizeof *zero);
    size_t moved = 0, k = s->k;

    *inertia = 0;
    memset(s->sums, 0, k * s->D * sizeof *s->sums);
    for (size_t c = 0; c < k; c++)
        s->lengths[c] = pairs_exact(s->centres + c * s->D, zero, s->D);
    for (size_t first = 0; first < s->n; first += s->block) {
        size_t got = smaller(s->block, s->n - first);

        rows_get(s->rows, s->x, first, got, s->mean);
#pragma omp parallel for schedule(dynamic) reduction(+ : moved)
        for (size_t t = 0; t < got; t += SLICE) {
            blas_dgemm(false, true, smaller(SLICE, got - t), k, s->D, s->x + t * s->D, s->D,
                       s->centres, s->D, 0, s->products + t * k, k);
            for (size_t i = t; i < t + smaller(SLICE, got - t); i++) {
                const double *p = s->products + i * k;
                size_t best = 0;

                for (size_t c = 1; c < k; c++)
                    if (s->lengths[c] - 2 * p[c] < s->lengths[best] - 2 * p[best])
                        best = c;
                moved += cluster[first + i] != best;
                cluster[first + i] = best;
                s->nearest[first + i] =
                    fmax(0, s->squares[first + i] + s->lengths[best] - 2 * p[best]);
            }
        }
        rows_add(s->sums, cluster + first, s->x, got, s->D);
    }
    for (size_t i = 0; i < s->n; i++)
        *inertia += s->nearest[i];
    free(zero);
    return moved;
}

/* Each centre becomes the mean of its rows; one without rows, the row that is farthest off. */
static void move_centres(struct search *s, const size_t *cluster)
{
    size_t *count = xcalloc(s->k, sizeof *count), farthest = 0;

    for (size_t i = 0; i < s->n; i++) {
        count[cluster[i]]++;
        if (s->nearest[i] > s->nearest[farthest])
            farthest = i;
    }
    for (size_t c = 0; c < s->k; c++)
        if (count[c] == 0) {
            set_centre(s, c, farthest);
            s->nearest[farthest] = 0;
        } else {
            for (size_t j = 0; j < s->D; j++)
                s->centres[c * s->D + j] = s->sums[c * s->D + j] / (double)count[c];
        }
    free(count);
}

void cluster_find(size_t *cluster, struct rows *r, size_t k, uint64_t seed)
{
    size_t n = rows_n(r), D = rows_width(r), *found = xmalloc(n * sizeof *found);
    struct search s = {.rows = r, .n = n, .D = D, .k = k, .block = smaller(rows_block(D), n)};
    double least = INFINITY, inertia;

    blas_open();
    s.mean = xmalloc(D * sizeof *s.mean);
    s.x = xaligned(s.block * D * sizeof *s.x);
    s.centres = xaligned(k * D * sizeof *s.centres);
    s.lengths = xmalloc(k * sizeof *s.lengths);
    s.sums = xaligned(k * D * sizeof *s.sums);
    s.nearest = xmalloc(n * sizeof *s.nearest);
    s.products = xaligned(s.block * k * sizeof *s.products);
    s.squares = xmalloc(n * sizeof *s.squares);
    sums_mean(s.mean, r);
    pairs_squares(s.squares, r, s.mean);
    for (uint64_t start = 0; start < STARTS; start++) {
        struct rng rng;

        rng_init(&rng, seed, RNG_CLUSTER, start);
        choose_centres(&s, &rng);
        memset(found, 0xff, n * sizeof *found);
        for (int step = 0; assign(&s, found, &inertia) > 0 && step < STEPS; step++)
            move_centres(&s, found);
        if (inertia < least) {
            least = inertia;
            memcpy(cluster, found, n * sizeof *found);
        }
    }
    free(found);
    free(s.mean);
    free(s.x);
    free(s.centres);
    free(s.lengths);
    free(s.sums);
    free(s.squares);
    free(s.nearest);
    free(s.products);
}

static double entropy(const size_t *count, size_t parts, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < parts; i++)
        if (count[i] > 0)
            sum -= (double)count[i] / (double)n * log((double)count[i] / (double)n);
    return sum;
}

double cluster_information(const size_t *a, size_t n_a, const size_t *b, size_t n_b,
                           const uint32_t *rows, size_t n)
{
    size_t *both = xcalloc(n_a * n_b, sizeof *both), *in_a = xcalloc(n_a, sizeof *in_a),
           *in_b = xcalloc(n_b, sizeof *in_b);
    double h_a, h_b, joint;

    for (size_t i = 0; i < n; i++) {
        size_t row = rows ? rows[i] : i;

        both[a[row] * n_b + b[row]]++;
        in_a[a[row]]++;
        in_b[b[row]]++;
    }
    h_a = entropy(in_a, n_a, n);
    h_b = entropy(in_b, n_b, n);
    joint = entropy(both, n_a * n_b, n);
    free(both);
    free(in_a);
    free(in_b);
    return h_a + h_b == 0 ? 1 : fmax(0, 2 * (h_a + h_b - joint) / (h_a + h_b));
}
