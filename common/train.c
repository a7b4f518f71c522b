#include "train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report.h"
#include "rng.h"

const struct cli_option *train_options(struct train_settings *s)
{
    static struct cli_option table[16];
    const struct cli_option options[] = {
        {"epochs", CLI_INT, &s->epochs, 0, 1e9, NULL, CLI_SETTING, "times every row is used; 0 writes the initial weights"},
        {"batch", CLI_INT, &s->batch, 1, 65536, NULL, CLI_SETTING, "rows an update"},
        {"shuffle", CLI_BOOL, &s->shuffle, 0, 0, NULL, CLI_SETTING, "a new order of the rows every epoch"},
        {"learning-rate", CLI_REAL, &s->optim.learning_rate, 0, 1e3, NULL, CLI_SETTING, "of Adam"},
        {"decay", CLI_REAL, &s->optim.decay, 0, 1e3, NULL, CLI_SETTING, "rate of update i: learning-rate/(1 + decay*i)"},
        {"beta1", CLI_REAL, &s->optim.beta1, 0, 0.999999, NULL, CLI_SETTING, "of Adam"},
        {"beta2", CLI_REAL, &s->optim.beta2, 0, 0.99999999, NULL, CLI_SETTING, "of Adam"},
        {"epsilon", CLI_REAL, &s->optim.epsilon, 1e-30, 1, NULL, CLI_SETTING, "of Adam"},
        {"l2", CLI_REAL, &s->penalty.l2, 0, 1e6, NULL, CLI_SETTING, "penalty on the squares of all kernels"},
        {"l1", CLI_REAL, &s->penalty.l1, 0, 1e6, NULL, CLI_SETTING, "penalty on the sizes of the code, a row"},
        {"noise", CLI_REAL, &s->noise, 0, 1e6, NULL, CLI_SETTING, "standard deviation of noise added to the input"},
        {"patience", CLI_INT, &s->patience, 0, 1e9, NULL, CLI_SETTING,
         "stop after so many epochs without a lower val_loss and keep the best; 0: never"},
        {"log", CLI_TEXT, &s->log, 0, 0, "FILE", CLI_OUTPUT, "TSV of the losses, a line an epoch"},
        {0},
    };

    memcpy(table, options, sizeof options);
    return table;
}

void train_open(struct dataset **train, struct dataset **test, char *const paths[2], size_t memory)
{
    size_t a[3], b[3];

    /* The rest is for the net's scratch and the batches. */
    *train = dataset_open(paths[0], memory / 8 * 5);
    *test = dataset_open(paths[1], memory / 8);
    dataset_shape(*train, a);
    dataset_shape(*test, b);
    if (memcmp(a, b, sizeof a) != 0)
        die_file(paths[1], "shape (N,%zu,%zu,%zu), want (N,%zu,%zu,%zu) as '%s'", b[0], b[1], b[2], a[0], a[1], a[2], paths[0]);
}

struct run {
    struct net *net;
    struct dataset *train, *test;
    const struct train_settings *settings;
    uint64_t seed;
    struct optim optim;
    double scale;            /* of the noise */
    float *noisy;            /* (batch,H,W,C), or NULL */
    FILE *log;
    double began;            /* seconds, of the whole run */
    uint64_t rows_done;      /* in the whole run */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* noisy = x + scale * normal; the row at position p of an epoch has the stream (seed, RNG_NOISE, epoch * 2^32 + p). */
static const float *add_noise(struct run *r, const float *x, size_t n, int64_t epoch, size_t position)
{
    size_t items = net_input_items(r->net);
    bool image = dataset_is_image(r->train);

    if (!r->noisy)
        return x;
    #pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        struct rng rng;
        rng_init(&rng, r->seed, RNG_NOISE, (uint64_t)epoch << 32 | (position + i));
        for (size_t j = i * items; j < (i + 1) * items; j++) {
            float v = x[j] + (float)(r->scale * rng_normal(&rng));
            r->noisy[j] = !image ? v : v < 0 ? 0 : v > 1 ? 1 : v;
        }
    }
    return r->noisy;
}

static void show_progress(const struct run *r, int64_t epoch, size_t rows, double loss)
{
    static double shown;
    double t = now(), rate = (double)r->rows_done / (t - r->began);
    size_t n = dataset_n(r->train);
    double left = ((double)(r->settings->epochs - epoch) * (double)n - (double)rows) / rate;

    if (!progress_wanted() || t - shown < 0.1)
        return;
    shown = t;
    progress("epoch %lld/%lld  batch %zu/%zu  loss %.5f  %.0f images/s  %d:%02d:%02d left",
             (long long)epoch, (long long)r->settings->epochs,
             (rows + (size_t)r->settings->batch - 1) / (size_t)r->settings->batch,
             (n + (size_t)r->settings->batch - 1) / (size_t)r->settings->batch, loss, rate,
             (int)(left / 3600), (int)(left / 60) % 60, (int)left % 60);
}

/* One pass over the training rows, epochs counted from 1; the loss of the epoch. */
static double train_epoch(struct run *r, int64_t epoch)
{
    const struct train_settings *s = r->settings;
    size_t done = 0, n, n_weights;
    float *weights = net_weights(r->net, &n_weights);
    double sum = 0;
    const float *x;

    dataset_start(r->train, (size_t)s->batch, s->shuffle, r->seed, (uint64_t)epoch);
    for (int64_t step = 1; (n = dataset_next(r->train, &x)) > 0; step++) {
        double loss = net_train(r->net, add_noise(r, x, n, epoch, done), x, n, &s->penalty);
        if (!isfinite(loss))
            die("epoch %lld, step %lld: the loss is not finite; try a lower --learning-rate", (long long)epoch, (long long)step);
        optim_update(&r->optim, weights, net_gradients(r->net));
        net_changed(r->net);
        sum += loss * (double)n;
        done += n;
        r->rows_done += n;
        show_progress(r, epoch, done, sum / (double)done);
    }
    return sum / (double)done;
}

static double validate(struct run *r)
{
    double sum = 0;
    size_t done = 0, n;
    const float *x;

    dataset_start(r->test, (size_t)r->settings->batch, false, 0, 0);
    while ((n = dataset_next(r->test, &x)) > 0) {
        sum += net_evaluate(r->net, x, x, n, &r->settings->penalty) * (double)n;
        done += n;
    }
    return sum / (double)done;
}

static void write_log(const struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void write_log(const struct run *r, const char *format, ...)
{
    va_list arguments;

    if (!r->log)
        return;
    va_start(arguments, format);
    if (vfprintf(r->log, format, arguments) < 0 || fflush(r->log) != 0)
        die_file(r->settings->log, "%s", strerror(errno));
    va_end(arguments);
}

static void open_run(struct run *r)
{
    const struct train_settings *s = r->settings;
    size_t n, batch = (size_t)s->batch < dataset_n(r->train) ? (size_t)s->batch : dataset_n(r->train);

    net_weights(r->net, &n);
    optim_init(&r->optim, &s->optim, n);
    if (s->noise > 0)
        r->noisy = xaligned(batch * net_input_items(r->net) * sizeof(float));
    r->scale = s->noise;
    if (s->log && !(r->log = fopen(s->log, "we")))
        die_file(s->log, "%s", strerror(errno));
    write_log(r, "epoch\tloss\tval_loss\tlearning_rate\tseconds\n");
}

static void close_run(struct run *r)
{
    optim_release(&r->optim);
    free(r->noisy);
    if (r->log && fclose(r->log) != 0)
        die_file(r->settings->log, "%s", strerror(errno));
}

void train_run(struct net *net, struct dataset *train, struct dataset *test, const struct train_settings *s, uint64_t seed)
{
    struct run r = {.net = net, .train = train, .test = test, .settings = s, .seed = seed, .began = now()};
    size_t n_weights;
    float *weights = net_weights(net, &n_weights), *best = NULL;
    double best_loss = INFINITY;
    int64_t best_epoch = 0;

    open_run(&r);
    if (s->patience > 0)
        best = xaligned(n_weights * sizeof *best);
    for (int64_t epoch = 1; epoch <= s->epochs; epoch++) {
        double started = now(), loss = train_epoch(&r, epoch), val_loss = validate(&r);
        double rate = s->optim.learning_rate / (1 + s->optim.decay * (double)(r.optim.updates - 1));
        if (!isfinite(val_loss))
            die("epoch %lld: the loss on the test rows is not finite", (long long)epoch);
        write_log(&r, "%lld\t%.9g\t%.9g\t%.9g\t%.3f\n", (long long)epoch, loss, val_loss, rate, now() - started);
        note("epoch %lld/%lld  loss %.6f  val_loss %.6f  %.1f s", (long long)epoch, (long long)s->epochs, loss, val_loss,
             now() - started);
        if (best && val_loss < best_loss) {
            best_loss = val_loss;
            best_epoch = epoch;
            memcpy(best, weights, n_weights * sizeof *best);
        } else if (best && epoch - best_epoch >= s->patience) {
            note("stopped: no lower val_loss since epoch %lld", (long long)best_epoch);
            break;
        }
    }
    if (best && best_epoch > 0) {
        memcpy(weights, best, n_weights * sizeof *best);
        net_changed(net);
    }
    free(best);
    close_run(&r);
}
