#include "net/setup.h"

#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"
#include "files/alike.h"

const struct setup_settings setup_defaults = {
    .epochs = 100,
    .batch = 128,
    .shuffle = true,
    .checkpoint = 60,
    .optim = {
        .learning_rate = 0.001, .decay = 0.005, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}};

const struct cli_option *setup_options(struct setup_settings *s)
{
    static struct cli_option table[24];
    const struct cli_option options[] = {
        {"epochs", CLI_INT, &s->epochs, 0, 1e9, NULL, CLI_SETTING,
         "times every row is used; 0 writes the initial weights"},
        {"batch", CLI_INT, &s->batch, 1, 65536, NULL, CLI_SETTING,
         "rows an update; up to 128 keep 8 threads busy, each 16 beyond one more"},
        {"shuffle", CLI_BOOL, &s->shuffle, 0, 0, NULL, CLI_SETTING,
         "a new order of the rows every epoch"},
        {"learning-rate", CLI_REAL, &s->optim.learning_rate, 0, 1e3, NULL, CLI_SETTING, "of Adam"},
        {"schedule", CLI_CHOICE, &s->optim.schedule, 0, 0, optim_schedules, CLI_SETTING | CLI_LATER,
         "of the rate: by --decay, constant, or a cosine down to 0"},
        {"warm-up", CLI_REAL, &s->warm_up, 0, 1e6, NULL, CLI_SETTING | CLI_LATER,
         "epochs over which the rate rises from 0"},
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

void setup_open(struct setup *t, char *const paths[2])
{
    size_t a[3], b[3];

    t->objective.noise = t->settings->noise;
    t->train = dataset_open(paths[0]);
    t->test = dataset_open(paths[1]);
    dataset_shape(t->train, a);
    dataset_shape(t->test, b);
    if (memcmp(a, b, sizeof a) != 0)
        die_file(paths[1], "shape (N,%zu,%zu,%zu), want (N,%zu,%zu,%zu) as '%s'", b[0], b[1], b[2],
                 a[0], a[1], a[2], paths[0]);
}

/* More epochs move the end of a cosine, and all rates before. */
void setup_start(struct setup *t, int revision)
{
    char *epochs = xformat("%lld", (long long)t->settings->epochs);

    alike_want_files(t->cli);
    t->history = history_new(t->cli, revision);
    if (t->settings->optim.schedule == OPTIM_COSINE)
        history_setting(t->history, "training anew, for a cosine over epochs", epochs);
    history_ask(t->history);
    free(epochs);
}

struct objective_job setup_objective(const struct setup *t, const struct net_spec *spec)
{
    return (struct objective_job){.settings = &t->objective,
                                  .spec = spec,
                                  .penalty = &t->settings->penalty,
                                  .batch = (size_t)t->settings->batch,
                                  .n_rows = larger(dataset_n(t->train), dataset_n(t->test)),
                                  .image = dataset_is_image(t->train),
                                  .seed = (uint64_t)t->cli->seed};
}

struct optim_settings setup_optim(const struct setup *t)
{
    const size_t batch = (size_t)t->settings->batch, steps = divide_up(dataset_n(t->train), batch);
    struct optim_settings optim = t->settings->optim;

    optim.warm_up = t->settings->warm_up * (double)steps;
    optim.total = (uint64_t)t->settings->epochs * steps;
    return optim;
}

/* The net and what the objective wants besides, Adam's moments, where the training stands, a
 * checkpoint on its way from a file to there, and the batches. */
static size_t memory_wanted(const struct setup *t, const struct net_spec *spec)
{
    const struct setup_settings *s = t->settings;
    const struct objective_job job = setup_objective(t, spec);
    size_t n, blocks = s->patience > 0 ? 5 : 4; /* of a model file with a checkpoint */
    const size_t objective = objective_memory(&job, &n);

    return PROCESS_MEMORY + objective + (2 + 3 * blocks) * n * sizeof(float)
        + dataset_memory(t->train, job.batch) + dataset_memory(t->test, job.batch);
}

/* What the net and its batches take is known; the rows have the rest, but at most 5/8 and 1/8. */
static void divide_memory(const struct setup *t, const struct net_spec *spec)
{
    const size_t memory = (size_t)t->cli->memory, wanted = memory_wanted(t, spec);

    want_memory(wanted, (size_t)t->settings->batch, memory);
    dataset_limit(t->train, smaller(memory / 8 * 5, (memory - wanted) / 6 * 5));
    dataset_limit(t->test, smaller(memory / 8, (memory - wanted) / 6));
}

/* The cross-entropy has no least value for a target that is no probability. */
static enum dataset_outside outside(const struct net_spec *spec)
{
    return spec->loss == NET_BCE                    ? DATASET_REFUSE
        : spec->layers[0].activation == NET_SIGMOID ? DATASET_WARN
                                                    : DATASET_TAKE;
}

bool setup_is_current(const struct setup *t, const struct net_spec *spec)
{
    const struct objective_job job = setup_objective(t, spec);
    const bool piped = dataset_is_piped(t->train) || dataset_is_piped(t->test);

    objective_check(&job);
    dataset_want_unit(t->train, outside(spec));
    dataset_want_unit(t->test, outside(spec));
    if (piped) /* its end tells its history: the rows are read here */
        divide_memory(t, spec);
    dataset_add_to_history(t->train, t->history);
    dataset_add_to_history(t->test, t->history);
    if (t->init)
        model_add_to_history(t->init, t->history);
    if (alike_is_current(t->history, t->cli))
        return true;
    if (!piped)
        divide_memory(t, spec);
    return false;
}
