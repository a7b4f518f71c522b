/* shapes [RUNS]: what a multiplication costs in nets of one layer of any shape, against the nearest
 * layer of the reference experiment.
 *
 * Picoseconds per multiplication in a training step and in encoding, batches of 64; nearest: by the
 * logarithms of kernel, channels and filters. plain: of those that a plain implementation does;
 * done: of those that are left of them where minimal filtering, the small image and gradients that
 * are 0 spare the others, which large kernels and many channels allow, and a kernel of 1 does not.
 * SGEMM: the time that OpenBLAS takes for the plain products of matrices that lie ready, over ours,
 * which pools, adds and looks for its windows besides. Each figure is the least of RUNS rounds
 * (default 10) over all shapes, for the machine's pace changes. The last line names the worst of
 * each column.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/blas.h"
#include "kernels/isa.h"
#include "kernels/processor.h"
#include "net/layer.h"
#include "net/net.h"
#include "base/report.h"
#include "base/rng.h"

struct shape {
    int kernel, channels, filters, height, width;
};
/* Of training and of encoding: picoseconds per multiplication of a plain implementation, and of
 * those that are done; of SGEMM. */
struct cost {
    double plain[2], done[2], gemm[2];
};

static const struct shape shapes[] = {
    {7, 3, 16, 80, 80},   {5, 16, 32, 40, 40},  {3, 32, 64, 20, 20},
    {3, 64, 128, 10, 10}, /* the reference's */
    {1, 3, 16, 80, 80},   {1, 16, 32, 40, 40},  {1, 33, 48, 30, 22},
    {1, 100, 17, 18, 26}, {3, 1, 8, 62, 50},    {3, 2, 5, 62, 50},
    {3, 3, 16, 80, 80},   {3, 5, 17, 46, 38},   {3, 17, 33, 30, 22},
    {3, 48, 48, 22, 18},  {3, 100, 33, 14, 18}, {3, 33, 100, 14, 18},
    {3, 64, 128, 6, 14},  {5, 1, 16, 62, 50},   {5, 3, 16, 80, 80},
    {5, 5, 3, 46, 38},    {5, 17, 17, 30, 34},  {5, 33, 48, 22, 26},
    {5, 100, 5, 18, 14},  {5, 48, 100, 10, 14}, {7, 1, 5, 62, 50},
    {7, 2, 17, 50, 62},   {7, 3, 33, 54, 46},   {7, 5, 5, 38, 46},
    {7, 17, 33, 26, 22},  {7, 48, 17, 18, 22},  {7, 100, 48, 10, 14},
    {9, 1, 17, 50, 46},   {9, 3, 16, 62, 54},   {9, 5, 33, 30, 38},
    {9, 17, 5, 26, 22},   {9, 33, 48, 18, 14},  {9, 100, 17, 10, 14},
};

enum { BATCH = 64, SEEDS = 4, SHAPES = sizeof shapes / sizeof *shapes };

/* Seconds of SGEMM for BATCH images: c (M,N) = a (M,K) b (K,N), each thread with matrices of its
 * own for all its images. */
static double gemm_seconds(size_t M, size_t N, size_t K)
{
    const size_t threads = (size_t)omp_get_max_threads(), items = M * K + K * N + M * N;
    float *matrices = xaligned(threads * items * sizeof *matrices);
    double start, seconds;
    for (size_t i = 0; i < threads * items; i++)
        matrices[i] = (float)(i % 7);
    start = omp_get_wtime();
#pragma omp parallel for schedule(static)
    for (int i = 0; i < BATCH; i++) {
        float *a = matrices + (size_t)omp_get_thread_num() * items, *b = a + M * K;
        blas_sgemm(false, false, M, N, K, a, K, b, N, 0, b + K * N, N);
    }
    seconds = omp_get_wtime() - start;
    free(matrices);
    return seconds;
}

/* Multiplications for a channel of ROWS x COLS positions by kernels of TAPS x TAPS on C channels:
 * as minimal filtering leaves them. */
static double products(const struct winograd *g, int rows, int cols, int taps, int C)
{
    const double M = g->points + 1 - g->R;
    if (g->points == 0)
        return (double)rows * cols * taps * taps * C;
    return ceil(cols / M) * (g->both ? ceil(rows / M) * g->points : (double)rows * g->R) * g->points
        * g->stride * g->stride * g->C;
}

/* Multiplications that an image takes in training and in encoding, LIVE of its code being other
 * than 0. */
static void count_done(double done[2], const struct net_spec *spec, double live)
{
    struct layer l;
    int phases;
    double back;
    layer_init(&l, 0, spec, kernels_get(), true);
    phases = l.R == 1 ? 1 : 4;
    back = products(&l.back.winograd, l.h, l.w, l.back_taps, l.C)
        * l.K; /* to small; as much for the kernel */
    done[0] = products(&l.learn.winograd, l.H, l.W, l.R, l.C) * l.K
        + phases * products(&l.phase.winograd, l.h, l.w, l.P + 1, l.K) * l.C + 2 * back
        + live * l.R * l.R * l.C;
    done[1] = products(&l.infer.winograd, l.H, l.W, l.R, l.C) * l.K;
}

/* The least seconds so far, of training and of encoding, ours and SGEMM's. */
struct runner {
    struct net_spec spec;
    struct net *net;
    float *x, *code;
    double seconds[2], gemm[2];
};

static struct runner runner_new(const struct shape *s)
{
    struct runner r = {.spec = {.height = s->height,
                                .width = s->width,
                                .channels = s->channels,
                                .n_layers = 1,
                                .loss = NET_MSE,
                                .layers = {{s->kernel, s->filters, NET_LINEAR, false}}},
                       .seconds = {INFINITY, INFINITY},
                       .gemm = {INFINITY, INFINITY}};
    struct rng rng;
    size_t n;
    r.net = net_new(&r.spec, BATCH, true);
    n = BATCH * net_input_items(r.net);
    r.x = xmalloc(n * sizeof *r.x);
    r.code = xmalloc(BATCH * net_code_items(r.net) * sizeof *r.code);
    rng_init(&rng, 1, RNG_TEST, 0);
    for (size_t i = 0; i < n; i++)
        r.x[i] = (float)rng_uniform(&rng, 0, 1);
    net_initialise(r.net, NET_GLOROT_UNIFORM, 1);
    return r;
}

static void run(struct runner *r, const struct shape *s)
{
    const size_t pixels = (size_t)s->height * s->width, taps = (size_t)s->kernel * s->kernel,
                 C = (size_t)s->channels, K = (size_t)s->filters;
    double start, trained, encoded, encoder, decoder, gradients;
    net_encode(r->net, r->code, r->x, BATCH); /* the memory of what came before */
    start = omp_get_wtime();
    net_train(r->net, r->x, r->x, BATCH, &(struct net_penalty){.l2 = 0});
    trained = omp_get_wtime();
    net_encode(r->net, r->code, r->x, BATCH);
    encoded = omp_get_wtime();
    encoder = gemm_seconds(pixels, K, taps * C);
    decoder = gemm_seconds(pixels, C, taps * K);
    gradients = gemm_seconds(taps * C, K, pixels) + gemm_seconds(taps * K, C, pixels)
        + gemm_seconds(pixels, K, taps * C);
    r->seconds[0] = fmin(r->seconds[0], trained - start);
    r->seconds[1] = fmin(r->seconds[1], encoded - trained);
    r->gemm[0] = fmin(r->gemm[0], encoder + decoder + gradients);
    r->gemm[1] = fmin(r->gemm[1], encoder);
}

static struct cost cost_of(const struct runner *r, const struct shape *s)
{
    const size_t codes = BATCH * net_code_items(r->net);
    const double layer =
        (double)s->height * s->width * s->kernel * s->kernel * s->channels * s->filters;
    double done[2], live = 0;
    struct cost cost;
    for (size_t i = 0; i < codes; i++)
        live += r->code[i] != 0;
    count_done(done, &r->spec, live / BATCH);
    for (int side = 0; side < 2; side++) { /* in training the encoder's products are taken twice,
                                              the decoder's three times */
        const double plain = (side == 0 ? 5 : 1) * layer;
        cost.plain[side] = r->seconds[side] * 1e12 / BATCH / plain;
        cost.done[side] = r->seconds[side] * 1e12 / BATCH / done[side];
        cost.gemm[side] = r->gemm[side] * 1e12 / BATCH / plain;
    }
    return cost;
}

static double far(const struct shape *a, const struct shape *b)
{
    return fabs(log((double)a->kernel / b->kernel)) + fabs(log((double)a->channels / b->channels))
        + fabs(log((double)a->filters / b->filters));
}

int main(int argc, char **argv)
{
    static struct runner runners[SHAPES];
    struct cost seeds[SEEDS];
    double worst_plain[2] = {0}, worst_done[2] = {0}, least_gemm[2] = {INFINITY, INFINITY};
    const int runs = argc > 1 ? atoi(argv[1]) : 10;
    report_init("bench");
    isa_select();
    unsetenv("OPENBLAS_CORETYPE"); /* its best kernel */
    blas_open();
    for (size_t i = 0; i < SHAPES; i++)
        runners[i] = runner_new(&shapes[i]);
    for (int r = 0; r < runs; r++)
        for (size_t i = 0; i < SHAPES; i++)
            run(&runners[i], &shapes[i]);
    printf("                              | training, ps                       | encoding, ps      "
           "                 |\n");
    printf("kernel channels filters  size |  plain  times    done  times SGEMM |  plain  times    "
           "done  times SGEMM | nearest\n");
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *s = &shapes[i];
        const struct cost c = cost_of(&runners[i], s);
        size_t near = 0;
        if (i < SEEDS) {
            seeds[i] = c;
            near = i;
        }
        for (size_t j = 1; i >= SEEDS && j < SEEDS; j++)
            near = far(s, &shapes[j]) < far(s, &shapes[near]) ? j : near;
        printf("%6d %8d %7d %2dx%-2d |", s->kernel, s->channels, s->filters, s->height, s->width);
        for (int side = 0; side < 2; side++) {
            const double plain = c.plain[side] / seeds[near].plain[side],
                         done = c.done[side] / seeds[near].done[side],
                         gemm = c.gemm[side] / c.plain[side];
            worst_plain[side] = fmax(worst_plain[side], plain),
            worst_done[side] = fmax(worst_done[side], done);
            least_gemm[side] = fmin(least_gemm[side], gemm);
            printf(" %6.1f %6.2f  %6.1f %6.2f %5.2f |", c.plain[side], plain, c.done[side], done,
                   gemm);
        }
        printf(" stage-%zu\n", near + 1);
        net_free(runners[i].net);
        free(runners[i].x), free(runners[i].code);
    }
    printf("worst                         |");
    for (int side = 0; side < 2; side++)
        printf(" %6s %6.2f  %6s %6.2f %5.2f |", "", worst_plain[side], "", worst_done[side],
               least_gemm[side]);
    printf("\n");
    return 0;
}
