#include "net/train.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "net/checkpoint.h"
#include "kernels/kernels.h"
#include "net/model.h"
#include "base/profile.h"
#include "base/report.h"
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
    FILE *log;    /* the log while training goes, at */
    char
        *log_path; /* LOG.part, or LOG itself where that is no regular file; NULL: none is wanted */
    char *log_rows;     /* its lines so far */
    char *path;         /* of the checkpoint, or NULL */
    double saved;       /* when it was last written, seconds */
    double began;       /* when this process started to train, */
    uint64_t rows_done; /* and how many rows it has done since */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- stopping and going on --- */

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_signal = number;
}

/* Signals wait for the end of a batch from here on; the handlers that were there are kept in
 * BEFORE. */
static void catch_signals(struct sigaction before[2])
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigaction(SIGINT, &action, &before[0]);
    sigaction(SIGTERM, &action, &before[1]);
}

static void release_signals(const struct sigaction before[2])
{
    sigaction(SIGINT, &before[0], NULL);
    sigaction(SIGTERM, &before[1], NULL);
}

static void fill_checkpoint(struct run *r)
{
    memcpy(r->at->weights, r->weights, r->n * sizeof(float));
    memcpy(r->at->m, r->optim.m, r->n * sizeof(float));
    memcpy(r->at->v, r->optim.v, r->n * sizeof(float));
    r->at->updates = r->optim.updates;
}

static void save(struct run *r)
{
    enum profile_part before = profile_enter(PROFILE_CHECKPOINT);
    const struct train_job *job = r->job;

    fill_checkpoint(r);
    model_write(r->path, job->net, job->first, job->history, r->at);
    r->saved = now();
    profile_leave(before);
}

/* Between two batches: a checkpoint where it is time for one; on a signal a last one, and out by
 * that signal. */
static void pause_here(struct run *r)
{
    if (r->path
        && (stop_signal
            || (r->settings->checkpoint > 0 && now() - r->saved >= r->settings->checkpoint)))
        save(r);
    if (!stop_signal)
        return;
    if (r->path)
        note("stopped in epoch %llu; the same command goes on from there",
             (unsigned long long)r->at->epoch);
    signal(stop_signal, SIG_DFL);
    raise(stop_signal);
}

/* A checkpoint of another run is kept under another name: it may be worth a night. */
static void set_aside(const char *path, const char *difference)
{
    char *aside = xformat("%s.old", path);

    if (rename(path, aside) != 0)
        die_file(path, "is of another run (%s) and cannot be set aside: %s", difference,
                 strerror(errno));
    warn_file(path, "is of another run (%s), set aside as '%s'", difference, aside);
    free(aside);
}

/* Takes over what the file at PATH says of a run as this one; false where there is no such. */
static bool resume_from(struct run *r, const char *path)
{
    struct model *m;
    struct stat st;
    char *text, *difference;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || !(text = history_read(path)))
        return false;
    difference = history_difference(r->job->history, text, "epochs");
    free(text);
    if (difference) {
        if (r->path && strcmp(path, r->path) == 0)
            set_aside(path, difference);
        free(difference);
        return false;
    }
    m = model_read(path);
    /* An epoch under way counts as begun: with fewer epochs than that there is nothing to go on to.
     */
    if (!m->training || m->training->n != r->n
        || m->training->epoch > (uint64_t)r->settings->epochs + 1
        || (m->training->epoch == (uint64_t)r->settings->epochs + 1 && m->training->rows > 0)
        || (m->training->best != NULL) != (r->settings->patience > 0)) {
        model_free(m);
        return false;
    }
    checkpoint_free(r->at);
    r->at = m->training;
    m->training = NULL;
    model_free(m);
    memcpy(r->weights, r->at->weights, r->n * sizeof(float));
    memcpy(r->optim.m, r->at->m, r->n * sizeof(float));
    memcpy(r->optim.v, r->at->v, r->n * sizeof(float));
    r->optim.updates = r->at->updates;
    net_changed(r->job->net);
    note("goes on in epoch %llu after %llu rows", (unsigned long long)r->at->epoch,
         (unsigned long long)r->at->rows);
    return true;
}

/* --- the log --- */

static const char log_header[] = "epoch\tloss\tval_loss\tlearning_rate\tseconds\n";

static void write_log(struct run *r, const char *line, double seconds)
{
    char *rows;

    if (!r->log)
        return;
    rows = xformat("%s%.*s\t%.3f\n", r->log_rows, (int)strcspn(line, "\n"), line, seconds);
    if (fputs(rows + strlen(r->log_rows), r->log) < 0 || fflush(r->log) != 0)
        die_file(r->log_path, "%s", strerror(errno));
    free(r->log_rows);
    r->log_rows = rows;
}

/* The seconds that TEXT, a log, gives for the line LINE; 0 where it has no such. */
static double seconds_of(const char *text, const char *line)
{
    size_t len = strcspn(line, "\n");

    for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (strncmp(p, line, len) == 0 && p[len] == '\t')
            return strtod(p + len + 1, NULL);
    return 0;
}

/* The text of a log that stands at PATH, or NULL. */
static char *read_log(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    if (f && getdelim(&text, &size, '\0', f) < 0 && ferror(f))
        die_file(path, "%s", strerror(errno));
    if (f)
        fclose(f);
    return text;
}

/* Starts the log anew with the epochs already done; their seconds are taken from the log that was
 * there. */
static void open_log(struct run *r)
{
    const char *log = r->settings->log;
    char *before = NULL;
    struct stat st;

    if (!log)
        return;
    r->log_path = xstrdup(log);
    r->log_rows = xstrdup(log_header);
    if (stat(log, &st) != 0 || S_ISREG(st.st_mode)) {
        r->log_path = xformat("%s.part", log);
        before = read_log(stat(r->log_path, &st) == 0 ? r->log_path : log);
        if (access(log, W_OK) != 0 && errno != ENOENT) /* now, not after the last epoch */
            die_file(log, "%s", strerror(errno));
    }
    r->log = fopen(r->log_path, "we");
    if (!r->log || fputs(log_header, r->log) < 0 || fflush(r->log) != 0)
        die_file(r->log_path, "%s", strerror(errno));
    for (const char *line = r->at->log; *line; line += strcspn(line, "\n") + 1)
        write_log(r, line, seconds_of(before, line));
    free(before);
}

/* Gives the log its name, whole. */
static void close_log(struct run *r)
{
    struct whole *w;

    if (fclose(r->log) != 0)
        die_file(r->log_path, "%s", strerror(errno));
    if (strcmp(r->log_path, r->settings->log) == 0)
        return;
    w = whole_create(r->settings->log);
    whole_write(w, r->log_rows, strlen(r->log_rows));
    whole_commit(w);
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

static void show_progress(const struct run *r)
{
    static double shown;
    const struct train_settings *s = r->settings;
    double t = now(), rate = (double)r->rows_done / (t - r->began);
    size_t n = dataset_n(r->job->train), batch = (size_t)s->batch;
    double left =
        ((double)((uint64_t)s->epochs - r->at->epoch + 1) * (double)n - (double)r->at->rows) / rate;

    if (!progress_wanted() || t - shown < 0.1)
        return;
    shown = t;
    progress("epoch %llu/%lld  batch %zu/%zu  loss %.5f  %.0f images/s  %d:%02d:%02d left",
             (unsigned long long)r->at->epoch, (long long)s->epochs,
             (r->at->rows + batch - 1) / batch, (n + batch - 1) / batch,
             r->at->loss_sum / (double)r->at->rows, rate, (int)(left / 3600), (int)(left / 60) % 60,
             (int)left % 60);
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
        r->rows_done += n;
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
    double loss = at->loss_sum / (double)at->rows;
    double rate = optim_rate(&r->settings->optim, r->optim.updates - 1);
    char *line =
        xformat("%llu\t%.9g\t%.9g\t%.9g\n", (unsigned long long)at->epoch, loss, val_loss, rate);

    if (!isfinite(val_loss))
        die("epoch %llu: the loss on the test rows is not finite; try a lower --learning-rate",
            (unsigned long long)at->epoch);
    write_log(r, line, seconds);
    note("epoch %llu/%lld  loss %.6f  val_loss %.6f  %.1f s", (unsigned long long)at->epoch,
         (long long)r->settings->epochs, loss, val_loss, seconds);
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

static void open_run(struct run *r)
{
    const struct train_settings *s = r->settings;
    const char *output = r->job->output;
    struct stat st;

    r->weights = net_weights(r->job->net, &r->n);
    r->at = checkpoint_new(r->weights, r->n, s->patience > 0);
    optim_init(&r->optim, &s->optim, r->n);
    if (s->noise > 0) {
        size_t batch = (size_t)s->batch < dataset_n(r->job->train) ? (size_t)s->batch
                                                                   : dataset_n(r->job->train);
        r->noisy = xaligned(batch * net_input_items(r->job->net) * sizeof(float));
    }
    if (output && strcmp(output, "-") != 0 && (stat(output, &st) != 0 || S_ISREG(st.st_mode))) {
        r->path = xformat("%s.checkpoint", output);
        if (stat(r->path, &st) != 0 && errno == ENAMETOOLONG) {
            if (s->checkpoint > 0)
                die_file(r->path, "%s; with --checkpoint 0 there is no such file", strerror(errno));
            free(r->path);
            r->path = NULL;
        }
        if (!r->path || !resume_from(r, r->path))
            resume_from(r, output);
    }
    open_log(r);
    r->began = r->saved = now();
}

/* What served until the model stood. */
static void remove_file(const char *path)
{
    if (path && unlink(path) != 0 && errno != ENOENT)
        warn_file(path, "%s", strerror(errno));
}

/* Writes the model: the best weights where the run looked for them, otherwise the last. */
static void close_run(struct run *r)
{
    const struct train_job *job = r->job;

    fill_checkpoint(r);
    if (r->at->best && r->at->best_epoch > 0) {
        memcpy(r->weights, r->at->best, r->n * sizeof(float));
        net_changed(job->net);
    }
    if (r->log) {
        whole_begin(job->output);
        close_log(r);
    }
    model_write(job->output, job->net, job->first, job->history, r->at);
    if (r->log)
        whole_end(job->output);
    remove_file(r->path);
    if (r->log && strcmp(r->log_path, r->settings->log) != 0)
        remove_file(r->log_path);
    optim_release(&r->optim);
    checkpoint_free(r->at);
    free(r->noisy);
    free(r->path);
    free(r->log_path);
    free(r->log_rows);
}

void train_run(const struct train_job *job)
{
    const struct train_settings *s = job->settings;
    struct run r = {.job = job, .settings = s};
    struct sigaction before[2];

    net_profile(job->net);
    open_run(&r);
    catch_signals(before);
    while (r.at->epoch <= (uint64_t)s->epochs) {
        double started = now();
        if (r.at->best_epoch > 0 && r.at->epoch - 1 - r.at->best_epoch >= (uint64_t)s->patience) {
            note("stopped: no lower val_loss since epoch %llu",
                 (unsigned long long)r.at->best_epoch);
            break;
        }
        train_epoch(&r);
        double val_loss = validate(&r);
        end_epoch(&r, val_loss, now() - started);
    }
    release_signals(before);
    close_run(&r);
}
