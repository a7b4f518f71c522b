/* pca_fit on 2,000 random matrices of every aspect, against a singular value decomposition in
 * double precision by one-sided Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.6.3);
 * and on larger ones of each kind, a few components by passes against many by the whole matrix.
 *
 * Equal or nearly equal singular values leave their vectors open. So coordinates Y are held against
 * the centred rows X by what does not depend on the choice: YY' = XX', and Y'Y is diagonal with the
 * squares of the singular values. What has no place in X, rank beyond the rows, must be 0 exactly.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/pca.h"
#include "base/report.h"
#include "base/rng.h"
#include "base/sizes.h"

enum { MATRICES = 2000, MOST = 32, FEW = 6, MANY = 70, LARGE = 1100, LESS = 1030 };

static const char *const kinds[] = {
    "any",        "low rank",     "doubled rows", "constant columns", "doubled columns",
    "large mean", "all the same", "steep"};
enum { KINDS = sizeof kinds / sizeof *kinds };

static size_t below(struct rng *rng, size_t n)
{
    size_t i = (size_t)(rng_uniform(rng, 0, 1) * (double)n);

    return i < n ? i : n - 1;
}

/* x (n,D) of this kind. */
static void draw(double *x, size_t n, size_t D, size_t kind, struct rng *rng)
{
    double scale = pow(10, 8 * rng_uniform(rng, 0, 1) - 4);
    static double a[LARGE][MOST], b[MOST][LARGE];
    size_t rank = kind == 1 || kind == 7 ? 1 + below(rng, smaller(MOST, smaller(n, D))) : 0;

    for (size_t i = 0; i < n * D; i++)
        x[i] = scale * rng_normal(rng);
    for (size_t i = 0; i < rank; i++)
        for (size_t j = 0; j < (n > D ? n : D); j++) {
            a[j][i] = rng_normal(rng);
            b[i][j] = rng_normal(rng) * (kind == 7 ? pow(0.5, (double)(i % 12)) : 1);
        }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < D; j++) {
            double *v = &x[i * D + j];

            if (rank > 0) {
                *v = 0;
                for (size_t k = 0; k < rank; k++)
                    *v += scale * a[i][k] * b[k][j];
            } else if (kind == 2 && i >= (n + 1) / 2) {
                *v = x[(i - (n + 1) / 2) * D + j];
            } else if (kind == 3 && j % 3 == 1) {
                *v = scale * (double)j;
            } else if (kind == 4 && j >= (D + 1) / 2) {
                *v = x[i * D + j - (D + 1) / 2];
            } else if (kind == 5) {
                *v += 1e4 * scale;
            } else if (kind == 6) {
                *v = scale;
            }
        }
}

/* x (n,D) minus the mean of its rows. */
static void centre(double *x, size_t n, size_t D)
{
    for (size_t j = 0; j < D; j++) {
        long double sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += x[i * D + j];
        for (size_t i = 0; i < n; i++)
            x[i * D + j] = (double)(x[i * D + j] - sum / n);
    }
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* s (D), largest first: the singular values of x (n,D), whose columns are turned until they are at
 * right angles to one another. Destroys x. */
static void find_singular_values(double *s, double *x, size_t n, size_t D)
{
    bool turned = true;

    for (int sweep = 0; sweep < 60 && turned; sweep++) {
        turned = false;
        for (size_t p = 0; p < D; p++)
            for (size_t q = p + 1; q < D; q++) {
                double a = 0, b = 0, c = 0, zeta, t, cosine;

                for (size_t i = 0; i < n; i++) {
                    a += x[i * D + p] * x[i * D + p];
                    b += x[i * D + q] * x[i * D + q];
                    c += x[i * D + p] * x[i * D + q];
                }
                if (fabs(c) <= 1e-15 * sqrt(a * b) || c == 0)
                    continue;
                turned = true;
                zeta = (b - a) / (2 * c);
                t = copysign(1 / (fabs(zeta) + hypot(1, zeta)), zeta);
                cosine = 1 / hypot(1, t);
                for (size_t i = 0; i < n; i++) {
                    double u = x[i * D + p], v = x[i * D + q];

                    x[i * D + p] = cosine * (u - t * v);
                    x[i * D + q] = cosine * (t * u + v);
                }
            }
    }
    for (size_t j = 0; j < D; j++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += x[i * D + j] * x[i * D + j];
        s[j] = sqrt(sum);
    }
    qsort(s, D, sizeof *s, descending);
}

/* The coordinates y (n,P) and variances of the rows x (n,D), by way of a file. */
static void fit(struct pca *p, double *y, size_t P, const double *x, size_t n, size_t D,
                const char *path)
{
    struct npy_header header = {.dtype = NPY_F64, .rank = 2, .shape = {n, D}};
    struct tensor_writer *w = tensor_create(path, &header, TENSOR_LEVEL);
    struct tensor_reader *t;
    struct rows *r;

    tensor_write(w, x, n);
    tensor_commit(w, NULL);
    t = tensor_open(path);
    r = rows_read(t, NULL, 0, 1 << 30);
    pca_fit(p, r, P, PCA_SIGN_U, 1 << 30);
    for (size_t first = 0; first < n; first += PCA_BLOCK)
        pca_project(p, y + first * P, r, first, smaller(PCA_BLOCK, n - first));
    rows_free(r);
    tensor_close(t);
}

/* NULL, or what is wrong. */
static const char *compare(const struct pca *p, const double *y, const double *x, const double *s,
                           size_t n, size_t D)
{
    const double square = s[0] * s[0], tiny = 1e-8 * s[0];
    const size_t P = p->P;

    for (size_t k = 0; k < P; k++) {
        double length = 0, variance = (double)p->variance[k] * (double)(n - 1);

        for (size_t i = 0; i < n; i++)
            length += y[i * P + k] * y[i * P + k];
        if ((k + 1 >= n || s[k] <= tiny) && (length != 0 || variance != 0))
            return xformat("component %zu is not 0: length %g, singular value %g of %g", k + 1,
                           sqrt(length), s[k], s[0]);
        if (s[k] > 1e-5 * s[0] && s[k] > 0
            && (fabs(sqrt(length) / s[k] - 1) > 1e-4 || fabs(variance / (s[k] * s[k]) - 1) > 1e-4))
            return xformat("component %zu has length %.9g, want %.9g", k + 1, sqrt(length), s[k]);
        for (size_t l = 0; l < k; l++) {
            double sum = 0;

            for (size_t i = 0; i < n; i++)
                sum += y[i * P + k] * y[i * P + l];
            if (fabs(sum) > 1e-6 * square)
                return xformat("components %zu and %zu are not at right angles", l + 1, k + 1);
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double got = 0, want = 0;

            for (size_t k = 0; k < P; k++)
                got += y[i * P + k] * y[j * P + k];
            for (size_t k = 0; k < D; k++)
                want += x[i * D + k] * x[j * D + k];
            if (fabs(got - want) > 1e-6 * square)
                return xformat("rows %zu and %zu: product %g, want %g", i, j, got, want);
        }
    return NULL;
}

/* NULL, or what is wrong with FEW components y (n,FEW) where z (n,MANY) are right. Those of nearly
 * equal variance are held to no more than their product sums. */
static const char *compare_few(const struct pca *p, const double *y, const struct pca *q,
                               const double *z, size_t n)
{
    for (size_t k = 0; k < FEW; k++) {
        double variance = (double)q->variance[k], gap = INFINITY, largest = 0, sign = 1, wrong = 0;

        if (fabs((double)p->variance[k] - variance) > 1e-6 * variance)
            return xformat("variance %zu is %g, want %g", k + 1, (double)p->variance[k], variance);
        for (size_t l = 0; l <= k; l++) {
            double sum = 0, want = l == k ? variance * (double)(n - 1) : 0;

            for (size_t i = 0; i < n; i++)
                sum += y[i * FEW + k] * y[i * FEW + l];
            if (fabs(sum - want) > 1e-6 * (double)q->variance[0] * (double)(n - 1))
                return xformat("components %zu and %zu: product %g, want %g", l + 1, k + 1, sum,
                               want);
        }
        for (size_t l = 0; l <= FEW; l++)
            if (l != k)
                gap = fmin(gap, fabs((double)q->variance[l] - variance));
        for (size_t i = 0; i < n; i++)
            if (fabs(z[i * MANY + k]) > largest) {
                largest = fabs(z[i * MANY + k]);
                sign = z[i * MANY + k] * y[i * FEW + k] < 0 ? -1 : 1;
            }
        for (size_t i = 0; i < n; i++)
            wrong = fmax(wrong, fabs(z[i * MANY + k] - sign * y[i * FEW + k]));
        if (wrong > 1e-4 * largest && gap > 1e-6 * (double)q->variance[0])
            return xformat("component %zu is wrong by %g of %g", k + 1, wrong, largest);
    }
    return NULL;
}

static int check_large(const char *path)
{
    double *x = xmalloc(LARGE * LESS * sizeof *x), *y = xmalloc(LARGE * FEW * sizeof *y);
    double *z = xmalloc(LARGE * MANY * sizeof *z);
    int failed = 0;

    for (size_t kind = 0; kind < KINDS; kind++) {
        size_t n = kind % 2 ? LARGE : LESS, D = kind % 2 ? LESS : LARGE;
        struct pca p, q;
        struct rng rng;
        const char *wrong;

        rng_init(&rng, kind, RNG_TEST, 0);
        draw(x, n, D, kind, &rng);
        fit(&p, y, FEW, x, n, D, path);
        fit(&q, z, MANY, x, n, D, path);
        wrong = compare_few(&p, y, &q, z, n);
        if (wrong) {
            printf("by passes, %s, (%zu,%zu): %s\n", kinds[kind], n, D, wrong);
            failed++;
        }
        pca_release(&p);
        pca_release(&q);
    }
    printf("%d of %d large matrices differ\n", failed, KINDS);
    free(x);
    free(y);
    free(z);
    return failed;
}

int main(void)
{
    static double x[MOST * MOST], turned[MOST * MOST], y[MOST * MOST], s[MOST];
    char *path = xformat("check-pca-%ld.npy", (long)getpid());
    int failed = 0;

    report_init("check-pca");
    omp_set_num_threads(1); /* small matrices: several threads would wait for one another */
    for (size_t m = 0; m < MATRICES; m++) {
        struct rng rng;
        struct pca p;
        const char *wrong;
        size_t n, D;

        rng_init(&rng, m, RNG_PICK, 0);
        n = 2 + below(&rng, MOST - 1);
        D = 1 + below(&rng, MOST);
        if (m % 7 == 0)
            n = 2 + below(&rng, 4);
        draw(x, n, D, m % KINDS, &rng);
        fit(&p, y, smaller(n, D), x, n, D, path);
        centre(x, n, D);
        memcpy(turned, x, n * D * sizeof *x);
        find_singular_values(s, turned, n, D);
        wrong = compare(&p, y, x, s, n, D);
        if (wrong) {
            printf("matrix %zu, %s, (%zu,%zu): %s\n", m, kinds[m % KINDS], n, D, wrong);
            failed++;
        }
        pca_release(&p);
    }
    printf("%d of %d matrices differ\n", failed, MATRICES);
    failed += check_large(path);
    unlink(path);
    free(path);
    return failed > 0;
}
