/* train: the epoch loop that train-stage and finetune share, which survives being killed.
 *
 * An epoch: every training row once, in batches; then the loss over the test rows, weights at rest.
 * The epoch's loss is the mean of the batch losses, weighted by their rows, while the weights move.
 * What it tells is the log's (log.h); how it goes on after it was stopped is resume's (resume.h).
 * Since the rate, the shuffle and the noise depend on counts of updates, epochs and rows alone, the
 * bytes of a run that goes on are those of a run never stopped. Started by mpirun as several ranks
 * (ranks.h), each of which must find the same files, they train together, to the same bytes; the
 * first alone writes.
 */
#ifndef TRAIN_H
#define TRAIN_H

#include "net/objective.h"
#include "net/setup.h"

/* Trains the net of O, and its head, which have their first weights, with the loss on the test rows
 * after every epoch, and writes the model to the output. Dies, with epoch and step, when the loss
 * is not finite. */
void train_run(const struct setup *job, struct objective *o);

#endif
