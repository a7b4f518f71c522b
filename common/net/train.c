#include "net/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/checkpoint.h"
#include "kernels/kernels.h"
#include "net/log.h"
#include "net/model.h"
#include "base/profile.h"
#include "base/report.h"
#include "net/resume.h"
#include "base/rng.h"
#include "files/whole.h"

const struct cli_option *train_options(struct train_settings *s)
{
    static struct cli_option table[20];
    const struct cli_option options[] = {
        {"epochs", CLI_INT, &s->epochs, 0, 1e9, NULL, CLI_SETTING,
         "times every row is used; 0 writes the initial weights"},
        {"batch", CLI_INT, &s->batch, 1, 65536, NULL, CLI_SETTING, "rows an update"},
        {"shuffle", CLI_BOOL, &s->shuffle, 0, 0, NULL, CLI_SETTING,
         "a new order of the rows every epoch"},
        {"learning-rate", CLI_REAL, &s->optim.learning_rate, 0, 1e3, NULL, CLI_SETTING, "of Adam"},
        {"decay", CLI_REAL, &s->optim.decay, 0, 1e3, NULL, CLI_SETTING,
         "rate of update i: learning-rate/(1 + decay*i)"},
        {"beta1", CLI_REAL, &s->optim.beta1, 0, 0.999999, NULL, CLI_SETTING, "of Adam"},
        {"beta2", CLI_REAL, &s->optim.beta2, 0, 0.99999999, NULL, CLI_SETTING, "of Adam"},
        {"epsilon", CLI_REAL, &s->optim.epsilon, 1e-30, 1, NULL, CLI_SETTING, "of Adam"},
        {"l2", CLI_REAL, &s->penalty.l2, 0, 1e6, NULL, CLI_SETTING,
         "penalty on the squares of all kernels"},
        {"l1", CLI_REAL, &s->penalty.l1, 0, 1e6, NULL, CLI_SETTING,
         "penalty on the sizes of the code, a row"},
        {"noise", CLI_REAL, &s->noise, 0, 1e6, NULL, CLI_SETTING,
         "standard deviation of noise added to the input"},
        {"patience", CLI_INT, &s->patience, 0, 1e9, NULL, CLI_SETTING,
         "stop after so many epochs without a lower val_loss and keep the best; 0: never"},
        {"checkpoint", CLI_TIME, &s->checkpoint, 0, 1e9, NULL, 0,
         "time between checkpoints, to go on from when killed; 0: none"},
        {"log", CLI_TEXT, &s->log, 0, 0, "FILE", CLI_OUTPUT,
         "TSV of the losses, a line an epoch; FILE.part until the model stands"},
        {0},
    };

    memcpy(table, options, sizeof options);
    return table;
}

void train_open(struct dataset **train, struct dataset **test, char *const paths[2])
{
    size_t a[3], b[3];

    *train = dataset_open(paths[0]);
    *test = dataset_open(paths[1]);
    dataset_shape(*train, a);
    dataset_shape(*test, b);
    if (memcmp(a, b, sizeof a) != 0)
        die_file(paths[1], "shape (N,%zu,%zu,%zu), want (N,%zu,%zu,%zu) as '%s'", b[0], b[1], b[2],
                 a[0], a[1], a[2], paths[0]);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The net, Adam's moments, where the training stands, a checkpoint on its way from a file to there,
 * and the batches. */
static size_t memory_wanted(const struct dataset *train, const struct dataset *test,
                            const struct net_spec *spec, const struct train_settings *s)
{
    const size_t batch = (size_t)s->batch,
                 items = (size_t)spec->height * spec->width * spec->channels;
    size_t n_parameters, n,
        blocks = s->patience > 0 ? 5 : 4; /* of a model file with a checkpoint */

    free(spec_describe(spec, &n_parameters, &n));
    return PROCESS_MEMORY + net_memory(spec, (int)batch, true)
        + (2 + 3 * blocks) * n * sizeof(float) + dataset_memory(train, batch)
        + dataset_memory(test, batch)
        + (s->noise > 0 ? smaller(batch, dataset_n(train)) * items * sizeof(float) : 0);
}

void train_divide(struct dataset *train, struct dataset *test, const struct net_spec *spec,
                  const struct train_settings *s, size_t memory)
{
    const size_t wanted = memory_wanted(train, test, spec, s);

    want_memory(wanted, (size_t)s->batch, memory);
    dataset_limit(train, smaller(memory / 8 * 5, (memory - wanted) / 6 * 5));
    dataset_limit(test, smaller(memory / 8, (memory - wanted) / 6));
}

struct run {
    const struct train_job *job;
    const struct train_settings *settings;
    struct optim optim;
    struct checkpoint *at; /* where the run stands; its blocks are filled when it is written */
    float *weights;        /* the net's, (n) */
    size_t n;
    float *noisy; /* (batch,H,W,C), or NULL */
    struct train_log *log;
    struct resume *resume;
};

/* The weights and the optimiser's state into R->at. */
static void fill_checkpoint(struct run *r)
{
    memcpy(r->at->weights, r->weights, r->n * sizeof(float));
    memcpy(r->at->m, r->optim.m, r->n * sizeof(float));
    memcpy(r->at->v, r->optim.v, r->n * sizeof(float));
    r->at->updates = r->optim.updates;
}

/* And out of it. */
static void follow_checkpoint(struct run *r)
{
    memcpy(r->weights, r->at->weights, r->n * sizeof(float));
    memcpy(r->optim.m, r->at->m, r->n * sizeof(float));
    memcpy(r->optim.v, r->at->v, r->n * sizeof(float));
    r->optim.updates = r->at->updates;
    net_changed(r->job->net);
}

/* Between two batches. */
static void pause_here(struct run *r)
{
    if (!resume_is_due(r->resume))
        return;
    fill_checkpoint(r);
    resume_pause(r->resume, r->at);
}

/* --- an epoch --- */

/* The row at position p of an epoch has the stream (seed, RNG_NOISE, epoch * 2^32 + p). */
static const float *add_noise(struct run *r, const float *x, size_t n)
{
    size_t items = net_input_items(r->job->net);
    bool image = dataset_is_image(r->job->train);
    float low = image ? 0 : -INFINITY, high = image ? 1 : INFINITY;

    if (!r->noisy)
        return x;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        struct rng stream;
        rng_init(&stream, r->job->seed, RNG_NOISE, r->at->epoch << 32 | (r->at->rows + i));
        kernels_get()->noise(r->noisy + i * items, x + i * items, items, (float)r->settings->noise,
                             low, high, &stream);
    }
    return r->noisy;
}

static void show_progress(struct run *r, size_t n)
{
    const struct checkpoint *at = r->at;

    log_progress(r->log,
                 &(struct log_batch){.epoch = at->epoch,
                                     .epochs = (uint64_t)r->settings->epochs,
                                     .rows = at->rows,
                                     .n_rows = dataset_n(r->job->train),
                                     .n = n,
                                     .batch = (size_t)r->settings->batch,
                                     .loss = at->loss_sum / (double)at->rows});
}

/* The rest of the epoch under way. */
static void train_epoch(struct run *r)
{
    const struct train_settings *s = r->settings;
    struct checkpoint *at = r->at;
    const float *x;
    size_t n;

    dataset_start(r->job->train, (size_t)s->batch, s->shuffle, r->job->seed, at->epoch, at->rows);
    while ((n = dataset_next(r->job->train, &x)) > 0) {
        enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
        double loss = net_train(r->job->net, add_noise(r, x, n), x, n, &s->penalty);
        if (!isfinite(loss))
            die("epoch %llu, step %zu: the loss is not finite; try a lower --learning-rate",
                (unsigned long long)at->epoch, at->rows / (size_t)s->batch + 1);
        optim_update(&r->optim, r->weights, net_gradients(r->job->net));
        net_changed(r->job->net);
        profile_leave(before);
        at->loss_sum += loss * (double)n;
        at->rows += n;
        show_progress(r, n);
        pause_here(r);
    }
}

static double validate(struct run *r)
{
    double sum = 0;
    size_t done = 0, n;
    const float *x;

    dataset_start(r->job->test, (size_t)r->settings->batch, false, 0, 0, 0);
    while ((n = dataset_next(r->job->test, &x)) > 0) {
        enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
        sum += net_evaluate(r->job->net, x, x, n, &r->settings->penalty) * (double)n;
        profile_leave(before);
        done += n;
        pause_here(r);
    }
    return sum / (double)done;
}

/* The epoch under way is done: its losses go to the log, and the run stands at the start of the
 * next. */
static void end_epoch(struct run *r, double val_loss, double seconds)
{
    struct checkpoint *at = r->at;
    char *line;

    if (!isfinite(val_loss))
        die("epoch %llu: the loss on the test rows is not finite; try a lower --learning-rate",
            (unsigned long long)at->epoch);
    line = log_add(
        r->log,
        &(struct log_epoch){.epoch = at->epoch,
                            .epochs = (uint64_t)r->settings->epochs,
                            .loss = at->loss_sum / (double)at->rows,
                            .val_loss = val_loss,
                            .learning_rate = optim_rate(&r->settings->optim, r->optim.updates - 1),
                            .seconds = seconds});
    checkpoint_log(at, line);
    free(line);
    if (at->best && val_loss < at->best_loss) {
        at->best_loss = val_loss;
        at->best_epoch = at->epoch;
        memcpy(at->best, r->weights, r->n * sizeof(float));
    }
    at->epoch++;
    at->rows = 0;
    at->loss_sum = 0;
}

/* --- the run --- */

static struct resume *open_resume(const struct run *r)
{
    const struct train_job *job = r->job;

    return resume_open(&(struct resume_job){.history = job->history,
                                            .output = job->output,
                                            .interval = r->settings->checkpoint,
                                            .epochs = (uint64_t)r->settings->epochs,
                                            .batch = (uint64_t)r->settings->batch,
                                            .n_rows = dataset_n(job->train),
                                            .n = r->n,
                                            .best = r->settings->patience > 0,
                                            .net = job->net,
                                            .first = job->first});
}

static void open_run(struct run *r)
{
    const struct train_settings *s = r->settings;
    const size_t batch = smaller((size_t)s->batch, dataset_n(r->job->train));

    r->weights = net_weights(r->job->net, &r->n);
    optim_init(&r->optim, &s->optim, r->n);
    if (s->noise > 0)
        r->noisy = xaligned(batch * net_input_items(r->job->net) * sizeof(float));
    r->resume = open_resume(r);
    r->at = resume_find(r->resume);
    if (r->at)
        follow_checkpoint(r);
    else
        r->at = checkpoint_new(r->weights, r->n, s->patience > 0);
    r->log = log_open(s->log, r->at->log);
}

static bool is_patient(const struct run *r)
{
    const struct checkpoint *at = r->at;

    return at->best_epoch == 0 || at->epoch - 1 - at->best_epoch < (uint64_t)r->settings->patience;
}

/* Epoch by epoch. The rows are loaded first, while a signal ends the process at once. */
static void train_epochs(struct run *r)
{
    const uint64_t epochs = (uint64_t)r->settings->epochs;

    if (r->at->epoch <= epochs) {
        dataset_load(r->job->train);
        dataset_load(r->job->test);
    }
    resume_catch_signals();
    while (r->at->epoch <= epochs && is_patient(r)) {
        double started = profile_seconds(), val_loss;
        train_epoch(r);
        val_loss = validate(r);
        end_epoch(r, val_loss, profile_seconds() - started);
    }
    resume_release_signals();
    pause_here(r); /* where one came since the last batch */
    if (!is_patient(r))
        note("stopped: no lower val_loss since epoch %llu", (unsigned long long)r->at->best_epoch);
}

/* Writes the model: the best weights where the run looked for them, otherwise the last. */
static void close_run(struct run *r)
{
    const struct train_job *job = r->job;
    const bool logs = r->settings->log != NULL;

    fill_checkpoint(r);
    if (r->at->best && r->at->best_epoch > 0) {
        memcpy(r->weights, r->at->best, r->n * sizeof(float));
        net_changed(job->net);
    }
    if (logs)
        whole_begin(job->output);
    log_commit(r->log, r->job->history);
    model_write(job->output, job->net, job->first, job->history, r->at);
    if (logs)
        whole_end(job->output);
    resume_close(r->resume);
    log_close(r->log);
    optim_release(&r->optim);
    checkpoint_free(r->at);
    free(r->noisy);
}

void train_run(const struct train_job *job)
{
    struct run r = {.job = job, .settings = job->settings};

    net_profile(job->net);
    open_run(&r);
    train_epochs(&r);
    close_run(&r);
}
