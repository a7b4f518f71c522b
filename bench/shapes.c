/* shapes [RUNS]: what a multiplication costs in nets of one layer of any shape, against the nearest layer of the reference experiment.
 *
 * Picoseconds per multiplication of a plain implementation, in a training step and in encoding, batches of 64; nearest: by the logarithms of kernel,
 * channels and filters. SGEMM: the time that OpenBLAS takes for the same products of matrices that lie ready, over ours, which pools, adds and looks for
 * its windows besides. Each figure is the least of RUNS runs (default 5), in turns. The last line names the worst of each column.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "blas.h"
#include "net.h"
#include "report.h"
#include "rng.h"

enum { BATCH = 64, SEEDS = 4 };

struct shape { int kernel, channels, filters, height, width; };
struct cost { double train, encode, gemm_train, gemm_encode; };  /* picoseconds per multiplication */

static const struct shape shapes[] = {
    { 7, 3, 16, 80, 80 }, { 5, 16, 32, 40, 40 }, { 3, 32, 64, 20, 20 }, { 3, 64, 128, 10, 10 },  /* the reference's */
    { 1, 3, 16, 80, 80 }, { 1, 16, 32, 40, 40 }, { 1, 33, 48, 30, 22 }, { 1, 100, 17, 18, 26 },
    { 3, 1, 8, 62, 50 }, { 3, 2, 5, 62, 50 }, { 3, 3, 16, 80, 80 }, { 3, 5, 17, 46, 38 }, { 3, 17, 33, 30, 22 }, { 3, 48, 48, 22, 18 }, { 3, 100, 33, 14, 18 },
    { 3, 33, 100, 14, 18 }, { 3, 64, 128, 6, 14 }, { 5, 1, 16, 62, 50 }, { 5, 3, 16, 80, 80 }, { 5, 5, 3, 46, 38 }, { 5, 17, 17, 30, 34 }, { 5, 33, 48, 22, 26 },
    { 5, 100, 5, 18, 14 }, { 5, 48, 100, 10, 14 }, { 7, 1, 5, 62, 50 }, { 7, 2, 17, 50, 62 }, { 7, 3, 33, 54, 46 }, { 7, 5, 5, 38, 46 }, { 7, 17, 33, 26, 22 },
    { 7, 48, 17, 18, 22 }, { 7, 100, 48, 10, 14 }, { 9, 1, 17, 50, 46 }, { 9, 3, 16, 62, 54 }, { 9, 5, 33, 30, 38 }, { 9, 17, 5, 26, 22 }, { 9, 33, 48, 18, 14 },
    { 9, 100, 17, 10, 14 },
};

/* Seconds of SGEMM for BATCH images: c (M,N) = a (M,K) b (K,N), each thread with matrices of its own for all its images. */
static double gemm_seconds(size_t M, size_t N, size_t K)
{
    const size_t threads = (size_t)omp_get_max_threads(), items = M * K + K * N + M * N;
    float *matrices = xaligned(threads * items * sizeof *matrices);
    for (size_t i = 0; i < threads * items; i++)
        matrices[i] = (float)(i % 7);
    const double start = omp_get_wtime();
#pragma omp parallel for schedule(static)
    for (int i = 0; i < BATCH; i++) {
        float *a = matrices + (size_t)omp_get_thread_num() * items, *b = a + M * K;
        blas_sgemm(false, false, M, N, K, a, K, b, N, 0, b + K * N, N);
    }
    const double seconds = omp_get_wtime() - start;
    free(matrices);
    return seconds;
}

static struct cost measure(const struct shape *s, int runs)
{
    const struct net_spec spec = { .height = s->height, .width = s->width, .channels = s->channels, .n_layers = 1, .loss = NET_MSE,
                                   .layers = {{ s->kernel, s->filters, NET_LINEAR, false }} };
    const double layer = (double)BATCH * s->height * s->width * s->kernel * s->kernel * s->channels * s->filters;
    struct net *net = net_new(&spec, BATCH, true);
    const size_t n = BATCH * net_input_items(net);
    float *x = xmalloc(n * sizeof *x), *code = xmalloc(BATCH * net_code_items(net) * sizeof *code);
    struct rng rng;
    const size_t pixels = (size_t)s->height * s->width, taps = (size_t)s->kernel * s->kernel, C = (size_t)s->channels, K = (size_t)s->filters;
    struct cost least = { INFINITY, INFINITY, INFINITY, INFINITY };
    rng_init(&rng, 1, RNG_TEST, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)rng_uniform(&rng, 0, 1);
    net_initialise(net, NET_GLOROT_UNIFORM, 1);
    for (int run = 0; run <= runs; run++) {  /* the first touches the memory */
        const double start = omp_get_wtime();
        net_train(net, x, x, BATCH, &(struct net_penalty){ .l2 = 0 });
        const double trained = omp_get_wtime();
        net_encode(net, code, x, BATCH);
        const double encoded = omp_get_wtime();
        const double encoder = gemm_seconds(pixels, K, taps * C), decoder = gemm_seconds(pixels, C, taps * K);
        const double gradients = gemm_seconds(taps * C, K, pixels) + gemm_seconds(taps * K, C, pixels) + gemm_seconds(pixels, K, taps * C);
        if (run > 0) {
            least.train = fmin(least.train, (trained - start) * 1e12 / (5 * layer));  /* encoder twice, decoder three times */
            least.encode = fmin(least.encode, (encoded - trained) * 1e12 / layer);
            least.gemm_train = fmin(least.gemm_train, (encoder + decoder + gradients) * 1e12 / (5 * layer));
            least.gemm_encode = fmin(least.gemm_encode, encoder * 1e12 / layer);
        }
    }
    free(x), free(code);
    net_free(net);
    return least;
}

static double far(const struct shape *a, const struct shape *b)
{
    return fabs(log((double)a->kernel / b->kernel)) + fabs(log((double)a->channels / b->channels)) + fabs(log((double)a->filters / b->filters));
}

int main(int argc, char **argv)
{
    struct cost seeds[SEEDS];
    double worst_train = 0, worst_encode = 0, least_train = INFINITY, least_encode = INFINITY;
    const int runs = argc > 1 ? atoi(argv[1]) : 5;
    report_init("bench");
    unsetenv("OPENBLAS_CORETYPE");  /* its best kernel */
    blas_open();
    printf("kernel channels filters   size |  train, ps   times  SGEMM | encode, ps   times  SGEMM | nearest\n");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        const struct cost c = measure(s, runs);
        size_t near = 0;
        if (i < SEEDS) {
            seeds[i] = c;
            near = i;
        }
        for (size_t j = 1; i >= SEEDS && j < SEEDS; j++)
            near = far(s, &shapes[j]) < far(s, &shapes[near]) ? j : near;
        const double train = c.train / seeds[near].train, encode = c.encode / seeds[near].encode;
        const double gemm_train = c.gemm_train / c.train, gemm_encode = c.gemm_encode / c.encode;
        worst_train = fmax(worst_train, train), worst_encode = fmax(worst_encode, encode);
        least_train = fmin(least_train, gemm_train), least_encode = fmin(least_encode, gemm_encode);
        printf("%6d %8d %7d %3dx%-3d | %10.1f %7.2f %6.2f | %10.1f %7.2f %6.2f | stage-%zu\n", s->kernel, s->channels, s->filters, s->height, s->width,
               c.train, train, gemm_train, c.encode, encode, gemm_encode, near + 1);
        fflush(stdout);
    }
    printf("worst                          |            %7.2f %6.2f |            %7.2f %6.2f |\n", worst_train, least_train, worst_encode, least_encode);
    return 0;
}
