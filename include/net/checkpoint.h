/* checkpoint: where a training stands. A model file keeps it beside the net, so that training goes
 * on from it as if it had never stopped.
 *
 * In the file: tensors training.weights, training.m, training.v (Adam's moments) and, with early
 * stopping, training.best, all flat in the order of the net's parameters; in __metadata__ the
 * numbers below under "training.epoch" and so on ("training.part_sum.1" and so on, where the
 * loss has parts), sums in hexadecimal floating point.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"
#include "files/safetensors.h"

enum { CHECKPOINT_PARTS = 4 };

struct checkpoint {
    uint64_t epoch;                     /* the epoch under way, from 1 */
    uint64_t rows;                      /* of it already trained on */
    double loss_sum;                    /* of the batch losses of those rows, times their rows */
    size_t n_parts;                     /* of the loss, that the log tells too, */
    double part_sums[CHECKPOINT_PARTS]; /* and likewise their sums */
    uint64_t updates;                   /* of the weights, in all epochs */
    double best_loss;                   /* lowest val_loss so far, infinity at first; */
    uint64_t best_epoch;                /* its epoch, 0: none */
    size_t n;                           /* parameters */
    float *weights, *m, *v;             /* (n) owned */
    float *best; /* (n) weights of best_epoch, owned; NULL without early stopping */
    char *log;   /* "epoch\tloss\tval_loss\tlearning_rate\n" of every epoch done, owned */
};

/* Before the first update: N parameters, WEIGHTS copied. BEST: with room for the best weights. */
struct checkpoint *checkpoint_new(const float *weights, size_t n, bool best);
void checkpoint_free(struct checkpoint *c);
/* Adds a line to the log. */
void checkpoint_log(struct checkpoint *c, const char *line);

/* The entries and metadata of C, appended to S behind its last; arrays in S grow. Names and values
 * are new strings. */
void checkpoint_format(const struct checkpoint *c, struct safetensors *s);
/* The float blocks in the order of those entries; *n_blocks of them, of c->n floats each. */
void checkpoint_blocks(const struct checkpoint *c, const float *blocks[4], size_t *n_blocks);
/* The checkpoint in S, parsed from the file DATA, for a net of N parameters; NULL
 * where S has none; *reason is set where it is damaged. */
struct checkpoint *checkpoint_parse(const struct safetensors *s, const unsigned char *data,
                                    size_t n, const char **reason);
/* NULL, or the reason, perhaps in TEXT, why no training on N_ROWS rows in batches of BATCH ever
 * stands at C, of at most 2^31 epochs. */
const char *checkpoint_check(const struct checkpoint *c, uint64_t n_rows, uint64_t batch,
                             char text[REASON_SIZE]);

#endif
