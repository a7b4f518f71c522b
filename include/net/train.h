/* train: the epoch loop that train-stage and finetune share, which survives being killed.
 *
 * An epoch: every training row once, in batches; then the loss over the test rows, weights at rest.
 * The epoch's loss is the mean of the batch losses, weighted by their rows, while the weights move.
 * What it tells is the log's (log.h); how it goes on after it was stopped is resume's (resume.h).
 * Since the rate, the shuffle and the noise depend on counts of updates, epochs and rows alone, the
 * bytes of a run that goes on are those of a run never stopped.
 */
#ifndef TRAIN_H
#define TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "net/dataset.h"
#include "files/history.h"
#include "net/net.h"
#include "net/optim.h"

struct train_settings {
    int64_t epochs, batch;
    bool shuffle;
    struct optim_settings optim;
    struct net_penalty penalty;
    double noise; /* standard deviation of the Gaussian noise added to the input, not the target;
                     images stay in 0..1 */
    int64_t patience;  /* stop after this many epochs without a lower val_loss, and keep the best
                          weights; 0: never */
    double checkpoint; /* seconds between checkpoints; 0: none */
    const char *log;   /* TSV file, or NULL */
};

struct train_job {
    struct net *net; /* with its first weights */
    struct dataset *train, *test;
    const struct train_settings *settings;
    uint64_t seed;
    const struct history *history; /* of this run, all inputs added */
    const char *output; /* model file; NULL or "-": standard output, and no checkpoints */
    int first;          /* number of the net's first layer */
};

/* The options of these settings, defaults as in S; at most one table a process. */
const struct cli_option *train_options(struct train_settings *s);
/* Opens the rows to train on and to test on, PATHS[0] and PATHS[1]. Dies unless their shapes agree.
 */
void train_open(struct dataset **train, struct dataset **test, char *const paths[2]);
/* Divides MEMORY bytes, before rows are read: what a net of SPEC and its batches take is known, the
 * rows have the rest, but at most 5/8 and 1/8. Dies where there is no rest. */
void train_divide(struct dataset *train, struct dataset *test, const struct net_spec *spec,
                  const struct train_settings *s, size_t memory);
/* Trains the net, with the loss on the test rows after every epoch, and writes the model. A line an
 * epoch on standard error, on a terminal also one that moves. Dies, with epoch and step, when the
 * loss is not finite. */
void train_run(const struct train_job *job);

#endif
