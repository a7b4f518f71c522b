#include "net/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/profile.h"
#include "base/ranks.h"
#include "base/report.h"
#include "files/keep.h"
#include "files/whole.h"
#include "net/model.h"

struct resume {
    struct resume_job job;
    char *newest, *before; /* paths of the checkpoints; NULL: there are none */
    double saved;          /* when the newest was written, seconds */
    int signal;            /* at which all ranks end, or 0 */
};

/* --- signals --- */

static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
enum { N_SIGNALS = sizeof signals / sizeof *signals };

static struct sigaction found[N_SIGNALS]; /* the handlers that were there */
static volatile sig_atomic_t waiting;     /* the signal that is to end the process, or 0 */

/* Two threads may be here at once: whichever counts second knows of the other. */
static void on_signal(int number)
{
    static int n_signals;

    if (__atomic_fetch_add(&n_signals, 1, __ATOMIC_RELAXED) > 0 && number == SIGINT)
        whole_die_by_signal(number);
    waiting = number;
}

void resume_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    for (int i = 0; i < N_SIGNALS; i++)
        if (sigaction(signals[i], NULL, &found[i]) == 0 && found[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

void resume_release_signals(void)
{
    for (int i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &found[i], NULL);
}

/* --- writing --- */

/* PATH with ENDING; NULL where that name is too long and none is WANTED. */
static char *name_beside(const char *path, const char *ending, bool wanted)
{
    char *name = xformat("%s%s", path, ending);
    struct stat st;

    if (stat(name, &st) == 0 || errno != ENAMETOOLONG)
        return name;
    if (wanted)
        die_file(name, "%s; with --checkpoint 0 there is no such file", strerror(errno));
    free(name);
    return NULL;
}

struct resume *resume_open(const struct resume_job *job)
{
    struct resume *r = xcalloc(1, sizeof *r);
    struct stat st;

    *r = (struct resume){.job = *job, .saved = profile_seconds()};
    if (!job->output || strcmp(job->output, "-") == 0
        || (stat(job->output, &st) == 0 && !S_ISREG(st.st_mode)))
        return r;
    r->newest = name_beside(job->output, ".checkpoint", job->interval > 0);
    r->before = name_beside(job->output, ".checkpoint.before", job->interval > 0);
    if (!r->before) {
        free(r->newest);
        r->newest = NULL;
    }
    return r;
}

/* The newest becomes the one before, and stays where it is until the next has its name; where there
 * are no hard links, it moves. */
static void keep_newest(const struct resume *r)
{
    unlink(r->before);
    if (linkat(AT_FDCWD, r->newest, AT_FDCWD, r->before, 0) != 0
        && rename(r->newest, r->before) != 0 && errno != ENOENT)
        die_file(r->newest, "cannot be kept as '%s': %s", r->before, strerror(errno));
}

bool resume_is_due(struct resume *r)
{
    const double interval = r->job.interval;
    const bool late = r->newest && interval > 0 && profile_seconds() - r->saved >= interval;
    const int agreed = ranks_most(2 * waiting + late);

    r->signal = agreed / 2;
    return agreed > 0;
}

void resume_pause(struct resume *r, const struct checkpoint *at)
{
    enum profile_part before = profile_enter(PROFILE_CHECKPOINT);

    if (r->newest) {
        keep_newest(r);
        model_write(r->newest, r->job.net, r->job.first, r->job.head, r->job.history, at);
        r->saved = profile_seconds();
    }
    profile_leave(before);
    if (!r->signal)
        return;
    if (r->newest)
        note("stopped in epoch %llu; the same command goes on from there",
             (unsigned long long)at->epoch);
    ranks_most(0); /* the others wait until the checkpoint stands */
    whole_die_by_signal(r->signal);
}

static void remove_file(const char *path)
{
    if (path && unlink(path) != 0 && errno != ENOENT)
        warn_file(path, "%s", strerror(errno));
}

void resume_close(struct resume *r)
{
    remove_file(r->newest);
    remove_file(r->before);
    free(r->newest);
    free(r->before);
    free(r);
}

/* --- going on --- */

/* NULL, or the reason, perhaps in TEXT, why a training that stands at C is none to go on from. */
static const char *check(const struct resume_job *job, const struct checkpoint *c, bool *other,
                         char text[REASON_SIZE])
{
    const uint64_t begun = c->epoch - (c->rows == 0);

    if (c->n != job->n || (c->best != NULL) != job->best)
        return "damaged: its training does not fit the net";
    *other = begun > job->epochs;
    if (*other)
        return reason(text, "is of another run (%llu epochs begun, want at most %llu)",
                      (unsigned long long)begun, (unsigned long long)job->epochs);
    return checkpoint_check(c, job->n_rows, job->batch, text);
}

/* Takes the training in the file at PATH into *c. NULL, or the reason, perhaps in TEXT, why there
 * is none to go on from: the file is whole, but of an *other run, or it is damaged. */
static const char *load(const struct resume_job *job, const char *path, struct checkpoint **c,
                        bool *other, char text[REASON_SIZE])
{
    char *history = keep_read(path),
         *difference = history
        ? history_difference(job->history, history, job->whole_run ? NULL : "epochs")
        : NULL;
    struct model *m = NULL;
    const char *bad;

    *other = difference != NULL;
    if (*other)
        bad = reason(text, "is of another run (%s)", difference);
    else if (!(bad = model_try_read(&m, path, text)))
        bad = !history     ? "damaged: no history"
            : !m->training ? "damaged: no training"
                           : check(job, m->training, other, text);
    if (!bad) {
        *c = m->training;
        m->training = NULL;
    }
    if (m)
        model_free(m);
    free(history);
    free(difference);
    return bad;
}

/* The finished model, which may be of any run, or no model at all. */
static struct checkpoint *find_finished(const struct resume *r)
{
    const char *path = r->job.output, *bad;
    char text[REASON_SIZE], *history;
    struct checkpoint *c = NULL;
    struct stat st;
    bool other;

    if (!path || strcmp(path, "-") == 0 || stat(path, &st) != 0 || !S_ISREG(st.st_mode)
        || !(history = keep_read(path)))
        return NULL;
    free(history);
    bad = load(&r->job, path, &c, &other, text);
    if (bad && !other)
        warn_file(path, "%s; training begins anew", bad);
    return c;
}

struct checkpoint *resume_find(struct resume *r)
{
    const char *const paths[] = {r->newest, r->before};
    char text[REASON_SIZE];
    struct checkpoint *c = NULL;
    bool damaged = false, other;
    struct stat st;

    for (int i = 0; i < 2 && !c; i++) {
        const char *bad;

        if (!paths[i] || stat(paths[i], &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (access(paths[i], R_OK) != 0)
            die_file(paths[i], "%s", strerror(errno));
        if ((bad = load(&r->job, paths[i], &c, &other, text)))
            whole_set_aside(paths[i], bad);
        damaged = damaged || (bad && !other);
    }
    if (!c)
        c = find_finished(r);
    if (c)
        note("goes on in epoch %llu after %llu rows", (unsigned long long)c->epoch,
             (unsigned long long)c->rows);
    else if (damaged)
        note("no checkpoint is left to go on from: training begins anew");
    return c;
}
