#include "analysis/lanczos.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blas.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"
#include "base/rng.h"

enum {
    COLUMNS = 256, /* of one call of BLAS */
    VECTORS = 32,  /* likewise */
    LANES = 8,     /* sums side by side: fixed, so that every processor adds in the same order */
};

struct basis_vectors {
    size_t m, b, n; /* n vectors so far, the last b of them are the current block */
    double *q;      /* (LANCZOS_STEPS*b,m) */
    double *t;      /* (LANCZOS_STEPS*b, the same): q A q' of the blocks that were multiplied */
    double scale;   /* of A: the longest row of a product so far */
    double *r; /* (b,b): row i of what the current block leaves over is sum_j r[i][j] of the next
                  block's rows */
    struct rng rng;
};

static double dot(const double *x, const double *y, size_t m)
{
    double sums[LANES] = {0}, total = 0;
    size_t i = 0;

    for (; i + LANES <= m; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            sums[j] += x[i + j] * y[i + j];
    for (size_t j = 0; i + j < m; j++)
        sums[j] += x[i + j] * y[i + j];
    for (size_t j = 0; j < LANES; j++)
        total += sums[j];
    return total;
}

/* w (b,m) -= (w q') q for the n rows of q; h (b,n) += w q'. */
static void project_out(double *w, size_t b, const double *q, size_t n, size_t m, double *h)
{
    double *part = xmalloc(b * n * sizeof *part);

#pragma omp parallel for schedule(dynamic)
    for (size_t j = 0; j < n; j += VECTORS)
        blas_dgemm(false, true, b, smaller(VECTORS, n - j), m, w, m, q + j * m, m, 0, part + j, n);
    for (size_t i = 0; i < b * n; i++) {
        h[i] += part[i];
        part[i] = -part[i];
    }
#pragma omp parallel for schedule(dynamic)
    for (size_t c = 0; c < m; c += COLUMNS)
        blas_dgemm(false, false, b, smaller(COLUMNS, m - c), n, part, n, q + c, m, 1, w + c, m);
    free(part);
}

static void draw(struct basis_vectors *v, double *row)
{
    for (size_t i = 0; i < v->m; i++)
        row[i] = rng_normal(&v->rng);
}

/* Makes row `n` of q of length 1 and at right angles to those before it; adds to r[j] what it had
 * of row first+j. A row of which nothing but rounding is left, below FLOOR, becomes a random one,
 * and no part of what it was. */
static void add_vector(struct basis_vectors *v, size_t first, double floor, double *r)
{
    double *row = v->q + v->n * v->m, before = sqrt(dot(row, row, v->m)), length;
    bool fresh = before <= floor;

    for (int round = 0; round < 4; round++) {
        if (fresh && round == 0) {
            draw(v, row);
            before = sqrt(dot(row, row, v->m));
        }
        for (size_t j = fresh ? 0 : first; j < v->n; j++) {
            const double *other = v->q + j * v->m;
            double share = dot(row, other, v->m);
            for (size_t i = 0; i < v->m; i++)
                row[i] -= share * other[i];
            if (!fresh)
                r[j - first] += share;
        }
        length = sqrt(dot(row, row, v->m));
        if (length > 0.7 * before)
            break;
        if (!fresh && length <= floor) {
            fresh = true;
            round = -1;
        }
        before = length;
    }
    if (!fresh)
        r[v->n - first] = length;
    for (size_t i = 0; i < v->m; i++)
        row[i] /= length;
    v->n++;
}

/* One more block: multiplies the last and adds what is new in the product. */
static void step(struct basis_vectors *v, lanczos_product *product, void *context)
{
    size_t b = v->b, m = v->m, n = v->n, wide = LANCZOS_STEPS * b, first = n - b;
    double *w = v->q + n * m, *h = xcalloc(b * n, sizeof *h);

    product(context, w, v->q + first * m, b);
    for (size_t i = 0; i < b; i++)
        v->scale = fmax(v->scale, sqrt(dot(w + i * m, w + i * m, m)));
    project_out(w, b, v->q, n, m, h);
    project_out(w, b, v->q, n, m, h);
    for (size_t i = 0; i < b; i++)
        for (size_t j = 0; j < n; j++)
            v->t[j * wide + first + i] =
                h[i * n + j]; /* above the diagonal, which is what is read */
    memset(v->r, 0, b * b * sizeof *v->r);
    for (size_t i = 0; i < b; i++)
        add_vector(v, n, 1e-14 * v->scale, v->r + i * b);
    free(h);
}

/* Eigenvalues of T, of all blocks but the last, and their vectors s (P,n); whether all residuals
 * are small. */
static bool solve(const struct basis_vectors *v, size_t P, double *values, double *s)
{
    size_t b = v->b, n = v->n - b, wide = LANCZOS_STEPS * b;
    double *t = xmalloc(n * n * sizeof *t);
    bool done = true;

    for (size_t i = 0; i < n; i++)
        memcpy(t + i * n, v->t + i * wide, n * sizeof *t);
    blas_eigen(n, t, P, values, s);
    for (size_t p = 0; p < P; p++) {
        double square = 0;
        for (size_t j = 0; j < b; j++) {
            double sum = 0;
            for (size_t i = 0; i < b; i++)
                sum += s[p * n + n - b + i] * v->r[i * b + j];
            square += sum * sum;
        }
        done = done && sqrt(square) <= 1e-13 * values[0];
    }
    free(t);
    return done;
}

size_t lanczos_block(size_t P)
{
    return (P + 4 + 7) / 8 * 8;
}

bool lanczos_find(size_t m, size_t P, lanczos_product *product, void *context, double *values,
                  double *vectors)
{
    size_t b = lanczos_block(P), wide = LANCZOS_STEPS * b, next = 2;
    struct basis_vectors v = {.m = m, .b = b};
    double *s = xmalloc(P * wide * sizeof *s);
    bool done = false;

    blas_open();
    v.q = xaligned(wide * m * sizeof *v.q);
    v.t = xaligned(wide * wide * sizeof *v.t);
    v.r = xcalloc(b * b, sizeof *v.r);
    rng_init(&v.rng, 0, RNG_PICK, 0);
    for (size_t i = 0; i < b; i++) {
        draw(&v, v.q + i * m);
        add_vector(&v, 0, 0, v.r);
    }
    for (size_t j = 1; j < LANCZOS_STEPS && !done; j++) {
        step(&v, product, context);
        progress_show(j, LANCZOS_STEPS, "components: step %zu of %d at most", j, LANCZOS_STEPS);
        if (j == next || j + 1 == LANCZOS_STEPS) {
            done = solve(&v, P, values, s);
            next = j + 1 + j / 6;
        }
    }
    progress_end();
    if (done)
        blas_dgemm(false, false, P, m, v.n - b, s, v.n - b, v.q, m, 0, vectors, m);
    free(v.q);
    free(v.t);
    free(v.r);
    free(s);
    return done;
}
