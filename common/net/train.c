#include "net/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/checkpoint.h"
#include "kernels/kernels.h"
#include "net/log.h"
#include "net/model.h"
#include "net/optim.h"
#include "base/profile.h"
#include "base/report.h"
#include "net/resume.h"
#include "base/rng.h"
#include "files/whole.h"

struct run {
    const struct setup *job;
    const struct setup_settings *settings;
    struct net *net;
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
    net_changed(r->net);
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
    size_t items = net_input_items(r->net);
    bool image = dataset_is_image(r->job->train);
    float low = image ? 0 : -INFINITY, high = image ? 1 : INFINITY;

    if (!r->noisy)
        return x;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        struct rng stream;
        rng_init(&stream, (uint64_t)r->job->cli->seed, RNG_NOISE,
                 r->at->epoch << 32 | (r->at->rows + i));
        kernels_get()->noise(r->noisy + i * items, x + i * items, items, (float)r->settings->noise,
                             low, high, &stream);
    }
    return r->noisy;
}

static void show_progress(struct run *r)
{
    const struct checkpoint *at = r->at;

    log_progress(r->log,
                 &(struct log_batch){.epoch = at->epoch,
                                     .epochs = (uint64_t)r->settings->epochs,
                                     .rows = at->rows,
                                     .n_rows = dataset_n(r->job->train),
                                     .batch = (size_t)r->settings->batch,
                                     .loss = at->loss_sum / (double)at->rows});
}

/* The rest of the epoch under way. */
static void train_epoch(struct run *r)
{
    const struct setup_settings *s = r->settings;
    struct checkpoint *at = r->at;
    const float *x;
    size_t n;

    dataset_start(r->job->train, (size_t)s->batch, s->shuffle, (uint64_t)r->job->cli->seed,
                  at->epoch, at->rows);
    while ((n = dataset_next(r->job->train, &x)) > 0) {
        enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
        double loss = net_train(r->net, add_noise(r, x, n), x, n, &s->penalty);
        if (!isfinite(loss))
            die("epoch %llu, step %zu: the loss is not finite; try a lower --learning-rate",
                (unsigned long long)at->epoch, at->rows / (size_t)s->batch + 1);
        optim_update(&r->optim, r->weights, net_gradients(r->net));
        net_changed(r->net);
        profile_leave(before);
        at->loss_sum += loss * (double)n;
        at->rows += n;
        show_progress(r);
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
        sum += net_evaluate(r->net, x, x, n, &r->settings->penalty) * (double)n;
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
    const struct setup *job = r->job;

    return resume_open(&(struct resume_job){.history = job->history,
                                            .output = job->cli->output,
                                            .interval = r->settings->checkpoint,
                                            .epochs = (uint64_t)r->settings->epochs,
                                            .batch = (uint64_t)r->settings->batch,
                                            .n_rows = dataset_n(job->train),
                                            .n = r->n,
                                            .best = r->settings->patience > 0,
                                            .net = r->net,
                                            .first = job->first});
}

static void open_run(struct run *r)
{
    const struct setup_settings *s = r->settings;
    const size_t batch = (size_t)s->batch, n = dataset_n(r->job->train);

    r->weights = net_weights(r->net, &r->n);
    optim_init(&r->optim, &s->optim, r->n);
    if (s->noise > 0)
        r->noisy = xaligned((batch < n ? batch : n) * net_input_items(r->net) * sizeof(float));
    r->resume = open_resume(r);
    r->at = resume_find(r->resume);
    if (r->at)
        follow_checkpoint(r);
    else
        r->at = checkpoint_new(r->weights, r->n, s->patience > 0);
    r->log = log_open(s->log, r->at->log);
}

/* Until all epochs are done, or too many without a lower val_loss. */
static bool goes_on(const struct run *r)
{
    const struct checkpoint *at = r->at;

    return at->epoch <= (uint64_t)r->settings->epochs
        && (at->best_epoch == 0
            || at->epoch - 1 - at->best_epoch < (uint64_t)r->settings->patience);
}

/* Epoch by epoch. The rows are loaded first, while a signal ends the process at once. */
static void train_epochs(struct run *r)
{
    if (goes_on(r)) {
        dataset_load(r->job->train);
        dataset_load(r->job->test);
    }
    resume_catch_signals();
    while (goes_on(r)) {
        double started = profile_seconds(), val_loss;
        train_epoch(r);
        val_loss = validate(r);
        end_epoch(r, val_loss, profile_seconds() - started);
    }
    resume_release_signals();
    pause_here(r); /* where a signal came since the last batch */
    if (r->at->epoch <= (uint64_t)r->settings->epochs)
        note("stopped: no lower val_loss since epoch %llu", (unsigned long long)r->at->best_epoch);
}

/* Writes the model: the best weights where the run looked for them, otherwise the last. */
static void close_run(struct run *r)
{
    const struct setup *job = r->job;
    const bool logs = r->settings->log != NULL;

    fill_checkpoint(r);
    if (r->at->best && r->at->best_epoch > 0) {
        memcpy(r->weights, r->at->best, r->n * sizeof(float));
        net_changed(r->net);
    }
    if (logs)
        whole_begin(job->cli->output);
    log_commit(r->log, job->history);
    model_write(job->cli->output, r->net, job->first, job->history, r->at);
    if (logs)
        whole_end(job->cli->output);
    resume_close(r->resume);
    log_close(r->log);
    optim_release(&r->optim);
    checkpoint_free(r->at);
    free(r->noisy);
}

void train_run(const struct setup *job, struct net *net)
{
    struct run r = {.job = job, .settings = job->settings, .net = net};

    net_profile(net);
    open_run(&r);
    train_epochs(&r);
    close_run(&r);
}
