/* Block Lanczos on matrices whose eigenvalues are known: I - 2uu' times a diagonal times I - 2uu',
 * u a fixed direction of length 1. Fast products are of numbers rounded to single precision. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/lanczos.h"
#include "base/report.h"

enum { M = 900 };

static double u[M], diagonal[M];
static int failed;

/* x -= 2 u (u.x) */
static void reflect(double *x)
{
    double sum = 0;

    for (int i = 0; i < M; i++)
        sum += u[i] * x[i];
    for (int i = 0; i < M; i++)
        x[i] -= 2 * u[i] * sum;
}

static double rounded(double x, bool fast)
{
    return fast ? (double)(float)x : x;
}

struct counts {
    size_t fast, exact;
};

static void multiply(void *context, double *w, const double *q, size_t b, bool fast)
{
    struct counts *c = context;

    ++*(fast ? &c->fast : &c->exact);
    for (size_t k = 0; k < b; k++) {
        for (int i = 0; i < M; i++)
            w[k * M + i] = rounded(q[k * M + i], fast);
        reflect(w + k * M);
        for (int i = 0; i < M; i++)
            w[k * M + i] = rounded(w[k * M + i] * diagonal[i], fast);
        reflect(w + k * M);
    }
}

/* The diagonal is descending. Vectors that are told apart, by GAP beside the largest value, must be
 * right to 1e-9, or as far as rounding lets them, after MOST exact products or fewer; others need a
 * small residual, as all vectors of an exact solution. */
static void check(const char *what, size_t P, double gap, size_t most)
{
    double values[16], *v = xmalloc(P * M * sizeof *v), *w = xmalloc(P * M * sizeof *w), wrong = 0,
                       residue = 0, angle = 0, error = 0;
    struct counts count = {0}, unused = {0};
    struct lanczos a = {.m = M,
                        .P = P,
                        .cost = 120,
                        .tolerance = 1e-9,
                        .none_share = 1e-13,
                        .product = multiply,
                        .context = &count};

    if (!lanczos_find(&a, values, v)) {
        printf("%s: did not converge\n", what);
        failed = 1;
        free(v);
        free(w);
        return;
    }
    multiply(&unused, w, v, P, false);
    for (size_t p = 0; p < P; p++) {
        wrong = fmax(wrong, fabs(values[p] - diagonal[p]));
        for (size_t i = 0; i < M && gap == 0; i++)
            residue = fmax(residue, fabs(w[p * M + i] - values[p] * v[p * M + i]));
        for (size_t q = 0; q <= p; q++) {
            double sum = p == q ? -1 : 0;
            for (size_t i = 0; i < M; i++)
                sum += v[p * M + i] * v[q * M + i];
            angle = fmax(angle, fabs(sum));
        }
    }
    for (size_t p = 0; p < P && gap > 0; p++) {
        reflect(v + p * M);
        for (size_t i = 0; i < M; i++)
            error = fmax(error, fabs(fabs(v[p * M + i]) - (i == p)));
    }
    if (wrong > 1e-13 * diagonal[0] || residue > 1e-12 * diagonal[0] || angle > 1e-12
        || error > fmax(1e-9, 1e-13 / gap) || count.exact > most) {
        printf("%s, after %zu fast and %zu exact products: values wrong by %g, residue %g, angle "
               "%g, error %g\n",
               what, count.fast, count.exact, wrong, residue, angle, error);
        failed = 1;
    }
    a.cost = 1;
    if (lanczos_find(&a, values, v) && diagonal[0] > diagonal[M - 1]) {
        printf("%s: found in one step\n", what);
        failed = 1;
    }
    free(v);
    free(w);
}

int main(void)
{
    double square = 0;

    report_init("check-lanczos");
    for (int i = 0; i < M; i++) {
        u[i] = sin(i + 1.0);
        square += u[i] * u[i];
    }
    for (int i = 0; i < M; i++)
        u[i] /= sqrt(square);
    for (int i = 0; i < M; i++)
        diagonal[i] = 1e6 * pow(0.9, i);
    check("falling by a tenth", 4, .07, 1);
    for (int i = 0; i < M; i++)
        diagonal[i] = 1.0 / (i + 1);
    check("falling slowly", 10, .009, 3);
    for (int i = 0; i < M; i++)
        diagonal[i] = i < 6 ? 1 - 1e-7 * i : 1.0 / i;
    check("nearly equal ones", 4, 1e-7, 60);
    for (int i = 0; i < M; i++)
        diagonal[i] = i < 3 ? 5 : i < 8 ? 4 : 1e-9;
    check("equal ones", 4, 0, 3);
    for (int i = 0; i < M; i++)
        diagonal[i] = i < 2 ? 3 - i : 0;
    check("rank 2", 4, 0, 3);
    for (int i = 0; i < M; i++)
        diagonal[i] = 7;
    check("all the same", 4, 0, 3);
    for (int i = 0; i < M; i++)
        diagonal[i] = 0;
    check("nothing", 4, 0, 3);
    return failed;
}
