/* The parts of a map by their definitions: the gradient against finite differences of the cost, the
 * cost and the affinities against plain loops over all pairs, the tree against exact sums.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/affinity.h"
#include "analysis/embedding.h"
#include "analysis/quadtree.h"
#include "base/report.h"
#include "base/rng.h"

enum { N = 61, D = 5, MANY = 3000 };

static int failed;

static void want(bool good, const char *what, double got)
{
    if (!good) {
        printf("%s: %g\n", what, got);
        failed = 1;
    }
}

static double distance2(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t c = 0; c < n; c++)
        sum += (a[c] - b[c]) * (a[c] - b[c]);
    return sum;
}

static void draw(double *x, size_t n, uint64_t index)
{
    struct rng rng;

    rng_init(&rng, 1, RNG_TEST, index);
    for (size_t i = 0; i < n; i++)
        x[i] = rng_normal(&rng);
}

static double entry(const struct affinity *a, size_t i, size_t j)
{
    for (size_t e = a->start[i]; e < a->start[i + 1]; e++)
        if (a->column[e] == j)
            return (double)a->p[e];
    return 0;
}

/* The matrix is symmetric, has sum 1 and no diagonal; the p(j|i) that a row's own neighbours can
 * have been given have the perplexity: with all others as neighbours, every row of them. */
static void check_affinity(struct rows *r, const double *x, struct affinity *a, double perplexity)
{
    double sum = 0, unlike = 0, wrong = 0;
    static double p[N][N];

    for (size_t i = 0; i < N; i++) {
        double low = 0, high = 1e6; /* by bisection, of all pairs */

        want(entry(a, i, i) == 0, "affinity of a row to itself", entry(a, i, i));
        for (int step = 0; step < 200; step++) {
            double b = (low + high) / 2, total = 0, entropy = 0;

            for (size_t j = 0; j < N; j++) {
                p[i][j] = j == i ? 0 : exp(-b * distance2(x + i * D, x + j * D, D));
                total += p[i][j];
            }
            for (size_t j = 0; j < N; j++) {
                p[i][j] /= total;
                entropy -= p[i][j] > 0 ? p[i][j] * log(p[i][j]) : 0;
            }
            *(entropy > log(perplexity) ? &low : &high) = b;
        }
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            double got = entry(a, i, j), wanted = (p[i][j] + p[j][i]) / (2 * N);

            sum += got;
            unlike = fmax(unlike, fabs(got - entry(a, j, i)));
            wrong = fmax(wrong, fabs(got - wanted));
        }
    want(rows_n(r) == a->n, "rows", (double)a->n);
    want(fabs(sum - 1) < 1e-6, "sum of affinities", sum);
    want(unlike == 0, "affinities of i,j and j,i differ by", unlike);
    want(wrong < 1e-6 / N, "affinities wrong by", wrong);
}

static double cost(const double *y, const struct affinity *a)
{
    double Z = 0, sum = 0;

    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            Z += i == j ? 0 : 1 / (1 + distance2(y + 2 * i, y + 2 * j, 2));
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            double p = entry(a, i, j);

            if (p > 0)
                sum += p * log(p * Z * (1 + distance2(y + 2 * i, y + 2 * j, 2)));
        }
    return sum;
}

static void check_gradient(const struct affinity *a)
{
    double y[2 * N], gradient[2 * N], got, wrong = 0, largest = 0;

    draw(y, 2 * N, 2);
    got = embedding_gradient(gradient, y, a, 0);
    want(fabs(got - cost(y, a)) < 1e-9, "cost wrong by", got - cost(y, a));
    for (size_t i = 0; i < 2 * N; i++) {
        double at = y[i], step = 1e-5, above, below;

        y[i] = at + step;
        above = cost(y, a);
        y[i] = at - step;
        below = cost(y, a);
        y[i] = at;
        wrong = fmax(wrong, fabs((above - below) / (2 * step) - gradient[i]));
        largest = fmax(largest, fabs(gradient[i]));
    }
    want(largest > 1e-3 && wrong < 1e-7 * largest, "gradient wrong by", wrong / largest);
}

/* y (MANY,2): forces of the tree, exact at theta 0; by theta 0.5 near them. */
static void check_tree(const char *what, const double *y)
{
    double *exact = xcalloc(2 * MANY, sizeof *exact), *got = xcalloc(2 * MANY, sizeof *got);
    double Z = 0, Z_got, wrong = 0, square = 0;
    struct quadtree *t = quadtree_new(MANY);

    for (size_t i = 0; i < MANY; i++) {
        double z = 0;

        for (size_t j = 0; j < MANY; j++) {
            double w = 1 / (1 + distance2(y + 2 * i, y + 2 * j, 2));

            z += i == j ? 0 : w;
            for (size_t c = 0; c < 2; c++)
                exact[2 * i + c] += w * w * (y[2 * i + c] - y[2 * j + c]);
        }
        Z += z;
    }
    quadtree_build(t, y);
    for (int coarse = 0; coarse < 2; coarse++) {
        Z_got = quadtree_forces(t, got, coarse ? 0.5 : 0);
        wrong = square = 0;
        for (size_t i = 0; i < 2 * MANY; i++) {
            wrong += (got[i] - exact[i]) * (got[i] - exact[i]);
            square += exact[i] * exact[i];
        }
        want(fabs(Z_got / Z - 1) < (coarse ? 1e-2 : 1e-12), what, Z_got / Z - 1);
        want(sqrt(wrong) <= (coarse ? 2e-2 : 1e-12) * sqrt(square), what, sqrt(wrong / square));
    }
    quadtree_free(t);
    free(exact);
    free(got);
}

int main(void)
{
    static double x[N * D], y[2 * MANY];
    struct rows *r = rows_create("x", NPY_F64, N, D, 1 << 20);
    struct affinity a;

    report_init("check-map");
    draw(x, N * D, 1);
    rows_append(r, x, N);
    affinity_find(&a, r, 20, NULL); /* three times this: all others are neighbours */
    check_affinity(r, x, &a, 20);
    check_gradient(&a);
    affinity_release(&a);
    affinity_find(&a, r, 7, NULL);
    check_gradient(&a);
    affinity_release(&a);
    rows_free(r);
    draw(y, 2 * MANY, 3);
    check_tree("tree", y);
    for (size_t i = 0; i < MANY; i++) /* groups, some points in the same place, one far away */
        memcpy(y + 2 * i, (double[]){round(4 * y[2 * i]) * 3, round(y[2 * i + 1])}, 2 * sizeof *y);
    y[0] = 1e6;
    check_tree("tree of coincident points", y);
    return failed;
}
