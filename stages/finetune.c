/* finetune MODEL TRAIN TEST -o MODEL: trains all layers of a deep net together, on images.
 *
 * The net, its activations and its loss are those of MODEL; so are the first weights, unless they
 * are drawn anew or those of --init. What is made small is the --objective (objective.h).
 *
 * The model and the rows are opened, and must fit. Where the tuned model is made of all this
 * already, nothing is to be done. The net has its first weights. It is trained, and the model
 * written.
 */
#include <string.h>

#include "cli/start.h"
#include "net/dataset.h"
#include "files/history.h"
#include "kernels/isa.h"
#include "net/model.h"
#include "net/net.h"
#include "base/ranks.h"
#include "base/report.h"
#include "net/train.h"

/* The head's first weights: those FROM has, where it is of the same form, otherwise drawn. */
static void start_head(struct head *head, const struct model *from, uint64_t seed)
{
    size_t n;

    if (from && from->head.n_layers > 0 && head_is_equal(&from->head, head_get_spec(head)))
        memcpy(head_weights(head, &n), from->head_weights, from->n_head * sizeof(float));
    else
        head_initialise(head, seed);
}

/* INITIALISER: 0: the model's weights; i: net_initialisers[i-1]. */
static struct objective *make_objective(const struct model *model, int initialiser,
                                        const struct setup *job)
{
    const struct objective_job work = setup_objective(job, &model->spec);
    const uint64_t seed = (uint64_t)job->cli->seed;
    const struct model *from = job->init ? job->init : initialiser > 0 ? NULL : model;
    struct objective *o = objective_open(&work);

    if (from)
        model_load(o->net, from);
    else
        net_initialise(o->net, (enum net_initialiser)(initialiser - 1), seed);
    if (o->head)
        start_head(o->head, from, seed);
    return o;
}

/* The program's own, then the objectives'. */
static const struct cli_option *options(int *initialiser, const char **init,
                                        struct objective_settings *objective)
{
    static struct cli_option table[32];
    const struct cli_option own[] = {
        {"initialiser", CLI_CHOICE, initialiser, 0, 0, xformat("model|%s", net_initialisers),
         CLI_SETTING, "first weights: the model's, or drawn anew"},
        {"init", CLI_TEXT, init, 0, 0, "MODEL", CLI_INPUT,
         "start from the weights of this model instead"},
        isa_option(),
    };
    const struct cli_option *more = objective_options(objective);
    struct cli_option *end = table + sizeof own / sizeof *own;

    memcpy(table, own, sizeof own);
    while ((*end++ = *more++).name)
        ;
    return table;
}

int main(int argc, char **argv)
{
    int initialiser = 0;
    const char *init = NULL;
    struct setup_settings s = setup_defaults;
    struct setup job = {.settings = &s, .objective = objective_defaults};
    struct cli cli = {
        .tool = "finetune",
        .synopsis = "MODEL TRAIN TEST -o MODEL",
        .options = options(&initialiser, &init, &job.objective),
        .more = setup_options(&s),
        .summary = "Trains all layers of a deep net together on the rows of TRAIN, with the loss "
                   "on TEST after every epoch.",
        .example = "finetune deep-init.safetensors.zst train-0.npy.zst test-0.npy.zst --epochs 20 "
                   "-o deep.safetensors.zst",
        .min_arguments = 3,
        .max_arguments = 3,
        .uses_seed = true,
    };
    struct model *model;
    size_t shape[3];

    job.cli = &cli;
    s.penalty.l2 = 0.0005;
    ranks_start(cli.tool);
    cli_parse(&cli, argc, argv);
    isa_select();
    setup_start(&job, NET_REVISION);
    model = model_read(cli.arguments[0]);
    job.first = model->first;
    job.init = init ? model_read(init) : NULL;
    setup_open(&job, cli.arguments + 1);
    dataset_shape(job.train, shape);
    model_want(model, dataset_path(job.train), shape);
    model_add_to_history(model, job.history);
    if (setup_is_current(&job, &model->spec))
        return 0;
    train_run(&job, make_objective(model, initialiser, &job));
    return 0;
}
