/* check-net [ISA]: the net's forward pass, losses and gradients against the double-precision reference, and the reference's gradients against finite
 * differences of its loss.
 *
 * The nets cover every kernel size 1 to 9, odd channel counts, H != W, short batches, ties in the pool, clipped sigmoids, batch normalisation and both
 * penalties. Forward results must lie within 1e-5 of the tensor's largest value, gradients within 2e-5 of their tensor's largest, losses within 1e-6.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "reference.h"
#include "report.h"
#include "rng.h"

enum data { SMOOTH, TIES, WILD };  /* any values; few values in flat patches; weights so large that the sigmoid is clipped */

struct check {
    const char *what;
    struct net_spec spec;
    size_t n;
    struct net_penalty penalty;
    enum data data;
};

#define NONE { .l2 = 0 }
static const struct check checks[] = {
    { "stage 1 in small", { 20, 12, 3, 1, {{7, 16, NET_SIGMOID, false}}, NET_BCE }, 5, NONE, SMOOTH },
    { "stage 2 in small", { 20, 20, 16, 1, {{5, 32, NET_LINEAR, false}}, NET_MSE }, 3, NONE, SMOOTH },
    { "stage 3 in small", { 10, 20, 32, 1, {{3, 64, NET_LINEAR, false}}, NET_MSE }, 2, NONE, SMOOTH },
    { "stage 4", { 10, 10, 64, 1, {{3, 128, NET_LINEAR, false}}, NET_MSE }, 3, NONE, SMOOTH },
    { "deep, L2", { 16, 32, 3, 4, {{7, 16, NET_SIGMOID, false}, {5, 32, NET_RELU, false}, {3, 64, NET_RELU, false}, {3, 128, NET_RELU, false}}, NET_BCE },
      9, { .l2 = 0.0005 }, SMOOTH },
    { "ties in the pool", { 16, 16, 3, 2, {{5, 8, NET_SIGMOID, false}, {3, 16, NET_RELU, false}}, NET_BCE }, 4, NONE, TIES },
    { "clipped sigmoid", { 8, 12, 3, 1, {{5, 16, NET_SIGMOID, false}}, NET_BCE }, 10, NONE, WILD },
    { "both penalties", { 12, 8, 3, 2, {{3, 5, NET_SIGMOID, false}, {3, 7, NET_RELU, false}}, NET_BCE }, 17, { .l2 = 0.01, .l1 = 0.001 }, SMOOTH },
    { "batch normalisation", { 16, 8, 3, 2, {{5, 16, NET_SIGMOID, true}, {3, 20, NET_RELU, true}}, NET_BCE }, 11, NONE, SMOOTH },
    { "batch normalisation of one layer of two", { 8, 16, 2, 2, {{3, 9, NET_LINEAR, false}, {5, 6, NET_SIGMOID, true}}, NET_MSE }, 6, { .l2 = 0.001, .l1 = 0.01 }, SMOOTH },
    { "kernel 1, one channel", { 6, 10, 1, 1, {{1, 1, NET_LINEAR, false}}, NET_MSE }, 1, NONE, SMOOTH },
    { "kernel 3, 3 to 5", { 14, 6, 3, 1, {{3, 5, NET_RELU, false}}, NET_MSE }, 2, NONE, SMOOTH },
    { "kernel 5, 7 to 17", { 4, 26, 7, 1, {{5, 17, NET_SIGMOID, false}}, NET_MSE }, 3, NONE, SMOOTH },
    { "kernel 7, 1 to 33", { 10, 10, 1, 1, {{7, 33, NET_SIGMOID, false}}, NET_BCE }, 8, NONE, SMOOTH },
    { "kernel 9, 3 to 4", { 18, 24, 3, 1, {{9, 4, NET_LINEAR, false}}, NET_MSE }, 7, NONE, SMOOTH },
    { "kernel 9 on 2x2 pixels", { 2, 2, 5, 1, {{9, 19, NET_LINEAR, false}}, NET_MSE }, 20, NONE, SMOOTH },
    { "kernel 15, wider than the image", { 4, 2, 2, 1, {{15, 3, NET_SIGMOID, false}}, NET_BCE }, 2, NONE, SMOOTH },
    { "three layers of odd channels", { 24, 8, 3, 3, {{3, 11, NET_SIGMOID, false}, {1, 13, NET_RELU, false}, {5, 21, NET_SIGMOID, false}}, NET_BCE }, 3, NONE, SMOOTH },
};

static bool failed;

static void report(const char *what, const char *part, double off, double limit)
{
    if (!(off <= limit)) {
        printf("%s: %s is off by %.2e of its largest value, limit %.0e\n", what, part, off, limit);
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
        x[i] = c->data == TIES ? (float)(rng_below(rng, 100) == 0) : (float)rng_uniform(rng, 0, 1);
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

static void check_forward(const struct check *c, struct net *net, const float *x, const double *x2, const float *t, const double *t2, const double *w2)
{
    const size_t n_code = c->n * net_code_items(net), n_x = c->n * net_input_items(net);
    float *code = xmalloc(n_code * sizeof *code), *y = xmalloc(n_x * sizeof *y);
    double *code2 = xmalloc(n_code * sizeof *code2), *y2 = xmalloc(n_x * sizeof *y2);

    reference_forward(code2, y2, &c->spec, w2, x2, c->n);
    net_encode(net, code, x, c->n);
    report(c->what, "code", deviation(code, code2, n_code), 1e-5);
    net_reconstruct(net, y, x, c->n);
    report(c->what, "reconstruction", deviation(y, y2, n_x), 1e-5);
    report(c->what, "validation loss", fabs(net_evaluate(net, x, t, c->n, &c->penalty) / reference_loss(NULL, &c->spec, w2, x2, t2, c->n, &c->penalty) - 1), 1e-6);
    free(code), free(y), free(code2), free(y2);
}

static void check_gradients(const struct check *c, struct net *net, const float *x, const double *x2, const float *t, const double *t2, const double *w2)
{
    size_t n_weights, n_parameters;
    const struct net_parameter *p = net_parameters(net, &n_parameters);
    net_weights(net, &n_weights);
    double *g2 = xmalloc(n_weights * sizeof *g2);
    const double loss2 = reference_loss(g2, &c->spec, w2, x2, t2, c->n, &c->penalty), loss = net_train(net, x, t, c->n, &c->penalty);

    report(c->what, "loss", fabs(loss / loss2 - 1), 1e-6);
    for (size_t i = 0; i < n_parameters; i++) {
        const float *g = net_gradients(net) + p[i].offset;
        const bool normalised = p[i].role == NET_BIAS && strncmp(p[i].name, "encoder", 7) == 0 && i + 1 < n_parameters && p[i + 1].role == NET_GAMMA;
        if (p[i].role == NET_MEAN || p[i].role == NET_VARIANCE || normalised) {  /* exactly 0: nothing may move them */
            for (size_t j = 0; j < p[i].count; j++)
                report(c->what, p[i].name, fabs(g[j]), 0);
        } else {
            report(c->what, p[i].name, deviation(g, g2 + p[i].offset, p[i].count), 2e-5);
        }
    }
    free(g2);
}

/* The reference itself: a few weights of every tensor, moved by +-1e-6. Ties have no derivative. */
static void check_reference(const struct check *c, const double *x2, const double *t2, double *w2, struct rng *rng)
{
    size_t n_weights, n_parameters;
    struct net_parameter *p = net_describe(&c->spec, &n_parameters, &n_weights);
    double *g = xmalloc(n_weights * sizeof *g), *unused = xmalloc(n_weights * sizeof *unused);

    reference_loss(g, &c->spec, w2, x2, t2, c->n, &c->penalty);
    for (size_t i = 0; i < n_parameters; i++)
        for (int k = 0; k < 3 && p[i].role != NET_MEAN && p[i].role != NET_VARIANCE; k++) {
            const size_t j = p[i].offset + rng_below(rng, (uint32_t)p[i].count);
            const double w = w2[j], h = 1e-6;
            w2[j] = w + h;
            const double up = reference_loss(unused, &c->spec, w2, x2, t2, c->n, &c->penalty);
            w2[j] = w - h;
            const double down = reference_loss(unused, &c->spec, w2, x2, t2, c->n, &c->penalty);
            w2[j] = w;
            report(c->what, "reference against finite differences", fabs((up - down) / (2 * h) - g[j]), 1e-6 + 1e-4 * fabs(g[j]));
        }
    free(p), free(g), free(unused);
}

static void run(const struct check *c, bool finite_differences)
{
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, (uint64_t)(c - checks));
    struct net *net = net_new(&c->spec, (int)c->n + 3, true);
    size_t n_weights;
    const size_t n_x = c->n * net_input_items(net);
    float *x = xmalloc(n_x * sizeof *x), *t = xmalloc(n_x * sizeof *t), *w = net_weights(net, &n_weights);

    fill(c, net, x, n_x, &rng);
    for (size_t i = 0; i < n_x; i++)
        t[i] = (float)rng_uniform(&rng, 0, 1);
    double *x2 = as_double(x, n_x), *t2 = as_double(t, n_x), *w2 = as_double(w, n_weights);
    if (finite_differences) {
        if (c->data == SMOOTH && n_weights < 10000)
            check_reference(c, x2, t2, w2, &rng);
    } else {
        check_forward(c, net, x, x2, t, t2, w2);
        check_gradients(c, net, x, x2, t, t2, w2);
    }
    free(x), free(t), free(x2), free(t2), free(w2);
    net_free(net);
}

int main(int argc, char **argv)
{
    report_init("check-net");
    const bool finite_differences = argc > 1 && strcmp(argv[1], "reference") == 0;
    if (argc > 1 && !finite_differences && !kernels_select(argv[1]))
        die("this processor does not run '%s'", argv[1]);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        run(&checks[i], finite_differences);
    return failed;
}
