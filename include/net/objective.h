/* objective: what a training makes small, by its name.
 *
 *     reconstruction   loss(net(x + noise), x) + penalties
 *     views            NT-Xent of the codes of two views of each image, seen through a head
 *                      (views.h, head.h, contrast.h), + W * loss(net(view), view) + penalties
 *
 * A third is a file objective-NAME.c with its struct objective_kind, named in objective.c, and its
 * settings in struct objective_settings. All that is drawn is drawn by the seed, the epoch and the
 * place of a row in it, so that a training goes on as if it had never stopped.
 */
#ifndef OBJECTIVE_H
#define OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "net/checkpoint.h"
#include "net/head.h"
#include "net/net.h"
#include "net/views.h"

struct objective_settings {
    int name;        /* position in "reconstruction|views" */
    double noise;    /* standard deviation of the noise on the input of a reconstruction */
    double momentum; /* of the running averages of batch normalisation */
    struct views_settings views;
    int64_t pool;          /* the head sees the code averaged to pool x pool */
    const char *head;      /* "512,512" */
    double temperature;    /* of NT-Xent */
    double reconstruction; /* W */
    const char *dump;      /* file for the views of the first batch, or NULL */
};
extern const struct objective_settings objective_defaults;

/* The options of these settings but noise, defaults as in S; at most one table a process. */
const struct cli_option *objective_options(struct objective_settings *s);

/* What an objective works on. */
struct objective_job {
    const struct objective_settings *settings;
    const struct net_spec *spec;
    const struct net_penalty *penalty;
    size_t batch;  /* rows at once */
    size_t n_rows; /* of the larger set; no batch has more */
    bool image;    /* rows from 0 to 1 */
    uint64_t seed;
};
/* Dies (2), naming the option, where settings do not go together, or with this net. */
void objective_check(const struct objective_job *job);
/* Bytes of the net and all else but what grows with `parameters`, numbers that are trained. */
size_t objective_memory(const struct objective_job *job, size_t *parameters);

/* Rows x (n,H,W,C) of a dataset, the first of them at place ROW of EPOCH, from 1; 0: a batch of
 * evaluation. */
struct objective_batch {
    const float *x;
    size_t n;
    uint64_t epoch, row;
};
struct objective_kind;
struct objective {
    const struct objective_kind *kind;
    struct objective_job job;
    struct net *net;
    struct head *head; /* or NULL; trained beside the net */
};
struct objective_kind {
    const char *name;
    int n_parts; /* of the loss, that the log tells: their names */
    const char *parts[CHECKPOINT_PARTS];
    size_t images; /* that the net sees of each row */
    enum net_use use;
    void (*check)(const struct objective_job *job);
    struct head_spec (*head)(const struct objective_job *job);  /* NULL: none */
    size_t (*memory)(const struct objective_job *job);          /* of its own */
    struct objective *(*open)(const struct objective_job *job); /* net, head and kind come after */
    /* The loss of a batch, and its parts. train: its gradients to the net and the head. */
    double (*train)(struct objective *o, const struct objective_batch *b, double *parts);
    double (*evaluate)(struct objective *o, const struct objective_batch *b, double *parts);
    /* What is to be shown of the first batch, or NULL. */
    void (*first)(struct objective *o, const struct objective_batch *b);
    void (*close)(struct objective *o);
};

/* With a net and a head that have no weights yet. */
struct objective *objective_open(const struct objective_job *job);
void objective_close(struct objective *o);

#endif
