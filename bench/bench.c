/* bench [RUNS [NET]...]: milliseconds of a training step and of an encoding pass of each net of the
 * reference experiment, 128 images, against PyTorch and against what dense matrix products could
 * do; KASANE_ISA as for the programs.
 *
 * cores: how many times faster all threads are than one; apart: how many times as much as one alone
 * as many nets of one thread each do side by side, which share nothing but the machine and which no
 * sharing of work can surpass by much. deep-bn: deep with batch normalisation, which our encoding
 * folds into the kernels; deep-l1: with a penalty on the code; deep-n: with noise on the input;
 * views, views-0: deep-bn's net by the objective "views", two of each of the images, with the
 * reconstruction beside it (weight 2) and without. A
 * run is some steps one after another, as in training, behind one that is not counted; each figure
 * is the least step of RUNS runs (default 10); ours, PyTorch's and SGEMM's take turns, since
 * machines are noisy. PyTorch's stay empty where python3 has no torch. kept: PyTorch's with glibc
 * told to keep the memory that each step frees, instead of page faults for it in the next: the
 * better comparison of arithmetic, the other is what its users meet. The dense limit is the time
 * that the multiplications of a plain implementation would take at SGEMM's speed.
 */
#include <fcntl.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/blas.h"
#include "kernels/isa.h"
#include "kernels/processor.h"
#include "net/objective.h"
#include "net/optim.h"
#include "base/report.h"
#include "base/rng.h"

enum { BATCH = 128, GEMM = 1536, STEPS = 3 };

static const struct {
    const char *name;
    int size, channels, first, n;
    bool norm;
    double l1;
    double noise;
    bool views;
    double reconstruction;
} nets[] = {
    {"stage-1", 80, 3, 0, 1, false, 0, 0, false, 0},
    {"stage-2", 40, 16, 1, 1, false, 0, 0, false, 0},
    {"stage-3", 20, 32, 2, 1, false, 0, 0, false, 0},
    {"stage-4", 10, 64, 3, 1, false, 0, 0, false, 0},
    {"deep", 80, 3, 0, 4, false, 0, 0, false, 0},
    {"deep-bn", 80, 3, 0, 4, true, 0, 0, false, 0},
    {"deep-l1", 80, 3, 0, 4, false, 1e-4, 0, false, 0},
    {"deep-n", 80, 3, 0, 4, false, 0, 0.1, false, 0},
    {"views", 80, 3, 0, 4, true, 0, 0, true, 2},
    {"views-0", 80, 3, 0, 4, true, 0, 0, true, 0},
};

/* --- PyTorch, processes that do a step for each line they are sent --- */

static struct torch {
    FILE *to, *from;
} torches[2]; /* as it comes; and with glibc told to keep what is freed */

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
    *torch = (struct torch){fdopen(to[1], "w"), fdopen(from[0], "r")};
    close(to[0]);
    close(from[1]);
}

/* OpenMP's idle threads spin for some milliseconds, in whichever process they are, and take their
 * core from what is timed next. */
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
        {7, 16, NET_SIGMOID, false},
        {5, 32, NET_RELU, false},
        {3, 64, NET_RELU, false},
        {3, 128, NET_RELU, false},
    };
    struct net_spec s = {.height = nets[i].size,
                         .width = nets[i].size,
                         .channels = nets[i].channels,
                         .n_layers = nets[i].n,
                         .loss = nets[i].first == 0 ? NET_BCE : NET_MSE};
    memcpy(s.layers, layers + nets[i].first, nets[i].n * sizeof *layers);
    if (nets[i].first > 0)
        s.layers[0].activation = NET_LINEAR;
    for (int k = 0; k < s.n_layers; k++)
        s.layers[k].batch_norm = nets[i].norm;
    return s;
}

/* Multiplications of a plain implementation, an image: forward, kernel's gradient, input's gradient
 * but for the first layer's. */
static void count_work(const struct net_spec *s, double *encode, double *train)
{
    int C = s->channels;
    double pixels = (double)s->height * s->width;
    *encode = *train = 0;
    for (int k = 0; k < s->n_layers; k++) {
        const double layer =
            pixels * s->layers[k].kernel * s->layers[k].kernel * C * s->layers[k].filters;
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
    double start;
    if (a == NULL) {
        a = xaligned(n * n * sizeof *a);
        b = xaligned(n * n * sizeof *b);
        c = xaligned(threads * n * n * sizeof *c);
        for (size_t i = 0; i < n * n; i++)
            a[i] = b[i] = (float)(i % 7);
    }
    settle();
    start = omp_get_wtime();
#pragma omp parallel for schedule(static, 1)
    for (size_t t = 0; t < threads; t++)
        blas_sgemm(false, false, n, n, n, a, n, b, n, 0, c + t * n * n, n);
    return (omp_get_wtime() - start) * 1000;
}

/* A net for some threads, and what it works on. */
struct runner {
    struct objective_settings settings;
    struct net_penalty penalty;
    struct net_spec spec;
    struct objective *objective;
    struct optim optim, head; /* of the net, of the objective's head */
    float *x, *code;
};

/* In memory of its own, where the objective keeps looking at it. */
static struct runner *runner_new(size_t i, const struct net_spec *spec, int threads)
{
    const struct optim_settings adam = {0.001, 0.005, 0.9, 0.999, 1e-8, OPTIM_DECAY, 0, 0};
    struct runner *r = xcalloc(1, sizeof *r);
    struct objective_job job = {.settings = &r->settings,
                                .spec = &r->spec,
                                .penalty = &r->penalty,
                                .batch = BATCH,
                                .n_rows = BATCH,
                                .image = true,
                                .seed = 1};
    struct rng rng;
    size_t n, items;
    omp_set_num_threads(threads);
    r->settings = objective_defaults;
    r->settings.name = nets[i].views;
    r->settings.noise = nets[i].noise;
    r->settings.reconstruction = nets[i].reconstruction;
    r->penalty.l1 = nets[i].l1;
    r->spec = *spec;
    r->objective = objective_open(&job);
    net_initialise(r->objective->net, NET_GLOROT_UNIFORM, 1);
    net_weights(r->objective->net, &n);
    optim_init(&r->optim, &adam, n);
    if (r->objective->head != NULL) {
        head_initialise(r->objective->head, 1);
        head_weights(r->objective->head, &n);
        optim_init(&r->head, &adam, n);
    }
    items = BATCH * net_input_items(r->objective->net);
    r->x = xaligned(items * sizeof *r->x);
    r->code = xaligned(BATCH * net_code_items(r->objective->net) * sizeof *r->code);
    rng_init(&rng, 1, RNG_TEST, 0);
    for (size_t j = 0; j < items; j++)
        r->x[j] = (float)rng_uniform(&rng, 0, 1);
    return r;
}

static void runner_free(struct runner *r)
{
    optim_release(&r->optim);
    optim_release(&r->head);
    objective_close(r->objective);
    free(r->x), free(r->code), free(r);
}

static void train(struct runner *r)
{
    struct objective *o = r->objective;
    double parts[CHECKPOINT_PARTS];
    size_t n;
    o->kind->train(o, &(struct objective_batch){r->x, BATCH, 1, 0}, parts);
    optim_update(&r->optim, net_weights(o->net, &n), net_gradients(o->net));
    if (o->head != NULL)
        optim_update(&r->head, head_weights(o->head, &n), head_gradients(o->head));
    net_changed(o->net);
}

static void encode(struct runner *r)
{
    net_encode(r->objective->net, r->code, r->x, BATCH);
}

/* Milliseconds of the shortest of some steps, on so many threads as the net was made for. */
static double step_ms(void (*step)(struct runner *), struct runner *r)
{
    double least = INFINITY;
    settle();
    step(r);
    for (int k = 0; k < STEPS; k++) {
        const double start = omp_get_wtime();
        step(r);
        least = fmin(least, (omp_get_wtime() - start) * 1000);
    }
    return least;
}

/* Likewise of N nets of one thread side by side, the last to end. */
static double apart_ms(void (*step)(struct runner *), struct runner *const *runners, int n)
{
    double least = INFINITY, start = 0;
    settle();
#pragma omp parallel num_threads(n)
    for (int k = 0; k <= STEPS; k++) {
#pragma omp barrier
#pragma omp master
        start = omp_get_wtime();
        step(runners[omp_get_thread_num()]);
#pragma omp barrier
#pragma omp master
        least = k == 0 ? INFINITY : fmin(least, (omp_get_wtime() - start) * 1000);
    }
    return least;
}

/* What is measured of training or of encoding, the least so far, ms. */
struct side {
    const char *what;
    void (*step)(struct runner *);
    double own, alone, apart, torch[2], work;
};

static void bench(size_t i, int runs)
{
    const int threads = omp_get_max_threads();
    const struct net_spec spec = spec_of(i);
    struct runner *together = runner_new(i, &spec, threads),
                  **alone = xcalloc(threads, sizeof *alone);
    struct side sides[] = {
        {"train", train, INFINITY, INFINITY, INFINITY, {INFINITY, INFINITY}, 0},
        {"encode", encode, INFINITY, INFINITY, INFINITY, {INFINITY, INFINITY}, 0}};
    const int n_sides = nets[i].views ? 1 : 2; /* encoding is deep-bn's */
    double gemm = INFINITY;
    double per_ms;
    for (int t = 0; t < threads; t++)
        alone[t] = runner_new(i, &spec, 1);
    for (int r = 0; r < runs; r++) {
        for (struct side *s = sides; s < sides + n_sides; s++) {
            omp_set_num_threads(threads);
            s->own = fmin(s->own, step_ms(s->step, together));
            for (int k = 0; k < 2; k++)
                s->torch[k] = fmin(s->torch[k], torch_ms(&torches[k], nets[i].name, s->what));
            s->apart = fmin(s->apart, apart_ms(s->step, alone, threads));
            omp_set_num_threads(1);
            s->alone = fmin(s->alone, step_ms(s->step, alone[0]));
        }
        omp_set_num_threads(threads);
        gemm = fmin(gemm, sgemm_ms());
    }
    count_work(&spec, &sides[1].work, &sides[0].work);
    if (nets[i].views)
        sides[0].work *= 2;
    if (nets[i].views && nets[i].reconstruction == 0)
        sides[0].work /= 2; /* nearly: no decoder */
    per_ms = threads * (double)GEMM * GEMM * GEMM / gemm;
    printf("%-8s", nets[i].name);
    for (const struct side *s = sides; s < sides + n_sides; s++) {
        printf(" %7.1f %8.0f ", s->own, BATCH / s->own * 1000);
        if (torches[0].to != NULL)
            printf("%8.1f %6.2f %6.2f", s->torch[0], s->torch[0] / s->own, s->torch[1] / s->own);
        else
            printf("%22s", "");
        printf(" %5.0f %% %5.2f %5.2f |", 100 * BATCH * s->work / per_ms / s->own,
               s->alone / s->own, threads * s->alone / s->apart);
    }
    if (n_sides == 1)
        printf("%62s|", "");
    printf(" %6.0f\n", 2 * per_ms / 1e6);
    fflush(stdout);
    runner_free(together);
    for (int t = 0; t < threads; t++)
        runner_free(alone[t]);
    free(alone);
}

int main(int argc, char **argv)
{
    const int runs = argc > 1 ? atoi(argv[1]) : 10;
    report_init("bench");
    if (runs < 1)
        die_usage("want a number of runs");
    isa_select();
    unsetenv("OPENBLAS_CORETYPE"); /* the limit is that of the best kernel... */
    if (strcmp(kernels_get()->name, "avx2") == 0)
        setenv("OPENBLAS_CORETYPE", "Haswell", 1); /* ...of the instruction set */
    blas_open();
    for (int k = 0; k < 2; k++)
        start_torch(&torches[k], "bench/nets.py", k == 1);
    printf("%d threads, %s, OpenBLAS %s, batch %d; ratio: PyTorch's time over ours; dense: share "
           "of the dense limit\n",
           omp_get_max_threads(), kernels_get()->name, blas_core(), BATCH);
    printf("         %-61s | %-61s | SGEMM\n", "training step", "encoding");
    for (int k = 0; k < 2; k++)
        printf("%s      ms images/s  PyTorch  ratio   kept   dense cores apart |",
               k == 0 ? "net     " : "");
    printf(" GFLOP/s\n");
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        bool wanted = argc <= 2;
        for (int k = 2; k < argc; k++)
            wanted |= strcmp(argv[k], nets[i].name) == 0;
        if (wanted)
            bench(i, runs);
    }
    for (int k = 0; k < 2; k++)
        if (torches[k].to != NULL) {
            fclose(torches[k].to);
            wait(NULL);
        }
    return 0;
}
