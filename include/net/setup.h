/* setup: what train-stage and finetune hold before the first batch: settings, rows, the history of
 * the run, and the memory shared out among them.
 */
#ifndef SETUP_H
#define SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "files/history.h"
#include "net/dataset.h"
#include "net/model.h"
#include "net/objective.h"
#include "net/optim.h"

struct setup_settings {
    int64_t epochs, batch;
    bool shuffle;
    struct optim_settings optim; /* but warm_up and total */
    double warm_up;              /* epochs over which the rate rises to what it is */
    struct net_penalty penalty;
    double noise; /* standard deviation of the Gaussian noise added to the input, not the target;
                     images stay in 0..1 */
    int64_t patience;  /* stop after this many epochs without a lower val_loss, and keep the best
                          weights; 0: never */
    double checkpoint; /* seconds between checkpoints; 0: none */
    const char *log;   /* TSV file, or NULL */
};
extern const struct setup_settings setup_defaults;

struct setup {
    const struct cli *cli; /* output, memory, seed */
    const struct setup_settings *settings;
    struct objective_settings objective; /* its noise is that of the settings */
    struct history *history;
    struct dataset *train, *test;
    struct model *init; /* whose weights are the first ones; an input after the rows, or NULL */
    int first;          /* number of the net's first layer */
};

/* The options of these settings, defaults as in S; at most one table a process. */
const struct cli_option *setup_options(struct setup_settings *s);
/* Starts the record of this run, and answers --why. */
void setup_start(struct setup *t, int revision);
/* Opens the rows to train on and to test on, PATHS[0] and PATHS[1]. Dies unless their shapes agree.
 */
void setup_open(struct setup *t, char *const paths[2]);
/* What the objective works on, with a net of SPEC; between setup_open and the end of the run. */
struct objective_job setup_objective(const struct setup *t, const struct net_spec *spec);
/* The settings of the optimiser, in updates. */
struct optim_settings setup_optim(const struct setup *t);
/* Adds the rows and INIT to the history. True where the output is current: nothing is to be done.
 * Otherwise the memory for the rows is what a net of SPEC leaves of --memory; dies where that is
 * none. Rows are held to what the loss and the output of SPEC can give. Dies (2) where the settings
 * of the objective do not go together. */
bool setup_is_current(const struct setup *t, const struct net_spec *spec);

#endif
