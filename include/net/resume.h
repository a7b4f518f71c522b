/* resume: a training that was stopped or killed goes on where it stood, as if it never had been.
 *
 * Where a training stands is written to OUTPUT.checkpoint, a model file, from time to time and on a
 * signal; the one before it stays as OUTPUT.checkpoint.before, for a disk may lose a bit. Both go
 * when OUTPUT stands. A run with the same inputs and settings goes on from the newest that is
 * whole, or, with more epochs, from the finished OUTPUT. A checkpoint that is damaged, of another
 * run or beyond the epochs wanted is never overwritten: it is set aside under the next free name,
 * OUTPUT.checkpoint.old, .old.2 and so on, and said so.
 *
 * Of several ranks the first alone has an output, and looks for checkpoints.
 *
 * Signals. Until resume_catch_signals SIGHUP, SIGINT and SIGTERM end the process at once. From
 * there to resume_release_signals they wait for resume_pause, which writes a checkpoint and ends
 * the process by that signal; a SIGINT that finds another one waiting ends it at once. One that was
 * ignored when the process started (nohup) stays ignored.
 */
#ifndef RESUME_H
#define RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/history.h"
#include "net/checkpoint.h"
#include "net/net.h"

struct resume_job {
    const struct history *history; /* of this run, all inputs added */
    const char *output; /* model file; NULL, "-" or no regular file: there are no checkpoints */
    double interval;    /* seconds between checkpoints; 0: only where a signal asks for one */
    uint64_t epochs, batch, n_rows; /* wanted; of an update; to train on */
    bool whole_run;                 /* the epochs decide the rate: more of them are another run */
    size_t n;                       /* parameters of the net, and of its head */
    bool best;                      /* whether the best weights are kept */
    struct net *net;                /* whose form a checkpoint has, with its weights, */
    struct head *head;              /* NULL: none */
    int first;                      /* and the number of its first layer */
};

struct resume;

/* JOB is copied. Dies where the name of a checkpoint would be too long and one is wanted. */
struct resume *resume_open(const struct resume_job *job);
/* Where an earlier run stood, the caller's to free; NULL: there is none to go on from. */
struct checkpoint *resume_find(struct resume *r);

void resume_catch_signals(void);
void resume_release_signals(void);

/* Whether it is time for a checkpoint, or a signal waits: then resume_pause is to be called. Ranks
 * agree: a signal to any of them is one to all. */
bool resume_is_due(struct resume *r);
/* Between two batches, at AT: writes a checkpoint; where a signal waits, ends the process by it. */
void resume_pause(struct resume *r, const struct checkpoint *at);

/* The model stands: removes its checkpoints, frees. */
void resume_close(struct resume *r);

#endif
