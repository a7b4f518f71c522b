#include "analysis/embedding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/quadtree.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/rng.h"
#include "base/sizes.h"
#include "base/vectors.h"

enum {
    EARLY = 250,       /* iterations */
    EXAGGERATION = 12, /* of p in these */
    LATER = 4,         /* at first after these, falling to 1 in as many */
    LANES = 8,         /* neighbours side by side: sums in a fixed order on every processor */
    SLICE = 256,       /* rows of which one thread adds up the cost */
    FEW = 400,         /* rows, which one thread is quicker with */
};

static const double start_deviation = 1e-4, start_chance = 1e-6, least_rate = 50;

double embedding_memory(size_t n)
{
    return (double)n * 8 * sizeof(double) + quadtree_memory(n);
}

/* --- the gradient --- */

/* pull (2) = sum of p w (y_i - y_j) over the entries first..end-1 of row i. */
VECTORS static void attract(double *pull, const double *y, const struct affinity *a, size_t i)
{
    double sums[2][LANES] = {{0}}, d0[LANES], d1[LANES], p[LANES];

    for (size_t e = a->start[i]; e < a->start[i + 1]; e += LANES) {
        size_t got = a->start[i + 1] - e < LANES ? a->start[i + 1] - e : LANES;

        for (size_t l = 0; l < LANES; l++) {
            size_t at = e + (l < got ? l : 0);
            const double *other = y + 2 * (size_t)a->column[at];

            p[l] = l < got ? (double)a->p[at] : 0;
            d0[l] = y[2 * i] - other[0];
            d1[l] = y[2 * i + 1] - other[1];
        }
        for (size_t l = 0; l < LANES; l++) {
            double pw = p[l] / (1 + (d0[l] * d0[l] + d1[l] * d1[l]));

            sums[0][l] += pw * d0[l];
            sums[1][l] += pw * d1[l];
        }
    }
    pull[0] = pull[1] = 0;
    for (size_t l = 0; l < LANES; l++) {
        pull[0] += sums[0][l];
        pull[1] += sums[1][l];
    }
}

/* gradient (n,2) with p so many times as large; returns Z. push (n,2) is scratch. */
static double find_gradient(double *gradient, double *push, struct quadtree *tree, const double *y,
                            const struct affinity *a, double theta, double exaggeration)
{
    double Z;

    quadtree_build(tree, y);
    Z = quadtree_forces(tree, push, theta);
#pragma omp parallel for schedule(dynamic, 64) if (a->n > FEW)
    for (size_t i = 0; i < a->n; i++) {
        double pull[2];

        attract(pull, y, a, i);
        for (size_t c = 0; c < 2; c++)
            gradient[2 * i + c] = 4 * (exaggeration * pull[c] - push[2 * i + c] / Z);
    }
    return Z;
}

/* KL, Z known. */
static double find_cost(const double *y, const struct affinity *a, double Z)
{
    size_t slices = divide_up(a->n, SLICE);
    double *sums = xcalloc(slices, sizeof *sums), cost = 0;

#pragma omp parallel for schedule(dynamic) if (a->n > FEW)
    for (size_t s = 0; s < slices; s++)
        for (size_t i = s * SLICE; i < (s + 1) * SLICE && i < a->n; i++)
            for (size_t e = a->start[i]; e < a->start[i + 1]; e++) {
                const double *other = y + 2 * (size_t)a->column[e];
                double d0 = y[2 * i] - other[0], d1 = y[2 * i + 1] - other[1], p = (double)a->p[e];

                if (p > 0)
                    sums[s] += p * log(p * Z * (1 + (d0 * d0 + d1 * d1)));
            }
    for (size_t s = 0; s < slices; s++)
        cost += sums[s];
    free(sums);
    return cost;
}

double embedding_gradient(double *gradient, const double *y, const struct affinity *a, double theta)
{
    struct quadtree *tree = quadtree_new(a->n);
    double *push = xmalloc(2 * a->n * sizeof *push);
    double cost = find_cost(y, a, find_gradient(gradient, push, tree, y, a, theta, 1));

    free(push);
    quadtree_free(tree);
    return cost;
}

/* --- the moves --- */

static void centre(double *y, size_t n)
{
    double sums[2] = {0, 0};

    for (size_t i = 0; i < 2 * n; i++)
        sums[i % 2] += y[i];
    for (size_t i = 0; i < 2 * n; i++)
        y[i] -= sums[i % 2] / (double)n;
}

void embedding_start(double *y, struct rows *r)
{
    size_t n = rows_n(r), P = rows_width(r), block = rows_block(P);
    double *x = xaligned(block * P * sizeof *x), squares[2] = {0, 0}, scale;

    for (size_t first = 0; first < n; first += block) {
        size_t got = n - first < block ? n - first : block;

        rows_get(r, x, first, got, NULL);
        for (size_t i = 0; i < 2 * got; i++)
            y[2 * first + i] = i % 2 < P ? x[i / 2 * P + i % 2] : 0;
    }
    free(x);
    centre(y, n);
    for (size_t i = 0; i < 2 * n; i++)
        squares[i % 2] += y[i] * y[i];
    if (squares[0] == 0)
        return;
    scale = start_deviation / sqrt(squares[0] / (double)n);
    for (size_t i = 0; i < n; i++) {
        struct rng rng;

        y[2 * i] *= scale;
        y[2 * i + 1] *= scale;
        if (squares[1] > 0)
            continue;
        rng_init(&rng, 0, RNG_START, i);
        y[2 * i + 1] = start_chance * rng_normal(&rng);
    }
}

static double exaggeration(size_t step)
{
    double passed = ((double)step - EARLY) / EARLY;

    return passed < 0 ? EXAGGERATION : passed < 1 ? LATER + (1 - LATER) * passed : 1;
}

double embedding_move(double *y, const struct affinity *a, size_t iterations, double theta)
{
    size_t n = a->n;
    struct quadtree *tree = quadtree_new(n);
    double *gradient = xcalloc(2 * n, sizeof *gradient), *push = xcalloc(2 * n, sizeof *push);
    double *velocity = xcalloc(2 * n, sizeof *velocity), *gain = xcalloc(2 * n, sizeof *gain);
    double rate = fmax((double)n / (EXAGGERATION * 4), least_rate), cost;

    for (size_t i = 0; i < 2 * n; i++)
        gain[i] = 1;
    for (size_t step = 0; step < iterations; step++) {
        double momentum = step < EARLY ? 0.5 : 0.8;
        double Z = find_gradient(gradient, push, tree, y, a, theta, exaggeration(step));

        if (progress_due(step, iterations))
            progress_say("iteration %zu of %zu: KL divergence %.4f", step, iterations,
                         find_cost(y, a, Z));
#pragma omp parallel for schedule(static) if (n > FEW)
        for (size_t i = 0; i < 2 * n; i++) {
            gain[i] = velocity[i] * gradient[i] < 0 ? gain[i] + 0.2 : fmax(gain[i] * 0.8, 0.01);
            velocity[i] = momentum * velocity[i] - rate * gain[i] * gradient[i];
            y[i] += velocity[i];
        }
        if (step + 1 == EARLY) { /* another cost begins: what was learnt of the first is void */
            memset(velocity, 0, 2 * n * sizeof *velocity);
            for (size_t i = 0; i < 2 * n; i++)
                gain[i] = 1;
        }
    }
    progress_end();
    centre(y, n);
    cost = find_cost(y, a, find_gradient(gradient, push, tree, y, a, theta, 1));
    quadtree_free(tree);
    free(gradient);
    free(push);
    free(velocity);
    free(gain);
    return cost;
}
