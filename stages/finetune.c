/* finetune MODEL TRAIN TEST -o MODEL: trains all layers of a deep net together, on images.
 *
 * The net, its activations and its loss are those of MODEL; so are the first weights, unless they
 * are drawn anew or those of --init.
 *
 * The model and the rows are opened, and must fit. Where the tuned model is made of all this
 * already, nothing is to be done. The net has its first weights. It is trained, and the model
 * written.
 */
#include <stdlib.h>

#include "cli/start.h"
#include "net/dataset.h"
#include "files/history.h"
#include "kernels/isa.h"
#include "net/model.h"
#include "net/net.h"
#include "base/report.h"
#include "net/train.h"

static struct net *make_net(const struct model *model, int initialiser, const struct setup *job)
{
    struct net *net = model_net(model, (int)job->settings->batch, true);

    if (job->init)
        model_load(net, job->init);
    else if (initialiser > 0)
        net_initialise(net, (enum net_initialiser)(initialiser - 1), (uint64_t)job->cli->seed);
    return net;
}

int main(int argc, char **argv)
{
    int initialiser = 0; /* 0: the model's weights; i: net_initialisers[i-1] */
    const char *init = NULL, *choices = xformat("model|%s", net_initialisers);
    struct setup_settings s = setup_defaults;
    const struct cli_option options[] = {
        {"initialiser", CLI_CHOICE, &initialiser, 0, 0, choices, CLI_SETTING,
         "first weights: the model's, or drawn anew"},
        {"init", CLI_TEXT, &init, 0, 0, "MODEL", CLI_INPUT,
         "start from the weights of this model instead"},
        isa_option(),
        {0},
    };
    struct cli cli = {
        .tool = "finetune",
        .synopsis = "MODEL TRAIN TEST -o MODEL",
        .options = options,
        .more = setup_options(&s),
        .summary = "Trains all layers of a deep net together on the rows of TRAIN, with the loss "
                   "on TEST after every epoch.",
        .example = "finetune deep-init.safetensors.zst train-0.npy.zst test-0.npy.zst --epochs 20 "
                   "-o deep.safetensors.zst",
        .min_arguments = 3,
        .max_arguments = 3,
        .uses_seed = true,
    };
    struct setup job = {.cli = &cli, .settings = &s};
    struct model *model;
    size_t shape[3];

    s.penalty.l2 = 0.0005;
    cli_parse(&cli, argc, argv);
    isa_select();
    job.history = history_start(&cli, NET_REVISION);
    model = model_read(cli.arguments[0]);
    job.first = model->first;
    job.init = init ? model_read(init) : NULL;
    setup_open(&job, cli.arguments + 1);
    dataset_shape(job.train, shape);
    model_want(model, dataset_path(job.train), shape);
    model_add_to_history(model, job.history);
    if (setup_is_current(&job, &model->spec))
        return 0;
    train_run(&job, make_net(model, initialiser, &job));
    return 0;
}
