#include "net/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/checkpoint.h"
#include "net/log.h"
#include "net/model.h"
#include "net/optim.h"
#include "base/profile.h"
#include "base/ranks.h"
#include "base/report.h"
#include "net/resume.h"
#include "files/whole.h"

/* What is trained: the net's weights, and the head's. */
struct block {
    float *weights;
    const float *gradients;
    size_t n;
    struct optim optim;
};

struct run {
    const struct setup *job;
    const struct setup_settings *settings;
    struct objective *objective;
    struct block blocks[2];
    int n_blocks;
    struct checkpoint *at; /* where the run stands; its blocks are filled when it is written */
    double val_parts[CHECKPOINT_PARTS];
    struct train_log *log;
    struct resume *resume;
};

static size_t n_weights(const struct run *r)
{
    return r->blocks[0].n + r->blocks[1].n;
}

/* The weights, one block behind the other, to TO; and FROM there. */
static void copy_weights(const struct run *r, float *to)
{
    for (int b = 0; b < r->n_blocks; to += r->blocks[b++].n)
        memcpy(to, r->blocks[b].weights, r->blocks[b].n * sizeof *to);
}

static void take_weights(struct run *r, const float *from)
{
    for (int b = 0; b < r->n_blocks; from += r->blocks[b++].n)
        memcpy(r->blocks[b].weights, from, r->blocks[b].n * sizeof *from);
    net_changed(r->objective->net);
}

/* The weights and the optimiser's state into R->at. */
static void fill_checkpoint(struct run *r)
{
    size_t at = 0;

    copy_weights(r, r->at->weights);
    for (int b = 0; b < r->n_blocks; at += r->blocks[b++].n) {
        const struct optim *o = &r->blocks[b].optim;
        memcpy(r->at->m + at, o->m, o->n * sizeof(float));
        memcpy(r->at->v + at, o->v, o->n * sizeof(float));
    }
    r->at->updates = r->blocks[0].optim.updates;
}

/* And out of it. */
static void follow_checkpoint(struct run *r)
{
    size_t at = 0;

    take_weights(r, r->at->weights);
    for (int b = 0; b < r->n_blocks; at += r->blocks[b++].n) {
        struct optim *o = &r->blocks[b].optim;
        memcpy(o->m, r->at->m + at, o->n * sizeof(float));
        memcpy(o->v, r->at->v + at, o->n * sizeof(float));
        o->updates = r->at->updates;
    }
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

static void update(struct run *r)
{
    for (int b = 0; b < r->n_blocks; b++)
        optim_update(&r->blocks[b].optim, r->blocks[b].weights, r->blocks[b].gradients);
    net_changed(r->objective->net);
}

/* The rest of the epoch under way. */
static void train_epoch(struct run *r)
{
    const struct setup_settings *s = r->settings;
    struct objective *o = r->objective;
    struct checkpoint *at = r->at;
    struct objective_batch batch;

    dataset_start(r->job->train, (size_t)s->batch, s->shuffle, (uint64_t)r->job->cli->seed,
                  at->epoch, at->rows);
    while ((batch.n = dataset_next(r->job->train, &batch.x)) > 0) {
        enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
        double parts[CHECKPOINT_PARTS] = {0}, loss;
        batch.epoch = at->epoch;
        batch.row = at->rows;
        loss = o->kind->train(o, &batch, parts);
        if (!isfinite(loss))
            die("epoch %llu, step %zu: the loss is not finite; try a lower --learning-rate",
                (unsigned long long)at->epoch, at->rows / (size_t)s->batch + 1);
        update(r);
        profile_leave(before);
        at->loss_sum += loss * (double)batch.n;
        for (int i = 0; i < o->kind->n_parts; i++)
            at->part_sums[i] += parts[i] * (double)batch.n;
        at->rows += batch.n;
        show_progress(r);
        pause_here(r);
    }
}

/* The first batch of the first epoch, for those who want to see it. */
static void show_first(struct run *r)
{
    const struct setup_settings *s = r->settings;
    struct objective *o = r->objective;
    struct objective_batch batch = {.epoch = 1};

    if (!o->kind->first)
        return;
    dataset_start(r->job->train, (size_t)s->batch, s->shuffle, (uint64_t)r->job->cli->seed, 1, 0);
    batch.n = dataset_next(r->job->train, &batch.x);
    o->kind->first(o, &batch);
}

static double validate(struct run *r)
{
    struct objective *o = r->objective;
    double sum = 0, sums[CHECKPOINT_PARTS] = {0};
    struct objective_batch batch = {0};

    dataset_start(r->job->test, (size_t)r->settings->batch, false, 0, 0, 0);
    while ((batch.n = dataset_next(r->job->test, &batch.x)) > 0) {
        enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
        double parts[CHECKPOINT_PARTS] = {0};
        sum += o->kind->evaluate(o, &batch, parts) * (double)batch.n;
        for (int i = 0; i < o->kind->n_parts; i++)
            sums[i] += parts[i] * (double)batch.n;
        profile_leave(before);
        batch.row += batch.n;
        pause_here(r);
    }
    for (int i = 0; i < o->kind->n_parts; i++)
        r->val_parts[i] = sums[i] / (double)batch.row;
    return sum / (double)batch.row;
}

/* The epoch under way is done: its losses go to the log, and the run stands at the start of the
 * next. */
static void end_epoch(struct run *r, double val_loss, double seconds)
{
    struct checkpoint *at = r->at;
    const struct optim *optim = &r->blocks[0].optim;
    double parts[CHECKPOINT_PARTS];
    char *line;

    for (size_t i = 0; i < at->n_parts; i++)
        parts[i] = at->part_sums[i] / (double)at->rows;
    if (!isfinite(val_loss))
        die("epoch %llu: the loss on the test rows is not finite; try a lower --learning-rate",
            (unsigned long long)at->epoch);
    line = log_add(
        r->log,
        &(struct log_epoch){.epoch = at->epoch,
                            .epochs = (uint64_t)r->settings->epochs,
                            .loss = at->loss_sum / (double)at->rows,
                            .val_loss = val_loss,
                            .learning_rate = optim_rate(&optim->settings, optim->updates - 1),
                            .seconds = seconds,
                            .parts = parts,
                            .val_parts = r->val_parts});
    checkpoint_log(at, line);
    free(line);
    if (at->best && val_loss < at->best_loss) {
        at->best_loss = val_loss;
        at->best_epoch = at->epoch;
        copy_weights(r, at->best);
    }
    at->epoch++;
    at->rows = 0;
    at->loss_sum = 0;
    memset(at->part_sums, 0, sizeof at->part_sums);
}

/* --- the run --- */

/* Rank 0 alone writes, and knows of earlier runs. */
static bool leads(void)
{
    return ranks_own() == 0;
}

static struct resume *open_resume(const struct run *r)
{
    const struct setup *job = r->job;

    return resume_open(
        &(struct resume_job){.history = job->history,
                             .output = leads() ? job->cli->output : NULL,
                             .interval = r->settings->checkpoint,
                             .epochs = (uint64_t)r->settings->epochs,
                             .batch = (uint64_t)r->settings->batch,
                             .n_rows = dataset_n(job->train),
                             .whole_run = r->settings->optim.schedule == OPTIM_COSINE,
                             .n = n_weights(r),
                             .best = r->settings->patience > 0,
                             .net = r->objective->net,
                             .head = r->objective->head,
                             .first = job->first});
}

static void add_block(struct run *r, float *weights, const float *gradients, size_t n)
{
    const struct optim_settings settings = setup_optim(r->job);
    struct block *b = &r->blocks[r->n_blocks++];

    *b = (struct block){.weights = weights, .gradients = gradients, .n = n};
    optim_init(&b->optim, &settings, n);
}

static void find_blocks(struct run *r)
{
    struct objective *o = r->objective;
    size_t n;
    float *weights = net_weights(o->net, &n);

    add_block(r, weights, net_gradients(o->net), n);
    if (o->head) {
        weights = head_weights(o->head, &n);
        add_block(r, weights, head_gradients(o->head), n);
    }
}

static struct checkpoint *start(const struct run *r)
{
    struct checkpoint *at = checkpoint_new(NULL, n_weights(r), r->settings->patience > 0);

    copy_weights(r, at->weights);
    if (at->best)
        copy_weights(r, at->best);
    return at;
}

/* Where rank 0 stands, to all. */
static void share_checkpoint(struct checkpoint *at)
{
    struct checkpoint told = *at;
    float *const blocks[] = {at->weights, at->m, at->v, at->best};

    ranks_broadcast(&told, sizeof told);
    told.weights = at->weights, told.m = at->m, told.v = at->v, told.best = at->best;
    told.log = at->log;
    *at = told;
    for (int i = 0; i < 4; i++)
        ranks_broadcast(blocks[i], blocks[i] ? at->n * sizeof(float) : 0);
}

static void open_run(struct run *r)
{
    const struct objective_kind *kind = r->objective->kind;
    bool goes_on;

    find_blocks(r);
    r->resume = open_resume(r);
    r->at = leads() ? resume_find(r->resume) : NULL;
    goes_on = r->at;
    ranks_broadcast(&goes_on, sizeof goes_on);
    if (!r->at)
        r->at = start(r);
    if (goes_on) {
        share_checkpoint(r->at);
        follow_checkpoint(r);
    }
    r->at->n_parts = (size_t)kind->n_parts;
    r->log = log_open(leads() ? r->settings->log : NULL, r->at->log,
                      (struct log_parts){kind->n_parts, kind->parts});
    dataset_share(r->job->train, kind->images);
    dataset_share(r->job->test, kind->images);
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
    show_first(r);
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

/* The model: the best weights where the run looked for them, otherwise the last. */
static void write_model(struct run *r)
{
    const struct setup *job = r->job;
    const bool logs = r->settings->log != NULL;

    fill_checkpoint(r);
    if (r->at->best && r->at->best_epoch > 0)
        take_weights(r, r->at->best);
    if (logs)
        whole_begin(job->cli->output);
    log_commit(r->log, job->history);
    model_write(job->cli->output, r->objective->net, job->first, r->objective->head, job->history,
                r->at);
    if (logs)
        whole_end(job->cli->output);
}

static void close_run(struct run *r)
{
    if (leads())
        write_model(r);
    resume_close(r->resume);
    log_close(r->log);
    for (int b = 0; b < r->n_blocks; b++)
        optim_release(&r->blocks[b].optim);
    checkpoint_free(r->at);
}

void train_run(const struct setup *job, struct objective *o)
{
    struct run r = {.job = job, .settings = job->settings, .objective = o};

    net_profile(o->net);
    open_run(&r);
    train_epochs(&r);
    net_profile_exchange(o->net);
    close_run(&r);
    objective_close(o);
}
