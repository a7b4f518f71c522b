/* check-net ISA [N], check-net all [N]: the net's forward pass, losses and gradients, by this or by
 * each instruction set of this processor, against the double-precision reference, for the nets
 * below and N random ones. check-net reference: the reference's gradients
 * against finite differences of its loss. check-net bits [N]: results are the same bytes for 1, 2,
 * 3, 8 and 16 threads, and for AVX2 and AVX-512, of the nets below and N random ones; the parts of
 * a batch, trained by themselves, add up to its bytes.
 *
 * A maximum of the pool that is nearly a tie falls one way in float32 and another in double, and
 * the only bias of a net may nearly cancel: a random net is wrong if it is for three draws of its
 * data, and one in 50 may be for the first. The nets cover every odd kernel size 1 to 15, any
 * channel counts, H != W, batches of 1 to 1024, ties in the pool, clipped sigmoids, batch
 * normalisation and both penalties. Forward results and gradients must lie within 1e-5 of their
 * tensor's largest value, losses within 1e-6.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/processor.h"
#include "reference.h"
#include "base/report.h"
#include "base/rng.h"
#include "net/share.h"

enum data {
    SMOOTH,
    TIES,
    WILD
}; /* any values; few values in flat patches; weights so large that the sigmoid is clipped */

struct check {
    const char *what;
    struct net_spec spec;
    size_t n;
    struct net_penalty penalty;
    enum data data;
};

#define NONE    \
    {           \
        .l2 = 0 \
    }
static const struct check checks[] = {
    {"stage 1 in small", {20, 12, 3, 1, {{7, 16, NET_SIGMOID, false}}, NET_BCE}, 5, NONE, SMOOTH},
    {"stage 2 in small", {20, 20, 16, 1, {{5, 32, NET_LINEAR, false}}, NET_MSE}, 3, NONE, SMOOTH},
    {"stage 3 in small", {10, 20, 32, 1, {{3, 64, NET_LINEAR, false}}, NET_MSE}, 2, NONE, SMOOTH},
    {"stage 4", {10, 10, 64, 1, {{3, 128, NET_LINEAR, false}}, NET_MSE}, 3, NONE, SMOOTH},
    {"deep, L2",
     {16,
      32,
      3,
      4,
      {{7, 16, NET_SIGMOID, false},
       {5, 32, NET_RELU, false},
       {3, 64, NET_RELU, false},
       {3, 128, NET_RELU, false}},
      NET_BCE},
     9,
     {.l2 = 0.0005},
     SMOOTH},
    {"ties in the pool",
     {16, 16, 3, 2, {{5, 8, NET_SIGMOID, false}, {3, 16, NET_RELU, false}}, NET_BCE},
     4,
     NONE,
     TIES},
    {"ties in the pool under 7x7 and 5x5",
     {24,
      40,
      3,
      3,
      {{7, 16, NET_SIGMOID, false}, {5, 24, NET_RELU, false}, {3, 16, NET_RELU, false}},
      NET_BCE},
     4,
     NONE,
     TIES},
    {"clipped sigmoid", {8, 12, 3, 1, {{5, 16, NET_SIGMOID, false}}, NET_BCE}, 10, NONE, WILD},
    {"both penalties",
     {12, 8, 3, 2, {{3, 5, NET_SIGMOID, false}, {3, 7, NET_RELU, false}}, NET_BCE},
     17,
     {.l2 = 0.01, .l1 = 0.001},
     SMOOTH},
    {"batch normalisation",
     {16, 8, 3, 2, {{5, 16, NET_SIGMOID, true}, {3, 20, NET_RELU, true}}, NET_BCE},
     11,
     NONE,
     SMOOTH},
    {"batch normalisation of one layer of two",
     {8, 16, 2, 2, {{3, 9, NET_LINEAR, false}, {5, 6, NET_SIGMOID, true}}, NET_MSE},
     6,
     {.l2 = 0.001, .l1 = 0.01},
     SMOOTH},
    {"kernel 1, one channel", {6, 10, 1, 1, {{1, 1, NET_LINEAR, false}}, NET_MSE}, 1, NONE, SMOOTH},
    {"kernel 3, 3 to 5", {14, 6, 3, 1, {{3, 5, NET_RELU, false}}, NET_MSE}, 2, NONE, SMOOTH},
    {"kernel 5, 7 to 17", {4, 26, 7, 1, {{5, 17, NET_SIGMOID, false}}, NET_MSE}, 3, NONE, SMOOTH},
    {"kernel 7, 1 to 33", {10, 10, 1, 1, {{7, 33, NET_SIGMOID, false}}, NET_BCE}, 8, NONE, SMOOTH},
    {"kernel 9, 3 to 4", {18, 24, 3, 1, {{9, 4, NET_LINEAR, false}}, NET_MSE}, 7, NONE, SMOOTH},
    {"kernel 9 on 2x2 pixels",
     {2, 2, 5, 1, {{9, 19, NET_LINEAR, false}}, NET_MSE},
     20,
     NONE,
     SMOOTH},
    {"kernel 11", {12, 14, 3, 1, {{11, 6, NET_SIGMOID, false}}, NET_BCE}, 3, NONE, SMOOTH},
    {"kernel 13 inside",
     {16, 28, 2, 2, {{3, 4, NET_SIGMOID, false}, {13, 5, NET_RELU, false}}, NET_BCE},
     3,
     NONE,
     SMOOTH},
    {"kernel 11 over a whole vector of channels",
     {24, 28, 3, 2, {{3, 16, NET_SIGMOID, false}, {11, 6, NET_RELU, false}}, NET_BCE},
     3,
     NONE,
     SMOOTH},
    {"kernel 13 over a whole vector of channels",
     {24, 28, 3, 2, {{3, 16, NET_SIGMOID, false}, {13, 6, NET_RELU, false}}, NET_BCE},
     3,
     NONE,
     SMOOTH},
    {"kernel 15, wider than the image",
     {4, 2, 2, 1, {{15, 3, NET_SIGMOID, false}}, NET_BCE},
     2,
     NONE,
     SMOOTH},
    {"kernel 9, 17 to 5", {10, 22, 17, 1, {{9, 5, NET_LINEAR, false}}, NET_MSE}, 9, NONE, SMOOTH},
    {"kernel 5, 5 to 3, ties", {20, 14, 5, 1, {{5, 3, NET_RELU, false}}, NET_MSE}, 4, NONE, TIES},
    {"few channels more than a vector",
     {24, 28, 2, 2, {{3, 5, NET_SIGMOID, false}, {5, 17, NET_RELU, false}}, NET_BCE},
     6,
     {.l2 = 0.001, .l1 = 0.001},
     SMOOTH},
    {"wide images, 7x7", {138, 182, 4, 1, {{7, 7, NET_SIGMOID, false}}, NET_BCE}, 1, NONE, SMOOTH},
    {"wide images, 5x5", {138, 320, 3, 1, {{5, 2, NET_RELU, false}}, NET_MSE}, 1, NONE, SMOOTH},
    {"one channel to 16 filters",
     {24, 28, 1, 1, {{7, 16, NET_SIGMOID, false}}, NET_BCE},
     5,
     NONE,
     SMOOTH},
    {"few columns", {8, 4, 1, 1, {{3, 4, NET_RELU, false}}, NET_MSE}, 5, NONE, SMOOTH},
    {"wide images, 12 filters",
     {138, 182, 3, 1, {{5, 12, NET_RELU, false}}, NET_MSE},
     1,
     NONE,
     SMOOTH},
    {"few channels inside",
     {16, 24, 18, 2, {{5, 33, NET_RELU, false}, {3, 4, NET_RELU, false}}, NET_MSE},
     5,
     NONE,
     SMOOTH},
    {"three layers of odd channels",
     {24,
      8,
      3,
      3,
      {{3, 11, NET_SIGMOID, false}, {1, 13, NET_RELU, false}, {5, 21, NET_SIGMOID, false}},
      NET_BCE},
     3,
     NONE,
     SMOOTH},
    {"a batch of 128", {8, 4, 2, 1, {{3, 9, NET_SIGMOID, false}}, NET_BCE}, 128, NONE, SMOOTH},
    {"a batch of 200, of which no slice has 16 rows",
     {8, 4, 2, 2, {{3, 9, NET_SIGMOID, false}, {3, 5, NET_RELU, true}}, NET_BCE},
     200,
     {.l1 = 0.001},
     SMOOTH},
    {"a batch of 512, whose gradients share blocks",
     {4, 8, 3, 1, {{5, 9, NET_SIGMOID, false}}, NET_BCE},
     512,
     NONE,
     SMOOTH},
    {"a batch of 512 under batch normalisation",
     {4, 4, 2, 1, {{3, 6, NET_LINEAR, true}}, NET_MSE},
     512,
     NONE,
     SMOOTH},
};

static const char *const names[] = {"avx512", "avx2", "base"};
static const char *isas[] = {"base", NULL, NULL}, *isa; /* those to check, the one being checked */
static int n_isas = 1;
static bool failed, quiet;

static void report(const char *what, const char *part, double off, double limit)
{
    if (!(off <= limit)) {
        if (!quiet)
            printf("%s, %s: %s is off by %.2e of its largest value, limit %.0e\n", what, isa, part,
                   off, limit);
        failed = true;
    }
}

/* The largest difference in units of the largest value, of N numbers. */
static double deviation(const float *got, const double *want, size_t n)
{
    double largest = 1e-30, off = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(want[i]));
        off = isfinite(got[i]) ? fmax(off, fabs(got[i] - want[i])) : INFINITY;
    }
    return off / largest;
}

static void fill(const struct check *c, struct net *net, float *x, size_t n_x, struct rng *rng)
{
    size_t n_weights, n_parameters;
    const struct net_parameter *p = net_parameters(net, &n_parameters);
    float *w = net_weights(net, &n_weights);

    for (size_t i = 0; i < n_x; i++)
        x[i] = c->data == TIES ? (float)(i == n_x / 2 || rng_below(rng, 100) == 0)
                               : (float)rng_uniform(rng, 0, 1);
    net_initialise(net, NET_HE_NORMAL, rng_u32(rng));
    for (size_t i = 0; i < n_parameters; i++)
        for (size_t j = p[i].offset; j < p[i].offset + p[i].count; j++) {
            if (p[i].role == NET_BIAS || p[i].role == NET_BETA || p[i].role == NET_MEAN)
                w[j] = (float)rng_uniform(rng, -0.2, 0.3);
            if (p[i].role == NET_GAMMA || p[i].role == NET_VARIANCE)
                w[j] = (float)rng_uniform(rng, 0.5, 1.5);
            if (c->data == WILD)
                w[j] *= 5;
        }
    net_changed(net);
}

static double *as_double(const float *x, size_t n)
{
    double *y = xmalloc(n * sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i];
    return y;
}

/* What the reference says of a check. */
struct wanted {
    double *code, *y, *gradient;
    double evaluated, loss; /* by the running statistics, by the batch's */
};

static struct wanted want(const struct check *c, struct net *net, const double *x, const double *t,
                          const double *w)
{
    struct wanted v;
    size_t n_weights;

    net_weights(net, &n_weights);
    v.code = xmalloc(c->n * net_code_items(net) * sizeof *v.code);
    v.y = xmalloc(c->n * net_input_items(net) * sizeof *v.y);
    v.gradient = xmalloc(n_weights * sizeof *v.gradient);
    reference_forward(v.code, v.y, &c->spec, w, x, c->n);
    v.evaluated = reference_loss(NULL, &c->spec, w, x, t, c->n, &c->penalty);
    v.loss = reference_loss(v.gradient, &c->spec, w, x, t, c->n, &c->penalty);
    return v;
}

static void check_forward(const struct check *c, struct net *net, const float *x, const float *t,
                          const struct wanted *v)
{
    const size_t n_code = c->n * net_code_items(net), n_x = c->n * net_input_items(net);
    float *code = xmalloc(n_code * sizeof *code), *y = xmalloc(n_x * sizeof *y);

    net_encode(net, code, x, c->n);
    report(c->what, "code", deviation(code, v->code, n_code), 1e-5);
    net_reconstruct(net, y, x, c->n);
    report(c->what, "reconstruction", deviation(y, v->y, n_x), 1e-5);
    report(c->what, "validation loss",
           fabs(net_evaluate(net, x, t, c->n, &c->penalty) / v->evaluated - 1), 1e-6);
    free(code), free(y);
}

static void check_gradients(const struct check *c, struct net *net, const float *x, const float *t,
                            const struct wanted *v)
{
    size_t n_parameters;
    const struct net_parameter *p = net_parameters(net, &n_parameters);

    report(c->what, "loss", fabs(net_train(net, x, t, c->n, &c->penalty) / v->loss - 1), 1e-6);
    for (size_t i = 0; i < n_parameters; i++) {
        const float *g = net_gradients(net) + p[i].offset;
        const bool normalised = p[i].role == NET_BIAS && strncmp(p[i].name, "encoder", 7) == 0
            && i + 1 < n_parameters && p[i + 1].role == NET_GAMMA;
        if (p[i].role == NET_MEAN || p[i].role == NET_VARIANCE
            || normalised) { /* exactly 0: nothing may move them */
            for (size_t j = 0; j < p[i].count; j++)
                report(c->what, p[i].name, fabs(g[j]), 0);
        } else {
            report(c->what, p[i].name, deviation(g, v->gradient + p[i].offset, p[i].count), 1e-5);
        }
    }
}

/* The reference itself: a few weights of every tensor, moved by +-1e-6. Ties have no derivative. */
static void check_reference(const struct check *c, const double *x2, const double *t2, double *w2,
                            struct rng *rng)
{
    size_t n_weights, n_parameters;
    struct net_parameter *p = spec_describe(&c->spec, &n_parameters, &n_weights);
    double *g = xmalloc(n_weights * sizeof *g), *unused = NULL;

    for (int k = 0; k < c->spec.n_layers; k++)
        if (c->spec.layers[k].batch_norm && unused == NULL) /* by the batch's statistics */
            unused = xmalloc(n_weights * sizeof *unused);
    reference_loss(g, &c->spec, w2, x2, t2, c->n, &c->penalty);
    for (size_t i = 0; i < n_parameters; i++)
        for (int k = 0; k < 3 && p[i].role != NET_MEAN && p[i].role != NET_VARIANCE; k++) {
            const size_t j = p[i].offset + rng_below(rng, (uint32_t)p[i].count);
            const double w = w2[j], h = 1e-6;
            double up, down;
            w2[j] = w + h;
            up = reference_loss(unused, &c->spec, w2, x2, t2, c->n, &c->penalty);
            w2[j] = w - h;
            down = reference_loss(unused, &c->spec, w2, x2, t2, c->n, &c->penalty);
            w2[j] = w;
            report(c->what, "reference against finite differences",
                   fabs((up - down) / (2 * h) - g[j]), 1e-6 + 1e-4 * fabs(g[j]));
        }
    free(p), free(g), free(unused);
}

/* The net of a check with its data and weights, the same for each instruction set. */
static struct net *drawn(const struct check *c, uint64_t number, float **x, float **t,
                         struct rng *rng)
{
    struct net *net = net_new(&c->spec, (int)c->n + 3, true);
    const size_t n_x = c->n * net_input_items(net);

    rng_init(rng, 1, RNG_TEST, number);
    *x = xmalloc(n_x * sizeof **x), *t = xmalloc(n_x * sizeof **t);
    fill(c, net, *x, n_x, rng);
    for (size_t i = 0; i < n_x; i++)
        (*t)[i] = (float)rng_uniform(rng, 0, 1);
    return net;
}

static void run(const struct check *c, uint64_t number, bool finite_differences)
{
    struct wanted v = {0};
    float *x, *t;

    for (int i = 0; i < n_isas; i++) {
        struct rng rng;
        struct net *net;
        isa = isas[i];
        kernels_select(isa);
        net = drawn(c, number, &x, &t, &rng);
        if (i == 0) {
            size_t n_weights, n_x = c->n * net_input_items(net);
            const float *w = net_weights(net, &n_weights);
            double *x2 = as_double(x, n_x), *t2 = as_double(t, n_x), *w2 = as_double(w, n_weights);
            if (!finite_differences)
                v = want(c, net, x2, t2, w2);
            else if (c->data == SMOOTH && n_weights < 10000)
                check_reference(c, x2, t2, w2, &rng);
            free(x2), free(t2), free(w2);
        }
        if (!finite_differences) {
            check_forward(c, net, x, t, &v);
            check_gradients(c, net, x, t, &v);
        }
        free(x), free(t);
        net_free(net);
    }
    free(v.code), free(v.y), free(v.gradient);
}

/* Every fourth net has few values in flat patches. Mostly small channels, images and batches; one
 * dimension in eight draws is large, the others smaller. */
static struct check random_check(uint64_t number)
{
    static char what[200];
    struct check c = {.what = what, .data = number % 4 == 3 ? TIES : SMOOTH};
    struct net_spec *s = &c.spec;
    enum { NOTHING, BATCH, CHANNELS, FILTERS, WIDTH } large;
    struct rng rng;
    int side, used;
    rng_init(&rng, 2, RNG_TEST, number);
    large = rng_below(&rng, 2) == 0 ? (1 + rng_below(&rng, 4)) : NOTHING;
    side = large == NOTHING ? 24 : 8;
    s->n_layers = 1 + (int)rng_below(&rng, large == NOTHING ? 3 : 2);
    s->height = (1 + (int)rng_below(&rng, (uint32_t)side >> s->n_layers)) << s->n_layers;
    s->width = (1 + (int)rng_below(&rng, large == WIDTH ? 60 : (uint32_t)side >> s->n_layers))
        << s->n_layers;
    s->channels = 1 + (int)rng_below(&rng, large == CHANNELS ? 150 : 12);
    c.n = 1 + rng_below(&rng, large == BATCH ? 1024 : 10);
    used = snprintf(what, sizeof what, "random %d: %zu of %dx%dx%d", (int)number, c.n, s->height,
                    s->width, s->channels);
    for (int k = 0; k < s->n_layers; k++) {
        const uint32_t filters = large == FILTERS && k == 0 ? 150 : large == BATCH ? 9 : 36;
        s->layers[k] =
            (struct net_layer){1 + 2 * (int)rng_below(&rng, rng_below(&rng, 6) == 0 ? 8 : 5),
                               1 + (int)rng_below(&rng, filters),
                               (enum net_activation)rng_below(&rng, 3), rng_below(&rng, 4) == 0};
        /* Where one normalised layer takes away what another's gamma or beta does, as of a single
         * filter or through a kernel of 1, that gradient is nearly 0. */
        if (k > 0 && s->layers[k].batch_norm && s->layers[k - 1].batch_norm
            && (s->layers[k - 1].filters == 1 || s->layers[k].kernel == 1))
            s->layers[k].batch_norm = false;
        used += snprintf(what + used, sizeof what - used, ", kernel %d, %d filters%s",
                         s->layers[k].kernel, s->layers[k].filters,
                         s->layers[k].batch_norm ? " normalised" : "");
    }
    s->loss = s->layers[0].activation == NET_SIGMOID ? NET_BCE : NET_MSE;
    c.penalty = (struct net_penalty){rng_below(&rng, 2) * 0.001, rng_below(&rng, 2) * 0.001};
    return c;
}

/* Two steps of gradient descent, then code and reconstruction: everything that a net computes, in
 * *n floats. */
static float *everything(const struct check *c, int threads, size_t *n)
{
    struct net *net;
    struct rng rng;
    size_t n_weights, n_x, n_code;
    float *x, *w, *all, *to;
    double losses[3];
    omp_set_num_threads(threads);
    net = net_new(&c->spec, (int)c->n, true);
    rng_init(&rng, 3, RNG_TEST, 0);
    n_x = c->n * net_input_items(net);
    n_code = c->n * net_code_items(net);
    x = xmalloc(n_x * sizeof *x);
    w = net_weights(net, &n_weights);
    *n = 2 * n_weights + n_code + n_x + 6;
    to = all = xmalloc(*n * sizeof *all);
    fill(c, net, x, n_x, &rng);
    for (int step = 0; step < 2; step++) {
        losses[step] = net_train(net, x, x, c->n, &c->penalty);
        memcpy(to, net_gradients(net), n_weights * sizeof *to);
        to += n_weights;
        for (size_t i = 0; i < n_weights; i++)
            w[i] -= 0.01f * net_gradients(net)[i];
        net_changed(net);
    }
    losses[2] = net_evaluate(net, x, x, c->n, &c->penalty);
    memcpy(to, losses, sizeof losses);
    net_encode(net, to + 6, x, c->n);
    net_reconstruct(net, to + 6 + n_code, x, c->n);
    free(x);
    net_free(net);
    return all;
}

static void check_bits(const struct check *c)
{
    static const int threads[] = {2, 3, 8, 16};
    float *first[3] = {NULL};
    size_t n;
    for (int i = 0; i < 3; i++) {
        if (!kernels_select(names[i]))
            continue;
        first[i] = everything(c, 1, &n);
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
            float *got = everything(c, threads[k], &n);
            if (memcmp(first[i], got, n * sizeof *got) != 0) {
                printf("%s: %s with %d threads gives other bytes than with 1\n", c->what, names[i],
                       threads[k]);
                failed = true;
            }
            free(got);
        }
    }
    if (first[0] != NULL && first[1] != NULL
        && memcmp(first[0], first[1], n * sizeof(float)) != 0) {
        printf("%s: avx512 and avx2 give different bytes\n", c->what);
        failed = true;
    }
    for (int i = 0; i < 3; i++)
        free(first[i]);
}

/* The encoders' gradients, (n_weights), of N rows of X; of the parts 1, 2, 4 or 8 of a batch alike,
 * for a power of two makes no rounding: a part's gradients are so many times those within the
 * batch. */
static float *gradients_of_parts(const struct check *c, const float *weights, const float *x,
                                 size_t parts, size_t *n_encoders)
{
    const size_t n = c->n / parts;
    struct net *net = net_new(&c->spec, (int)n, true);
    size_t n_weights, n_parameters;
    const struct net_parameter *p = net_parameters(net, &n_parameters);
    float *w = net_weights(net, &n_weights), *sums = xmalloc(parts * n_weights * sizeof *sums);

    *n_encoders = p[n_parameters / 2].offset;
    memcpy(w, weights, n_weights * sizeof *w);
    net_changed(net);
    for (size_t i = 0; i < parts; i++) {
        net_train(net, x + i * n * net_input_items(net), x + i * n * net_input_items(net), n,
                  &c->penalty);
        memcpy(sums + i * n_weights, net_gradients(net), n_weights * sizeof *sums);
    }
    for (size_t count = parts; count > 1; count /= 2)
        for (size_t i = 0; i < count / 2; i++)
            for (size_t j = 0; j < n_weights; j++)
                sums[i * n_weights + j] =
                    (sums[2 * i * n_weights + j] + sums[(2 * i + 1) * n_weights + j]) / 2;
    net_free(net);
    return sums;
}

/* What other processes would do with parts of a batch. */
static void check_parts(int threads)
{
    const struct check c = {
        "parts of a batch",
        {8, 8, 3, 2, {{5, 6, NET_SIGMOID, false}, {3, 9, NET_RELU, false}}, NET_BCE},
        1024,
        NONE,
        SMOOTH};
    struct net *net;
    struct rng rng;
    float *x, *whole;
    size_t n_weights, n;

    omp_set_num_threads(threads);
    net = net_new(&c.spec, 1, false);
    rng_init(&rng, 4, RNG_TEST, 0);
    x = xmalloc(c.n * net_input_items(net) * sizeof *x);
    fill(&c, net, x, c.n * net_input_items(net), &rng);
    whole = gradients_of_parts(&c, net_weights(net, &n_weights), x, 1, &n);
    for (size_t parts = 2; parts <= 8; parts *= 2) {
        float *sum = gradients_of_parts(&c, net_weights(net, &n_weights), x, parts, &n);
        if (memcmp(sum, whole, n * sizeof *sum) != 0) {
            printf("a batch in %zu parts, with %d threads: other gradients\n", parts, threads);
            failed = true;
        }
        free(sum);
    }
    free(x), free(whole);
    net_free(net);
}

/* Slices cover a batch in order, nearly equal, and an eighth of them is an eighth of it. */
static void check_slices(void)
{
    for (size_t n = 1; n <= 3000 && !failed; n++) {
        const size_t slices = net_slices(n), most = (n + slices - 1) / slices;
        bool good = slices % 8 == 0 && net_slice_start(n, 0) == 0 && net_slice_start(n, slices) == n
            && most <= NET_SLICE_ROWS
            && (n > 128 ? NET_SLICE_ROWS * slices < n + 128 : slices == 8);
        for (size_t s = 0; s < slices; s++) {
            const size_t rows = net_slice_start(n, s + 1) - net_slice_start(n, s);
            good &= rows == most || rows + 1 == most;
        }
        for (size_t part = 0; part < 8; part++)
            good &= net_slice_start(n, part * slices / 8) == n * part / 8;
        if (!good) {
            printf("a batch of %zu: its slices are wrong\n", n);
            failed = true;
        }
    }
}

/* A spec whose places would not fit int32 is refused, the largest that fits is not. */
static void check_places(void)
{
    static const struct {
        struct net_spec spec;
        bool good;
    } specs[] = {
        {{16, 16, 4096, 1, {{15, 4096, NET_LINEAR, false}}, NET_MSE}, false},
        {{16, 16, 2330, 1, {{15, 4096, NET_LINEAR, false}}, NET_MSE}, false},
        {{16, 16, 2328, 1, {{15, 4096, NET_LINEAR, false}}, NET_MSE}, true},
        {{16, 16, 3, 2, {{3, 4096, NET_LINEAR, false}, {15, 4096, NET_RELU, false}}, NET_MSE},
         false},
        {{16, 16, 3, 2, {{3, 4096, NET_LINEAR, false}, {9, 4096, NET_RELU, false}}, NET_MSE}, true},
        {{2, 1 << 27, 1, 1, {{15, 1, NET_LINEAR, false}}, NET_MSE}, false},
        {{2, 1 << 27, 1, 1, {{1, 1, NET_LINEAR, false}}, NET_MSE}, true},
        {{1024, 1024, 3, 2, {{3, 4096, NET_LINEAR, false}, {3, 4, NET_RELU, false}}, NET_MSE},
         false},
        {{1024, 1024, 3, 2, {{3, 1000, NET_LINEAR, false}, {3, 4, NET_RELU, false}}, NET_MSE},
         true},
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        if ((spec_check(&specs[i].spec) == NULL) != specs[i].good) {
            const char *reason = spec_check(&specs[i].spec);
            printf("spec %zu: %s\n", i, reason == NULL ? "taken, want a refusal" : reason);
            failed = true;
        }
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    const bool finite_differences = strcmp(how, "reference") == 0, bits = strcmp(how, "bits") == 0;
    const size_t n_fixed = sizeof checks / sizeof *checks;
    const int n_random = argc > 2 ? atoi(argv[2]) : 0;
    int redrawn = 0;
    report_init("check-net");
    check_slices();
    check_places();
    for (int threads = 1; threads <= 16 && bits; threads *= 4)
        check_parts(threads);
    if (strcmp(how, "all") == 0) {
        n_isas = 0;
        for (int i = 0; i < 3; i++)
            if (kernels_select(names[i]))
                isas[n_isas++] = names[i];
    } else if (kernels_select(how)) {
        isas[0] = how;
    } else if (!finite_differences && !bits) {
        die_usage("want 'all', an instruction set that this processor runs, 'reference' or 'bits'");
    }
    for (size_t i = 0; i < n_fixed; i++) {
        if (bits)
            check_bits(&checks[i]);
        else
            run(&checks[i], i, finite_differences);
    }
    for (int i = 0; i < n_random; i++) {
        const struct check c = random_check((uint64_t)i);
        const bool before = failed;
        if (bits) {
            check_bits(&c);
            continue;
        }
        for (uint64_t draw = 0; draw < 3; draw++) {
            failed = before;
            quiet = draw < 2;
            run(&c, n_fixed + (uint64_t)i + (draw << 32), false);
            if (failed == before)
                break;
            redrawn += draw == 0;
        }
    }
    if (redrawn > 1 + n_random / 50) {
        printf("%d of %d nets needed other data, want at most one in 50\n", redrawn, n_random);
        failed = true;
    }
    return failed;
}
