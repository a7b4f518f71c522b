/* Products and eigenvectors of blas against the definitions. Prints the name of the kernels in use.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/blas.h"
#include "base/report.h"
#include "base/rng.h"

static int failed;

static void check(const char *what, size_t M, size_t N, size_t K, double error, double limit)
{
    if (error <= limit)
        return;
    printf("%s (%zu,%zu,%zu): error %g, want at most %g\n", what, M, N, K, error, limit);
    failed = 1;
}

static double *random_matrix(struct rng *r, size_t n)
{
    double *a = xmalloc(n * sizeof *a);

    for (size_t i = 0; i < n; i++)
        a[i] = rng_uniform(r, -1, 1);
    return a;
}

static float *narrow(const double *a, size_t n)
{
    float *b = xmalloc(n * sizeof *b);

    for (size_t i = 0; i < n; i++)
        b[i] = (float)a[i];
    return b;
}

/* c = op(a) op(b) + beta c in both precisions; rows of the stored matrices lie 3 numbers further
 * apart than they need. */
static void check_product(struct rng *r, size_t M, size_t N, size_t K, bool ta, bool tb,
                          double beta)
{
    size_t lda = (ta ? M : K) + 3, ldb = (tb ? K : N) + 3, ldc = N + 3;
    size_t na = (ta ? K : M) * lda, nb = (tb ? N : K) * ldb, nc = M * ldc;
    double *a = random_matrix(r, na), *b = random_matrix(r, nb), *c = random_matrix(r, nc),
           *want = xmalloc(nc * sizeof *want);
    float *fa = narrow(a, na), *fb = narrow(b, nb), *fc = narrow(c, nc);
    double error = 0, float_error = 0;

    for (size_t i = 0; i < nc; i++)
        want[i] = c[i];
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = beta * c[i * ldc + j];
            for (size_t k = 0; k < K; k++)
                sum +=
                    (ta ? a[k * lda + i] : a[i * lda + k]) * (tb ? b[j * ldb + k] : b[k * ldb + j]);
            want[i * ldc + j] = sum;
        }
    blas_dgemm(ta, tb, M, N, K, a, lda, b, ldb, beta, c, ldc);
    blas_sgemm(ta, tb, M, N, K, fa, lda, fb, ldb, (float)beta, fc, ldc);
    for (size_t i = 0; i < nc; i++) {
        error = fmax(error, fabs(c[i] - want[i]));
        float_error = fmax(float_error, fabs((double)fc[i] - want[i]));
    }
    check("dgemm", M, N, K, error, 1e-13 * (double)(K + 1));
    check("sgemm", M, N, K, float_error, 1e-6 * (double)(K + 1));
    free(a);
    free(b);
    free(c);
    free(want);
    free(fa);
    free(fb);
    free(fc);
}

/* The P largest: a v = value v, in descending order, and v of length 1 at right angles to one
 * another. */
static void check_eigen(struct rng *r, size_t N, size_t P)
{
    double *x = random_matrix(r, N * N), *a = xmalloc(N * N * sizeof *a),
           *copy = xmalloc(N * N * sizeof *copy);
    double *values = xmalloc(N * sizeof *values), *v = xmalloc(P * N * sizeof *v), residue = 0,
           angle = 0, order = 0, trace = 0;

    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            a[i * N + j] = 0;
            for (size_t k = 0; k < N; k++)
                a[i * N + j] += x[i * N + k] * x[j * N + k];
            copy[i * N + j] =
                i <= j ? a[i * N + j] : NAN; /* only the part above the diagonal may be read */
        }
    blas_eigen(N, copy, P, values, v);
    for (size_t p = 0; p < P; p++) {
        order = fmax(order, p > 0 ? values[p] - values[p - 1] : 0);
        trace += values[p] - a[p * N + p];
        for (size_t i = 0; i < N; i++) {
            double sum = 0;
            for (size_t j = 0; j < N; j++)
                sum += a[i * N + j] * v[p * N + j];
            residue = fmax(residue, fabs(sum - values[p] * v[p * N + i]));
        }
        for (size_t q = 0; q <= p; q++) {
            double sum = q == p ? -1 : 0;
            for (size_t j = 0; j < N; j++)
                sum += v[p * N + j] * v[q * N + j];
            angle = fmax(angle, fabs(sum));
        }
    }
    check("eigenvectors, a v = value v", N, P, 0, residue, 1e-12 * (double)N);
    check("eigenvectors, right angles", N, P, 0, angle, 1e-12 * (double)N);
    check("eigenvalues, descending", N, P, 0, order, 0);
    check("eigenvalues, their sum", N, P, 0, P == N ? fabs(trace) : 0, 1e-12 * (double)(N * N));
    free(x);
    free(a);
    free(copy);
    free(values);
    free(v);
}

int main(void)
{
    struct rng r;

    report_init("check-blas");
    rng_init(&r, 1, RNG_TEST, 0);
    blas_open();
    for (int i = 0; i < 60; i++)
        check_product(&r, 1 + rng_below(&r, 70), 1 + rng_below(&r, 70), 1 + rng_below(&r, 90),
                      i & 1, i & 2, i & 4 ? 1 : 0);
    for (size_t n = 1; n < 60; n += 7) {
        check_eigen(&r, n, n);
        check_eigen(&r, n, 1 + n / 3);
    }
    puts(blas_core());
    return failed;
}
