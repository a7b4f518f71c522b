/* shapes [RUNS]: what a multiplication costs in nets of one layer of any shape, against the nearest layer of the reference experiment.
 *
 * Picoseconds per multiplication of a plain implementation, in a training step and in encoding, batches of 64; nearest: by the logarithms of kernel,
 * channels and filters. Each figure is the least of RUNS runs (default 5). The last line names the worst ratios.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "net.h"
#include "report.h"
#include "rng.h"

enum { BATCH = 64, SEEDS = 4 };

struct shape { int kernel, channels, filters, height, width; };
struct cost { double train, encode; };  /* picoseconds per multiplication */

static const struct shape shapes[] = {
    { 7, 3, 16, 80, 80 }, { 5, 16, 32, 40, 40 }, { 3, 32, 64, 20, 20 }, { 3, 64, 128, 10, 10 },  /* the reference's */
    { 1, 3, 16, 80, 80 }, { 1, 16, 32, 40, 40 }, { 1, 33, 48, 30, 22 }, { 1, 100, 17, 18, 26 },
    { 3, 1, 8, 62, 50 }, { 3, 2, 5, 62, 50 }, { 3, 3, 16, 80, 80 }, { 3, 5, 17, 46, 38 }, { 3, 17, 33, 30, 22 }, { 3, 48, 48, 22, 18 }, { 3, 100, 33, 14, 18 },
    { 3, 33, 100, 14, 18 }, { 3, 64, 128, 6, 14 }, { 5, 1, 16, 62, 50 }, { 5, 3, 16, 80, 80 }, { 5, 5, 3, 46, 38 }, { 5, 17, 17, 30, 34 }, { 5, 33, 48, 22, 26 },
    { 5, 100, 5, 18, 14 }, { 5, 48, 100, 10, 14 }, { 7, 1, 5, 62, 50 }, { 7, 2, 17, 50, 62 }, { 7, 3, 33, 54, 46 }, { 7, 5, 5, 38, 46 }, { 7, 17, 33, 26, 22 },
    { 7, 48, 17, 18, 22 }, { 7, 100, 48, 10, 14 }, { 9, 1, 17, 50, 46 }, { 9, 3, 16, 62, 54 }, { 9, 5, 33, 30, 38 }, { 9, 17, 5, 26, 22 }, { 9, 33, 48, 18, 14 },
    { 9, 100, 17, 10, 14 },
};

static struct cost measure(const struct shape *s, int runs)
{
    const struct net_spec spec = { .height = s->height, .width = s->width, .channels = s->channels, .n_layers = 1, .loss = NET_MSE,
                                   .layers = {{ s->kernel, s->filters, NET_LINEAR, false }} };
    const double layer = (double)BATCH * s->height * s->width * s->kernel * s->kernel * s->channels * s->filters;
    struct net *net = net_new(&spec, BATCH, true);
    const size_t n = BATCH * net_input_items(net);
    float *x = xmalloc(n * sizeof *x), *code = xmalloc(BATCH * net_code_items(net) * sizeof *code);
    struct rng rng;
    struct cost least = { INFINITY, INFINITY };
    rng_init(&rng, 1, RNG_TEST, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)rng_uniform(&rng, 0, 1);
    net_initialise(net, NET_GLOROT_UNIFORM, 1);
    for (int run = 0; run <= runs; run++) {  /* the first touches the memory */
        const double start = omp_get_wtime();
        net_train(net, x, x, BATCH, &(struct net_penalty){ .l2 = 0 });
        const double trained = omp_get_wtime();
        net_encode(net, code, x, BATCH);
        if (run > 0) {
            least.train = fmin(least.train, (trained - start) * 1e12 / (5 * layer));  /* encoder twice, decoder three times */
            least.encode = fmin(least.encode, (omp_get_wtime() - trained) * 1e12 / layer);
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
    struct cost seeds[SEEDS], worst = { 0, 0 };
    const int runs = argc > 1 ? atoi(argv[1]) : 5;
    report_init("bench");
    printf("kernel\tchannels\tfilters\tsize\ttrain, ps\tencode, ps\tnearest\ttrain, times\tencode, times\n");
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
        const struct cost times = { c.train / seeds[near].train, c.encode / seeds[near].encode };
        worst = (struct cost){ fmax(worst.train, times.train), fmax(worst.encode, times.encode) };
        printf("%d\t%d\t%d\t%dx%d\t%.1f\t%.1f\tstage-%zu\t%.2f\t%.2f\n", s->kernel, s->channels, s->filters, s->height, s->width, c.train, c.encode, near + 1,
               times.train, times.encode);
        fflush(stdout);
    }
    printf("worst\t\t\t\t\t\t\t%.2f\t%.2f\n", worst.train, worst.encode);
    return 0;
}
