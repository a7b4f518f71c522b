/* check-epoch INIT TRAINED TRAIN TEST LOG BATCH LEARNING_RATE DECAY EPSILON L2 SHARE [NOISE]: one
 * unshuffled epoch from the weights INIT, in double precision by the definition, held against the
 * weights TRAINED and the losses LOG that our program made of the same start.
 *
 * That SHARE of the weights must lie within 1e-4 of their tensor's largest update, all within 1e-2
 * of it, the losses within 1e-5.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/model.h"
#include "reference.h"
#include "base/report.h"
#include "files/tensor.h"

static double *read_rows(const char *path, size_t *n, size_t *items)
{
    struct tensor_reader *t = tensor_open(path);
    size_t total = t->n_rows * t->row_items;
    unsigned char *raw = xmalloc(t->n_rows * t->row_bytes);
    double *x = xmalloc(total * sizeof *x);

    *n = t->n_rows;
    *items = t->row_items;
    tensor_read(t, raw, t->n_rows);
    for (size_t i = 0; i < total; i++)
        x[i] = t->header.dtype == NPY_U8 ? (double)((float)raw[i] / 255.0f)
                                         : (double)((float *)(void *)raw)[i];
    tensor_close(t);
    free(raw);
    return x;
}

static double *as_double(const float *x, size_t n)
{
    double *y = xmalloc(n * sizeof *y);

    for (size_t i = 0; i < n; i++)
        y[i] = x[i];
    return y;
}

/* Adam by the formulas; U updates were done before. */
static void update(double *w, double *m, double *v, const double *g, size_t n, size_t u,
                   double rate, double decay, double epsilon)
{
    double step = rate / (1 + decay * (double)u) * sqrt(1 - pow(0.999, (double)u + 1))
        / (1 - pow(0.9, (double)u + 1));

    for (size_t i = 0; i < n; i++) {
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
        w[i] -= step * m[i] / (sqrt(v[i]) + epsilon);
    }
}

/* Deviations of the weights in units of their tensor's largest update; false where they are over
 * the limits. */
static bool compare(const struct model *init, const struct model *trained, const double *w,
                    double share)
{
    size_t n, n_weights, near = 0;
    struct net_parameter *p = spec_describe(&init->spec, &n, &n_weights);
    double worst = 0;

    for (size_t i = 0; i < n; i++) {
        double largest = 0;
        for (size_t j = p[i].offset; j < p[i].offset + p[i].count; j++)
            largest = fmax(largest, fabs(w[j] - init->weights[j]));
        for (size_t j = p[i].offset; j < p[i].offset + p[i].count; j++) {
            double off = fabs(w[j] - trained->weights[j]) / largest;
            near += off <= 1e-4;
            worst = fmax(worst, off);
        }
    }
    free(p);
    printf("within 1e-4: %.4f %%, largest %.2e\n", 100.0 * (double)near / (double)n_weights, worst);
    return (double)near >= share * (double)n_weights && worst <= 1e-2;
}

/* As the first epoch of seed 0 adds it to images. */
static double *with_noise(const double *x, size_t n, size_t items, double sigma)
{
    double *y = xmalloc(n * items * sizeof *y);
    struct rng stream;

    for (size_t i = 0; i < n; i++) {
        rng_init(&stream, 0, RNG_NOISE, (uint64_t)1 << 32 | i);
        reference_noise(y + i * items, x + i * items, items, sigma, 0, 1, stream);
    }
    return y;
}

int main(int argc, char **argv)
{
    struct model *init, *trained;
    size_t n_train, n_test, items, batch, n_weights;
    double *train, *test, *w, *g, *m, *v, loss = 0, val_loss = 0, got, got_val, *input;
    struct net_penalty penalty;
    FILE *log;
    report_init("check-epoch");
    if (argc != 12 && argc != 13)
        die_usage("want INIT TRAINED TRAIN TEST LOG BATCH LEARNING_RATE DECAY EPSILON L2 SHARE "
                  "[NOISE]");
    init = model_read(argv[1]);
    trained = model_read(argv[2]);
    batch = (size_t)atol(argv[6]);
    n_weights = init->n_weights;
    train = read_rows(argv[3], &n_train, &items);
    test = read_rows(argv[4], &n_test, &items);
    w = as_double(init->weights, n_weights);
    g = xcalloc(n_weights, sizeof *g);
    m = xcalloc(n_weights, sizeof *m);
    v = xcalloc(n_weights, sizeof *v);
    penalty = (struct net_penalty){.l2 = atof(argv[10])};
    input = argc == 13 ? with_noise(train, n_train, items, atof(argv[12])) : train;
    log = fopen(argv[5], "r");

    for (size_t i = 0; i < n_train; i += batch) {
        size_t n = n_train - i < batch ? n_train - i : batch;
        loss += reference_loss(g, &init->spec, w, input + i * items, train + i * items, n, &penalty)
            * (double)n / (double)n_train;
        update(w, m, v, g, n_weights, i / batch, atof(argv[7]), atof(argv[8]), atof(argv[9]));
    }
    for (size_t i = 0; i < n_test; i += batch) {
        size_t n = n_test - i < batch ? n_test - i : batch;
        val_loss +=
            reference_loss(NULL, &init->spec, w, test + i * items, test + i * items, n, &penalty)
            * (double)n / (double)n_test;
    }
    if (!log || fscanf(log, "%*[^\n] %*d %lf %lf", &got, &got_val) != 2)
        die_file(argv[5], "no first epoch in it");
    printf("loss off by %.1e, val_loss by %.1e\n", fabs(got / loss - 1),
           fabs(got_val / val_loss - 1));
    return !(compare(init, trained, w, atof(argv[11])) && fabs(got / loss - 1) <= 1e-5
             && fabs(got_val / val_loss - 1) <= 1e-5);
}
