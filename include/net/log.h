/* log: what a training tells, epoch by epoch.
 *
 * The log, TSV, a line an epoch as training goes: epoch, loss, val_loss, learning_rate (of the
 * epoch's last update), the parts of the loss where it has some, seconds (of the epoch, validation
 * included). It is LOG.part until the training is done, so that the log of the model that stands
 * stays with it; what is no regular file (/dev/stderr) is written straight. On standard error a
 * line an epoch, and on a terminal also one that moves with the batches.
 */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>
#include <stdint.h>

#include "files/history.h"

struct train_log;

/* What the loss is the sum of, where that is told: of each its name, a column, and after these
 * columns val_NAME. */
struct log_parts {
    int n;
    const char *const *names;
};
struct log_epoch {
    uint64_t epoch, epochs;
    double loss, val_loss, learning_rate, seconds;
    const double *parts, *val_parts; /* (n) each */
};
struct log_batch {
    uint64_t epoch, epochs;
    uint64_t rows, n_rows; /* of the epoch: trained on, with this batch; all */
    size_t batch;          /* rows of a whole batch */
    double loss;           /* mean over the epoch so far */
};

/* Starts the log at PATH (NULL: no file) anew with the lines DONE, as log_add returned them; their
 * seconds are taken from the log that stood there. Dies where it cannot be written. */
struct train_log *log_open(const char *path, const char *done, struct log_parts parts);
/* Adds an epoch. Returns its line without the seconds, "epoch\tloss\tval_loss\tlearning_rate\n",
 * before its end the parts: a new string. */
char *log_add(struct train_log *l, const struct log_epoch *e);
/* The line that moves with the batches (progress.h). */
void log_progress(struct train_log *l, const struct log_batch *b);
/* Gives the file its name, whole, and its history beside it; LOG.part stays until log_close. */
void log_commit(struct train_log *l, const struct history *h);
void log_close(struct train_log *l);

#endif
