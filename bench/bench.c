/* bench [RUNS]: milliseconds of a training step and of an encoding pass of each net of the reference experiment, 128 images, against PyTorch
 * and against what dense matrix products could do.
 *
 * cores: how many times faster all threads are than one. deep-bn: deep with batch normalisation, which our encoding folds into the kernels; deep-l1: with a
 * penalty on the code; deep-n: with noise on the input. A run is some steps one after another, as in training, behind one that is not counted; each figure
 * is the least of RUNS runs (default 10); ours, PyTorch's and SGEMM's take turns, since machines are noisy. PyTorch's stay empty where python3 has no
 * torch. kept: PyTorch's with glibc told to keep the memory that each step frees, instead of page faults for it in the next: the better comparison of
 * arithmetic, the other is what its users meet. The dense limit is the time that the multiplications of a plain implementation would take at SGEMM's speed.
 */
#include <fcntl.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blas.h"
#include "kernels.h"
#include "net.h"
#include "optim.h"
#include "report.h"
#include "rng.h"

enum { BATCH = 128, GEMM = 1536, STEPS = 3 };

static const struct { const char *name; int size, channels, first, n; bool norm; double l1; float noise; } nets[] = {
    { "stage-1", 80, 3, 0, 1, false, 0, 0 }, { "stage-2", 40, 16, 1, 1, false, 0, 0 }, { "stage-3", 20, 32, 2, 1, false, 0, 0 },
    { "stage-4", 10, 64, 3, 1, false, 0, 0 }, { "deep", 80, 3, 0, 4, false, 0, 0 },
    { "deep-bn", 80, 3, 0, 4, true, 0, 0 }, { "deep-l1", 80, 3, 0, 4, false, 1e-4, 0 }, { "deep-n", 80, 3, 0, 4, false, 0, 0.1f },
};

/* --- PyTorch, processes that do a step for each line they are sent --- */

static struct torch { FILE *to, *from; } torches[2];  /* as it comes; and with glibc told to keep what is freed */

static void start_torch(struct torch *torch, const char *script, bool keep)
{
    int to[2], from[2];
    char threads[16], batch[16];
    if (system("/usr/bin/python3 -c 'import torch' 2>/dev/null") != 0)
        return;
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
        die("pipe: no more files");
    snprintf(threads, sizeof threads, "%d", omp_get_max_threads());
    snprintf(batch, sizeof batch, "%d", BATCH);
    if (fork() == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        if (keep) {
            setenv("MALLOC_MMAP_MAX_", "0", 1);
            setenv("MALLOC_TRIM_THRESHOLD_", "8589934592", 1);
        }
        execl("/usr/bin/python3", "python3", script, threads, batch, (char *)NULL);
        _exit(127);
    }
    *torch = (struct torch){ fdopen(to[1], "w"), fdopen(from[0], "r") };
    close(to[0]);
    close(from[1]);
}

/* OpenMP's idle threads spin for some milliseconds, in whichever process they are, and take their core from what is timed next. */
static void settle(void)
{
    usleep(30000);
}

static double torch_ms(const struct torch *torch, const char *net, const char *what)
{
    double ms;
    if (torch->to == NULL)
        return NAN;
    settle();
    fprintf(torch->to, "%s %s %d\n", net, what, STEPS);
    fflush(torch->to);
    if (fscanf(torch->from, "%lf", &ms) != 1)
        die("PyTorch's process ended");
    return ms;
}

/* --- ours --- */

static struct net_spec spec_of(size_t i)
{
    static const struct net_layer layers[] = {
        { 7, 16, NET_SIGMOID, false }, { 5, 32, NET_RELU, false }, { 3, 64, NET_RELU, false }, { 3, 128, NET_RELU, false },
    };
    struct net_spec s = { .height = nets[i].size, .width = nets[i].size, .channels = nets[i].channels, .n_layers = nets[i].n,
                          .loss = nets[i].first == 0 ? NET_BCE : NET_MSE };
    memcpy(s.layers, layers + nets[i].first, nets[i].n * sizeof *layers);
    if (nets[i].first > 0)
        s.layers[0].activation = NET_LINEAR;
    for (int k = 0; k < s.n_layers; k++)
        s.layers[k].batch_norm = nets[i].norm;
    return s;
}

/* Multiplications of a plain implementation, an image: forward, kernel's gradient, input's gradient but for the first layer's. */
static void count_work(const struct net_spec *s, double *encode, double *train)
{
    int C = s->channels;
    double pixels = (double)s->height * s->width;
    *encode = *train = 0;
    for (int k = 0; k < s->n_layers; k++) {
        const double layer = pixels * s->layers[k].kernel * s->layers[k].kernel * C * s->layers[k].filters;
        *encode += layer;
        *train += layer * (k == 0 ? 2 : 3) + layer * 3;
        pixels /= 4;
        C = s->layers[k].filters;
    }
}

static double sgemm_ms(void)
{
    static float *a, *b, *c;
    const size_t n = GEMM, threads = (size_t)omp_get_max_threads();
    if (a == NULL) {
        a = xaligned(n * n * sizeof *a);
        b = xaligned(n * n * sizeof *b);
        c = xaligned(threads * n * n * sizeof *c);
        for (size_t i = 0; i < n * n; i++)
            a[i] = b[i] = (float)(i % 7);
    }
    settle();
    const double start = omp_get_wtime();
#pragma omp parallel for schedule(static, 1)
    for (size_t t = 0; t < threads; t++)
        blas_sgemm(false, false, n, n, n, a, n, b, n, 0, c + t * n * n, n);
    return (omp_get_wtime() - start) * 1000;
}

static void train_step(struct net *net, struct optim *optim, const float *x, size_t i)
{
    static float *noisy;
    const struct net_penalty penalty = { .l1 = nets[i].l1 };
    const size_t items = net_input_items(net);
    size_t n;
    if (noisy == NULL && nets[i].noise > 0)
        noisy = xaligned(BATCH * items * sizeof *noisy);
#pragma omp parallel for schedule(static)
    for (size_t row = 0; row < (nets[i].noise > 0 ? BATCH : 0); row++) {
        struct rng stream;
        rng_init(&stream, 1, RNG_NOISE, row);
        kernels_get()->noise(noisy + row * items, x + row * items, items, nets[i].noise, 0, 1, &stream);
    }
    net_train(net, nets[i].noise > 0 ? noisy : x, x, BATCH, &penalty);
    optim_update(optim, net_weights(net, &n), net_gradients(net));
    net_changed(net);
}

/* Milliseconds of a training step, and of encoding, on so many threads as the net was made for. */
static double train_ms(struct net *net, struct optim *optim, const float *x, size_t i)
{
    settle();
    train_step(net, optim, x, i);
    const double start = omp_get_wtime();
    for (int k = 0; k < STEPS; k++)
        train_step(net, optim, x, i);
    return (omp_get_wtime() - start) * 1000 / STEPS;
}

static double encode_ms(struct net *net, float *code, const float *x)
{
    settle();
    net_encode(net, code, x, BATCH);
    const double start = omp_get_wtime();
    for (int k = 0; k < STEPS; k++)
        net_encode(net, code, x, BATCH);
    return (omp_get_wtime() - start) * 1000 / STEPS;
}

static void bench(size_t i, int runs)
{
    const int threads = omp_get_max_threads();
    const struct net_spec spec = spec_of(i);
    const struct optim_settings adam = { 0.001, 0.005, 0.9, 0.999, 1e-8 };
    struct net *net = net_new(&spec, BATCH, true), *alone;
    struct optim optim;
    struct rng rng;
    size_t n_weights;
    float *x = xaligned(BATCH * net_input_items(net) * sizeof *x);
    float *code = xaligned(BATCH * net_code_items(net) * sizeof *code);
    double train = INFINITY, encode = INFINITY, gemm = INFINITY, work_train, work_encode;
    double torch_train[2] = { INFINITY, INFINITY }, torch_encode[2] = { INFINITY, INFINITY };
    double train_alone = INFINITY, encode_alone = INFINITY;

    rng_init(&rng, 1, RNG_TEST, 0);
    for (size_t j = 0; j < BATCH * net_input_items(net); j++)
        x[j] = (float)rng_uniform(&rng, 0, 1);
    omp_set_num_threads(1);
    alone = net_new(&spec, BATCH, true);
    net_initialise(net, NET_GLOROT_UNIFORM, 1);
    net_initialise(alone, NET_GLOROT_UNIFORM, 1);
    net_weights(net, &n_weights);
    optim_init(&optim, &adam, n_weights);
    for (int r = 0; r < runs; r++) {
        omp_set_num_threads(threads);
        train = fmin(train, train_ms(net, &optim, x, i));
        for (int k = 0; k < 2; k++)
            torch_train[k] = fmin(torch_train[k], torch_ms(&torches[k], nets[i].name, "train"));
        encode = fmin(encode, encode_ms(net, code, x));
        for (int k = 0; k < 2; k++)
            torch_encode[k] = fmin(torch_encode[k], torch_ms(&torches[k], nets[i].name, "encode"));
        gemm = fmin(gemm, sgemm_ms());
        omp_set_num_threads(1);
        train_alone = fmin(train_alone, train_ms(alone, &optim, x, i));
        encode_alone = fmin(encode_alone, encode_ms(alone, code, x));
    }
    omp_set_num_threads(threads);
    count_work(&spec, &work_encode, &work_train);
    const double per_ms = omp_get_max_threads() * (double)GEMM * GEMM * GEMM / gemm;
    const struct { double own, alone, work; const double *torch; } sides[] = {
        { train, train_alone, work_train, torch_train }, { encode, encode_alone, work_encode, torch_encode },
    };
    printf("%-8s", nets[i].name);
    for (int side = 0; side < 2; side++) {
        const double own = sides[side].own, *torch = sides[side].torch;
        printf(" %7.1f %8.0f ", own, BATCH / own * 1000);
        if (torches[0].to != NULL)
            printf("%8.1f %6.2f %6.2f", torch[0], torch[0] / own, torch[1] / own);
        else
            printf("%22s", "");
        printf(" %5.0f %% %5.2f |", 100 * BATCH * sides[side].work / per_ms / own, sides[side].alone / own);
    }
    printf(" %6.0f\n", 2 * per_ms / 1e6);
    fflush(stdout);
    optim_release(&optim);
    net_free(net);
    net_free(alone);
    free(x);
    free(code);
}

int main(int argc, char **argv)
{
    const int runs = argc > 1 ? atoi(argv[1]) : 10;
    report_init("bench");
    if (runs < 1)
        die_usage("want a number of runs");
    unsetenv("OPENBLAS_CORETYPE");  /* the limit is that of the best kernel */
    blas_open();
    for (int k = 0; k < 2; k++)
        start_torch(&torches[k], "bench/nets.py", k == 1);
    printf("%d threads, %s, OpenBLAS %s, batch %d; ratio: PyTorch's time over ours; dense: share of the dense limit\n", omp_get_max_threads(),
           kernels_get()->name, blas_core(), BATCH);
    printf("         %-55s | %-55s | SGEMM\n", "training step", "encoding");
    for (int k = 0; k < 2; k++)
        printf("%s      ms images/s  PyTorch  ratio   kept   dense cores |", k == 0 ? "net     " : "");
    printf(" GFLOP/s\n");
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        bench(i, runs);
    for (int k = 0; k < 2; k++)
        if (torches[k].to != NULL) {
            fclose(torches[k].to);
            wait(NULL);
        }
    return 0;
}
