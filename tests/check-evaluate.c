/* What evaluate measures with, where the value is known: information of divisions, clusters that
 * stand apart, intervals, and fidelity against its definition in two dimensions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/cluster.h"
#include "analysis/fidelity.h"
#include "analysis/interval.h"
#include "base/report.h"
#include "base/rng.h"

static int failed;

static void near(const char *what, double got, double want, double most)
{
    if (!(fabs(got - want) <= most)) {
        printf("%s: %.9g, want %.9g\n", what, got, want);
        failed = 1;
    }
}

/* Values by scikit-learn 1.2, normalized_mutual_info_score. */
static void check_information(void)
{
    const size_t a[] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 2}, b[] = {1, 1, 0, 0, 0, 0, 2, 2, 2, 1};
    const size_t one[10] = {0};
    const uint32_t some[] = {0, 0, 3, 3};

    near("of a division and itself", cluster_information(a, 3, a, 3, NULL, 10), 1, 1e-12);
    near("of two divisions", cluster_information(a, 3, b, 3, NULL, 10), 0.618066, 1e-6);
    near("of a division and one part", cluster_information(a, 3, one, 1, NULL, 10), 0, 1e-12);
    near("of one part and one part", cluster_information(one, 1, one, 1, NULL, 10), 1, 1e-12);
    near("of rows drawn twice", cluster_information(a, 3, b, 3, some, 4), 1, 1e-12);
}

/* Three clouds far apart are found, whatever the seed. */
static void check_clusters(void)
{
    enum { N = 90, D = 5 };
    double x[N * D];
    size_t found[N], class_of[N];
    struct rng rng;
    struct rows *r = rows_create("clouds", NPY_F64, N, D, 1 << 20);

    rng_init(&rng, 1, RNG_TEST, 0);
    for (size_t i = 0; i < N; i++) {
        class_of[i] = i % 3;
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = rng_normal(&rng) + (j == class_of[i] ? 50 : 1000);
    }
    rows_append(r, x, N);
    for (uint64_t seed = 0; seed < 5; seed++) {
        cluster_find(found, r, 3, seed);
        near("three clouds", cluster_information(class_of, 3, found, 3, NULL, N), 1, 1e-12);
    }
    rows_free(r);
}

/* Of n values that are 0 or 1 alike often: half, and 1.96 standard errors to both sides. */
static void check_interval(void)
{
    enum { N = 400 };
    float scores[N];
    uint32_t rows[N];
    struct interval v;

    for (uint32_t i = 0; i < N; i++) {
        scores[i] = (float)(i % 2);
        rows[i] = i;
    }
    v = interval_mean(scores, rows, N, 0);
    near("mean", v.value, 0.5, 1e-12);
    near("low", v.low, 0.5 - 1.96 * 0.5 / sqrt(N), 0.006);
    near("high", v.high, 0.5 + 1.96 * 0.5 / sqrt(N), 0.006);
}

/* SSIM of one channel by its definition: the whole window at every place. */
static double plain_ssim(const float *x, const float *y, int H, int W)
{
    double sum = 0, total = 0;

    for (int u = -5; u <= 5; u++)
        for (int v = -5; v <= 5; v++)
            total += exp(-(u * u + v * v) / 4.5);
    for (int i = 5; i < H - 5; i++)
        for (int j = 5; j < W - 5; j++) {
            double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

            for (int u = -5; u <= 5; u++)
                for (int v = -5; v <= 5; v++) {
                    double g = exp(-(u * u + v * v) / 4.5) / total;
                    double a = (double)x[(i + u) * W + j + v], b = (double)y[(i + u) * W + j + v];

                    mx += g * a;
                    my += g * b;
                    xx += g * a * a;
                    yy += g * b * b;
                    xy += g * a * b;
                }
            sum += (2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4)
                / ((mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4));
        }
    return sum / ((H - 10) * (W - 10));
}

static void check_fidelity(void)
{
    enum { H = 17, W = 13 };
    float x[H * W], y[H * W];
    double square = 0, entropy = 0;
    struct fidelity f;
    struct rng rng;

    rng_init(&rng, 2, RNG_TEST, 0);
    for (int i = 0; i < H * W; i++) {
        x[i] = (float)rng_uniform(&rng, 0, 1);
        y[i] = (float)(0.7 * (double)x[i] + rng_uniform(&rng, 0.01, 0.25));
        square += ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]) / (H * W);
        entropy -= ((double)x[i] * log((double)y[i]) + (1 - (double)x[i]) * log(1 - (double)y[i]))
            / (H * W);
    }
    f = fidelity_of(x, y, H, W, 1);
    near("mse", f.mse, square, 1e-9);
    near("psnr", f.psnr, -10 * log10(square), 1e-6);
    near("bce", f.bce, entropy, 1e-6);
    near("ssim", f.ssim, plain_ssim(x, y, H, W), 1e-9);
    near("ssim of an image and itself", fidelity_of(x, x, H, W, 1).ssim, 1, 1e-12);
    if (!isnan(fidelity_of(x, y, 10, W, 1).ssim)) {
        printf("ssim of an image lower than the window: want none\n");
        failed = 1;
    }
}

int main(void)
{
    report_init("check-evaluate");
    check_information();
    check_clusters();
    check_interval();
    check_fidelity();
    return failed;
}
