#include "analysis/lanczos.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blas.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/rng.h"
#include "base/sizes.h"
#include "base/vectors.h"

enum {
    COLUMNS = 256,  /* of one call of BLAS */
    ROWS = 32,      /* likewise */
    GROUP = 8,      /* vectors made orthogonal to the others at once: divides the block */
    ROOM = 512,     /* vectors kept, or eight blocks where that is more */
    EXACT_COST = 2, /* of a product, in fast ones */
    LANES = 8,      /* sums side by side: fixed, so that every processor adds in the same order */
};

/* Beside the largest eigenvalue: the error of a fast product, unless more is seen; the residual of
 * an exact solution, and one that suffices for most spectra. */
static const double FAST = 0x1p-22, EXACT = 1e-13, GOAL = 1e-9;

/* A round, what it starts from, and what went before. */
struct round {
    const struct lanczos *of;
    size_t b, n, n_exact; /* n vectors so far, the last b of them the current block; those whose
                             product was exact */
    size_t room;
    double *q;    /* (room,m) */
    double *t;    /* (room,room): q A q' of the blocks that were multiplied, on and above the
                     diagonal */
    double scale; /* of A: the longest row of a product so far */
    double *r;    /* (b,b): row i of what the current block leaves over is sum_j r[i][j] of the next
                     block's rows */
    double *values, *s; /* (b), (b,n): of t, largest first */
    struct rng rng;
    bool all_exact;
    double error; /* of a fast product, beside the largest eigenvalue */
    double cost;
    double worst_before, cost_before; /* when rounds were last compared */
};

VECTORS static double dot(const double *x, const double *y, size_t m)
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

/* x (m) -= share * y */
VECTORS static void subtract(double *restrict x, double share, const double *restrict y, size_t m)
{
    for (size_t i = 0; i < m; i++)
        x[i] -= share * y[i];
}

/* w (GROUP,m) -= (w q') q for the n rows of q; h (GROUP,n) += w q'. part: (GROUP,n) */
static void project_out(double *w, const double *q, size_t n, size_t m, double *h, double *part)
{
#pragma omp parallel for schedule(dynamic)
    for (size_t j = 0; j < n; j += ROWS)
        blas_dgemm(false, true, GROUP, smaller(ROWS, n - j), m, w, m, q + j * m, m, 0, part + j, n);
    for (size_t i = 0; i < GROUP * n; i++) {
        h[i] += part[i];
        part[i] = -part[i];
    }
#pragma omp parallel for schedule(dynamic)
    for (size_t c = 0; c < m; c += COLUMNS)
        blas_dgemm(false, false, GROUP, smaller(COLUMNS, m - c), n, part, n, q + c, m, 1, w + c, m);
}

static void draw(struct round *v, double *row)
{
    for (size_t i = 0; i < v->of->m; i++)
        row[i] = rng_normal(&v->rng);
}

/* Makes row `n` of q of length 1 and at right angles to those from FIRST on, and to all where
 * little is left of it; adds to r[j] what it had of row NEXT+j. A row of which nothing but rounding
 * is left, below FLOOR, becomes a random one, and no part of what it was. */
static void add_vector(struct round *v, size_t first, size_t next, double floor, double *r)
{
    size_t m = v->of->m;
    double *row = v->q + v->n * m, before = sqrt(dot(row, row, m)), begun = before, length;
    bool fresh = before <= floor;

    for (int round = 0; round < 5; round++) {
        if (fresh && round == 0) {
            draw(v, row);
            begun = before = sqrt(dot(row, row, m));
        }
        for (size_t j = fresh || before < 1e-2 * begun ? 0 : first; j < v->n; j++) {
            double share = dot(row, v->q + j * m, m);
            subtract(row, share, v->q + j * m, m);
            if (!fresh && j >= next)
                r[j - next] += share;
        }
        length = sqrt(dot(row, row, m));
        if (length > 0.7 * before)
            break;
        if (!fresh && length <= floor) {
            fresh = true;
            round = -1;
        }
        before = length;
    }
    if (!fresh)
        r[v->n - next] = length;
    for (size_t i = 0; i < m; i++)
        row[i] /= length;
    v->n++;
}

/* One more block: multiplies the last and adds what is new in the product. */
static void step(struct round *v, bool fast)
{
    size_t b = v->b, m = v->of->m, next = v->n, first = next - b;
    double *h = xmalloc(GROUP * (next + b) * sizeof *h), *w = v->q + next * m;
    double *part = xmalloc(GROUP * (next + b) * sizeof *part);

    v->of->product(v->of->context, w, v->q + first * m, b, fast);
    if (!fast)
        v->n_exact = next;
    for (size_t i = 0; i < b; i++)
        v->scale = fmax(v->scale, sqrt(dot(w + i * m, w + i * m, m)));
    memset(v->r, 0, b * b * sizeof *v->r);
    for (size_t g = 0; g < b; g += GROUP) {
        size_t n = v->n;
        memset(h, 0, GROUP * n * sizeof *h);
        project_out(v->q + n * m, v->q, n, m, h, part);
        project_out(v->q + n * m, v->q, n, m, h, part);
        for (size_t i = 0; i < GROUP; i++) {
            memcpy(v->t + (first + g + i) * v->room + first, h + i * n + first, b * sizeof *h);
            memcpy(v->r + (g + i) * b, h + i * n + next, g * sizeof *h);
            add_vector(v, n, next, 1e-14 * v->scale, v->r + (g + i) * b);
        }
    }
    for (size_t i = 0; i < b; i++) /* by symmetry: of the first product where the next is fast */
        memcpy(v->t + (first + i) * v->room + next, v->r + i * b, b * sizeof *v->r);
    free(h);
    free(part);
}

static double length(const double *x, size_t n)
{
    return sqrt(dot(x, x, n));
}

/* Whether vector k of those in `values` is good enough, by the residuals of all. */
static bool is_found(const struct lanczos *a, const double *values, const double *residuals,
                     size_t k)
{
    double gap = values[k] - values[a->P] - residuals[a->P], sum = 1;

    if (values[k] + residuals[k] <= fmax(a->none, a->none_share * values[0])
        || residuals[k] <= EXACT * values[0])
        return true;
    for (size_t i = 0; i < a->P; i++)
        if (i != k)
            sum += pow(residuals[i] / fmax(fabs(values[k] - values[i]), DBL_MIN), 2)
                * fmax(1, values[i] / fmax(values[k], DBL_MIN));
    return gap > 0 && residuals[k] * sqrt(sum) <= a->tolerance * gap;
}

/* The eigenvalues and vectors of T, of all blocks but the last. Returns the worst residual of those
 * that are not good enough, beside the largest eigenvalue; 0: all are. ENDS where more steps of
 * this round would not better them. */
static double solve(struct round *v, bool *ends)
{
    size_t b = v->b, n = v->n - b, P = v->of->P;
    double *t = xmalloc(n * n * sizeof *t), *last = xmalloc((P + 1) * b * sizeof *last), worst = 0;
    double *residuals = xmalloc((P + 1) * sizeof *residuals), error;

    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            t[i * n + j] = j < i / b * b + 2 * b ? v->t[i * v->room + j] : 0;
    blas_eigen(n, t, b, v->values, v->s);
    blas_dgemm(false, false, P + 1, b, b, v->s + n - b, n, v->r, b, 0, last, b);
    *ends = true;
    for (size_t k = 0; k <= P; k++) {
        residuals[k] = length(last + k * b, b);
        error = v->error * v->values[0] * length(v->s + k * n + v->n_exact, n - v->n_exact);
        *ends = *ends && (k == P || residuals[k] <= fmax(error, EXACT * v->values[0]));
        residuals[k] += error;
    }
    for (size_t k = 0; k < P; k++)
        if (!is_found(v->of, v->values, residuals, k))
            worst = fmax(worst, residuals[k] / v->values[0]);
    free(t);
    free(last);
    free(residuals);
    return worst;
}

/* x (n,m) = the first n vectors that T gives. */
static void find_vectors(const struct round *v, double *x, size_t n)
{
    size_t m = v->of->m, width = v->n - v->b;

#pragma omp parallel for schedule(dynamic)
    for (size_t c = 0; c < m; c += COLUMNS)
        blas_dgemm(false, false, n, smaller(COLUMNS, m - c), width, v->s, width, v->q + c, m, 0,
                   x + c, m);
}

static void restart(struct round *v)
{
    size_t m = v->of->m;
    double *x = xaligned(v->b * m * sizeof *x);

    find_vectors(v, x, v->b);
    memcpy(v->q, x, v->b * m * sizeof *x);
    v->n = v->b;
    v->n_exact = 0;
    free(x);
}

size_t lanczos_block(size_t P)
{
    return divide_up(P + GROUP, GROUP) * GROUP;
}

size_t lanczos_room(size_t P)
{
    size_t b = lanczos_block(P);

    return 8 * b > ROOM ? 8 * b : ROOM / b * b;
}

/* Draws the first block. */
static void begin(struct round *v)
{
    rng_init(&v->rng, 0, RNG_PICK, 0);
    for (size_t i = 0; i < v->b; i++) {
        draw(v, v->q + i * v->of->m);
        add_vector(v, 0, 0, 0, v->r);
    }
}

/* Compares a round with the one before, by their worst residuals: whether more like these would
 * lead to the goal at the cost that is left, and whether with fast products. */
static bool goes_on(struct round *v, double worst, bool exact)
{
    double spent = v->cost - v->cost_before, left = v->of->cost - v->cost;

    if (worst >= v->worst_before || spent * log(worst / GOAL) > left * log(v->worst_before / worst))
        return false;
    if (exact && !v->all_exact) /* the fast products before have left nothing else to find */
        v->error = fmax(v->error, 2 * worst);
    v->all_exact = v->all_exact || (exact && worst > v->worst_before / 4);
    v->worst_before = worst;
    v->cost_before = v->cost;
    return true;
}

bool lanczos_find(const struct lanczos *a, double *values, double *vectors)
{
    size_t b = lanczos_block(a->P), room = lanczos_room(a->P);
    struct round v = {.of = a, .b = b, .room = room, .error = FAST, .worst_before = 1};
    bool exact_first = false, ends;
    double worst = 1;

    blas_open();
    v.q = xlarge(room * a->m * sizeof *v.q);
    v.t = xaligned(room * room * sizeof *v.t);
    v.r = xcalloc(b * b, sizeof *v.r);
    v.values = xmalloc(b * sizeof *v.values);
    v.s = xmalloc(b * room * sizeof *v.s);
    begin(&v);
    for (size_t i = 1, next = 2; worst > 0 && v.cost < a->cost; i++) {
        bool full = v.n + 2 * b > room, exact = v.all_exact || (exact_first && i == 1);
        step(&v, !exact);
        v.cost += exact ? EXACT_COST : 1;
        progress_show((size_t)v.cost, (size_t)a->cost, "components: step %.0f of %.0f at most",
                      v.cost, a->cost);
        if (i < next && !full && v.cost < a->cost)
            continue;
        next = i + 1 + i / 4;
        worst = solve(&v, &ends);
        if (worst > 0 && ((exact && i == 1) || (full && v.n_exact == 0))
            && !goes_on(&v, worst, exact))
            break;
        if (worst > 0 && (ends || full)) {
            if (ends && v.n_exact == 0)
                v.worst_before = INFINITY; /* hereafter it is the error of fast products */
            exact_first = ends || v.n_exact > 0;
            restart(&v);
            i = 0;
            next = 1;
        }
    }
    progress_end();
    if (worst == 0) {
        memcpy(values, v.values, a->P * sizeof *values);
        find_vectors(&v, vectors, a->P);
    }
    free(v.q);
    free(v.t);
    free(v.r);
    free(v.values);
    free(v.s);
    return worst == 0;
}
