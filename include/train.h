/* train: the epoch loop that train-stage and finetune share.
 */
#ifndef TRAIN_H
#define TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "dataset.h"
#include "net.h"
#include "optim.h"

struct train_settings {
    int64_t epochs, batch;
    bool shuffle;
    struct optim_settings optim;
    struct net_penalty penalty;
    double noise;        /* standard deviation of what is added to the input, not to the target; 0: none */
    int64_t patience;    /* stop after so many epochs without a better val_loss and keep the best weights; 0: never */
    uint64_t seed;
    const char *log;     /* TSV file, or NULL */
};

/* Trains NET on TRAIN, with the loss on TEST after every epoch. Writes the log a line an epoch, a line an epoch on standard error (a moving
 * line on a terminal). Dies, with epoch and step, when the loss is not finite. */
void train_run(struct net *net, struct dataset *train, struct dataset *test, const struct train_settings *s);

#endif
