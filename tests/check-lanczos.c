/* Block Lanczos on matrices whose eigenvalues are known: I - 2uu' times a diagonal times I - 2uu',
 * u a fixed direction of length 1. */
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

static void multiply(void *context, double *w, const double *q, size_t b)
{
    size_t *n_products = context;

    ++*n_products;
    for (size_t k = 0; k < b; k++) {
        for (int i = 0; i < M; i++)
            w[k * M + i] = q[k * M + i];
        reflect(w + k * M);
        for (int i = 0; i < M; i++)
            w[k * M + i] *= diagonal[i];
        reflect(w + k * M);
    }
}

/* The diagonal is descending. */
static void check(const char *what, size_t P)
{
    double values[16], *v = xmalloc(P * M * sizeof *v), *w = xmalloc(P * M * sizeof *w), wrong = 0,
                       residue = 0, angle = 0;
    size_t n_products = 0, unused = 0;

    if (!lanczos_find(M, P, multiply, &n_products, values, v)) {
        printf("%s: did not converge\n", what);
        failed = 1;
        free(v);
        free(w);
        return;
    }
    multiply(&unused, w, v, P);
    for (size_t p = 0; p < P; p++) {
        wrong = fmax(wrong, fabs(values[p] - diagonal[p]));
        for (size_t i = 0; i < M; i++)
            residue = fmax(residue, fabs(w[p * M + i] - values[p] * v[p * M + i]));
        for (size_t q = 0; q <= p; q++) {
            double sum = p == q ? -1 : 0;
            for (size_t i = 0; i < M; i++)
                sum += v[p * M + i] * v[q * M + i];
            angle = fmax(angle, fabs(sum));
        }
    }
    if (wrong > 1e-13 * diagonal[0] || residue > 1e-12 * diagonal[0] || angle > 1e-12) {
        printf("%s, after %zu products: values wrong by %g, residue %g, angle %g\n", what,
               n_products, wrong, residue, angle);
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
    check("falling by a tenth", 4);
    for (int i = 0; i < M; i++)
        diagonal[i] = 1.0 / (i + 1);
    check("falling slowly", 10);
    for (int i = 0; i < M; i++)
        diagonal[i] = i < 3 ? 5 : i < 8 ? 4 : 1e-9;
    check("equal ones", 4);
    for (int i = 0; i < M; i++)
        diagonal[i] = i < 2 ? 3 - i : 0;
    check("rank 2", 4);
    for (int i = 0; i < M; i++)
        diagonal[i] = 7;
    check("all the same", 4);
    for (int i = 0; i < M; i++)
        diagonal[i] = 0;
    check("nothing", 4);
    return failed;
}
