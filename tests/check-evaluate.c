/* What evaluate measures with, where the value is known: information of divisions, clusters that
 * stand apart, silhouettes by their definition, intervals, fidelity against its definition in two
 * dimensions, copies of images likewise, and rows whose order is known. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/cluster.h"
#include "analysis/fidelity.h"
#include "analysis/interval.h"
#include "analysis/retrieval.h"
#include "analysis/silhouette.h"
#include "base/report.h"
#include "base/rng.h"
#include "pictures/copies.h"
#include "pictures/resize.h"

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
/* s of row I by the definition, in long double. */
static double silhouette_of(const double *x, size_t n, size_t D, const size_t *class_of,
                            size_t n_classes, size_t i)
{
    long double a = 0, b = INFINITY;

    for (size_t c = 0; c < n_classes; c++) {
        long double sum = 0;
        size_t others = 0;

        for (size_t j = 0; j < n; j++) {
            long double square = 0;

            if (class_of[j] != c || j == i)
                continue;
            for (size_t d = 0; d < D; d++)
                square += powl((long double)x[i * D + d] - x[j * D + d], 2);
            sum += sqrtl(square);
            others++;
        }
        if (c == class_of[i] && others == 0)
            return 0;
        if (c == class_of[i])
            a = sum / others;
        else if (others > 0)
            b = fminl(b, sum / others);
    }
    return (double)((b - a) / fmaxl(a, b));
}

/* Rows of several blocks; a class of one row, and one of none; each pair once or both ways. */
static void check_silhouette(void)
{
    enum { N = 2500, D = 3, CLASSES = 5 };
    double *x = xmalloc(sizeof(double[N * D])), *s = xmalloc(sizeof(double[N]));
    double *both_ways = xmalloc(sizeof(double[N]));
    size_t class_of[N];
    struct rng rng;
    struct rows *r = rows_create("clouds", NPY_F64, N, D, 1 << 20);

    rng_init(&rng, 2, RNG_TEST, 0);
    for (size_t i = 0; i < N; i++) {
        class_of[i] = i == 1700 ? 3 : rng_below(&rng, 3);
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = 100 + rng_normal(&rng) + (j == class_of[i] ? 2 : 0);
    }
    rows_append(r, x, N);
    silhouette_find(s, r, class_of, CLASSES, 1 << 20);
    silhouette_find(both_ways, r, class_of, CLASSES, 0);
    for (size_t i = 0; i < N; i++)
        near("each pair once", s[i], both_ways[i], 1e-13);
    for (size_t i = 0; i < N; i += 17)
        near("a silhouette", s[i], silhouette_of(x, N, D, class_of, CLASSES, i), 1e-10);
    near("alone in its class", s[1700], 0, 0);
    rows_free(r);
    free(x);
    free(s);
    free(both_ways);
}

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
    double f[N_FIDELITIES];
    struct rng rng;

    rng_init(&rng, 2, RNG_TEST, 0);
    for (int i = 0; i < H * W; i++) {
        x[i] = (float)rng_uniform(&rng, 0, 1);
        y[i] = (float)(0.7 * (double)x[i] + rng_uniform(&rng, 0.01, 0.25));
        square += ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]) / (H * W);
        entropy -= ((double)x[i] * log((double)y[i]) + (1 - (double)x[i]) * log(1 - (double)y[i]))
            / (H * W);
    }
    fidelity_of(f, x, y, H, W, 1);
    near("mse", f[FIDELITY_MSE], square, 1e-9);
    near("psnr", f[FIDELITY_PSNR], -10 * log10(square), 1e-6);
    near("bce", f[FIDELITY_BCE], entropy, 1e-6);
    near("ssim", f[FIDELITY_SSIM], plain_ssim(x, y, H, W), 1e-9);
    fidelity_of(f, x, x, H, W, 1);
    near("ssim of an image and itself", f[FIDELITY_SSIM], 1, 1e-12);
    fidelity_of(f, x, y, 10, W, 1);
    if (!isnan(f[FIDELITY_SSIM])) {
        printf("ssim of an image lower than the window: want none\n");
        failed = 1;
    }
}

enum { H = 13, W = 18, BYTES = H * W * 3 };

static void wrong(const char *what)
{
    printf("%s\n", what);
    failed = 1;
}

static void fill(uint8_t *image, uint64_t number)
{
    struct rng rng;

    rng_init(&rng, 3, RNG_TEST, number);
    for (int i = 0; i < BYTES; i++)
        image[i] = (uint8_t)(rng_below(&rng, 60) + (uint32_t)(i / 5) % 180);
}

static void check_mirrored(void)
{
    uint8_t image[BYTES], once[BYTES], twice[BYTES];

    fill(image, 0);
    copy_make(once, image, H, W, COPY_MIRRORED, 0, 0);
    copy_make(twice, once, H, W, COPY_MIRRORED, 0, 0);
    if (memcmp(image, twice, BYTES) != 0 || memcmp(image, once, BYTES) == 0
        || memcmp(image + 3, once + (W - 2) * 3, 3) != 0)
        wrong("mirrored: not what it was from the other side");
}

/* A crop is one of the windows of 11 rows and 15 columns; which, the number decides. */
static void check_cropped(void)
{
    enum { h = 11, w = 15 };
    uint8_t image[BYTES], copy[BYTES], want[BYTES];
    bool seen[H - h + 1][W - w + 1] = {{0}};
    int n_seen = 0;

    fill(image, 1);
    for (uint64_t number = 0; number < 200; number++) {
        int n = 0;

        copy_make(copy, image, H, W, COPY_CROPPED, 5, number);
        for (int top = 0; top <= H - h; top++)
            for (int left = 0; left <= W - w; left++) {
                resize_bilinear(want, H, W, image + (top * W + left) * 3, h, w, W * 3);
                if (memcmp(copy, want, BYTES) == 0) {
                    n++;
                    n_seen += !seen[top][left];
                    seen[top][left] = true;
                }
            }
        if (n != 1)
            wrong("cropped: no window of the image");
    }
    near("places of crops", n_seen, (H - h + 1) * (W - w + 1), 0);
}

/* By the definition of the transform in two dimensions, each coefficient a sum over all pixels. */
static void compress_plainly(double *block, const int *steps)
{
    double out[64] = {0};

    for (int u = 0; u < 8; u++)
        for (int v = 0; v < 8; v++) {
            double scale = (u ? 0.5 : sqrt(0.125)) * (v ? 0.5 : sqrt(0.125)), sum = 0;

            for (int k = 0; k < 64; k++)
                sum += block[k] * scale * cos((2 * (k / 8) + 1) * u * M_PI / 16)
                    * cos((2 * (k % 8) + 1) * v * M_PI / 16);
            sum = steps[u * 8 + v] * round(sum / steps[u * 8 + v]);
            for (int k = 0; k < 64; k++)
                out[k] += sum * scale * cos((2 * (k / 8) + 1) * u * M_PI / 16)
                    * cos((2 * (k % 8) + 1) * v * M_PI / 16);
        }
    memcpy(block, out, sizeof out);
}

/* Grey images, whose chroma is 0. The steps are libjpeg's for quality 30, as it writes them. */
static void check_recompressed(void)
{
    static const int steps[64] = {27,  18,  17,  27,  40,  66,  85,  101, 20,  20,  23,  32,  43,
                                  96,  100, 91,  23,  22,  27,  40,  66,  95,  115, 93,  23,  28,
                                  37,  48,  85,  144, 133, 103, 30,  37,  61,  93,  113, 181, 171,
                                  128, 40,  58,  91,  106, 134, 173, 188, 153, 81,  106, 129, 144,
                                  171, 201, 199, 168, 120, 153, 158, 163, 186, 166, 171, 164};
    uint8_t image[BYTES], copy[BYTES];
    int changed = 0;

    fill(image, 2);
    for (int i = 0; i < BYTES; i++)
        image[i] = image[i / 3 * 3];
    copy_make(copy, image, H, W, COPY_RECOMPRESSED, 0, 0);
    for (int top = 0; top < H; top += 8)
        for (int left = 0; left < W; left += 8) {
            double block[64];

            for (int k = 0; k < 64; k++) {
                int i = top + k / 8 < H ? top + k / 8 : H - 1;
                int j = left + k % 8 < W ? left + k % 8 : W - 1;

                block[k] = image[(i * W + j) * 3] - 128;
            }
            compress_plainly(block, steps);
            for (int k = 0; k < 64; k++) {
                int at = ((top + k / 8) * W + left + k % 8) * 3;

                if (top + k / 8 >= H || left + k % 8 >= W)
                    continue;
                for (int c = 0; c < 3; c++)
                    near("recompressed", copy[at + c], fmin(fmax(block[k] + 128, 0), 255), 0.51);
                changed += copy[at] != image[at];
            }
        }
    if (changed < H * W / 2)
        wrong("recompressed: hardly changed");
}

/* Row i is at i; a copy of each of the first kind stays, of the second lies nearest to the next, of
 * the third beyond the seventh. */
static void check_retrieval(void)
{
    enum { N = 150, OFF = 20 };
    struct rows *images = rows_create("line", NPY_F32, N, 1, 1 << 20), *copies[COPY_KINDS];
    const float shifts[COPY_KINDS] = {0, 0.6f, 3.2f};
    struct retrieval a;
    size_t own[OFF];

    for (int i = 0; i < N; i++)
        rows_append(images, &(float){(float)i}, 1);
    for (int c = 0; c < COPY_KINDS; c++) {
        copies[c] = rows_create("copies", NPY_F32, OFF, 1, 1 << 20);
        for (int i = 0; i < OFF; i++) {
            own[i] = (size_t)(5 * i + 10);
            rows_append(copies[c], &(float){(float)own[i] + shifts[c]}, 1);
        }
    }
    retrieval_fill(&a, images, copies, own, OFF, 0);
    near("itself", a.of[0][RETRIEVAL_TOP_1].value, 1, 0);
    near("second", a.of[1][RETRIEVAL_TOP_1].value, 0, 0);
    near("second of five", a.of[1][RETRIEVAL_TOP_5].value, 1, 0);
    near("second, reciprocal", a.of[1][RETRIEVAL_RECIPROCAL].value, 0.5, 1e-7);
    near("seventh of five", a.of[2][RETRIEVAL_TOP_5].value, 0, 0);
    near("seventh, reciprocal", a.of[2][RETRIEVAL_RECIPROCAL].value, 1.0 / 7, 1e-7);
    near("together", a.together.value, 1.0 / 3, 1e-6);
    rows_free(images);
    for (int c = 0; c < COPY_KINDS; c++)
        rows_free(copies[c]);
}

int main(void)
{
    report_init("check-evaluate");
    check_information();
    check_clusters();
    check_silhouette();
    check_interval();
    check_fidelity();
    check_mirrored();
    check_cropped();
    check_recompressed();
    check_retrieval();
    return failed;
}
