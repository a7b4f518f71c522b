/* finetune MODEL TRAIN TEST -o MODEL: trains all layers of a deep net together, on images.
 *
 * The net, its activations and its loss are those of MODEL; so are the first weights, unless they
 * are drawn anew.
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

enum { REVISION = 9 };

int main(int argc, char **argv)
{
    int initialiser = 0; /* 0: the model's weights; i: net_initialisers[i-1] */
    const char *init = NULL, *choices = xformat("model|%s", net_initialisers);
    struct train_settings s = {
        .epochs = 100,
        .batch = 128,
        .shuffle = true,
        .checkpoint = 60,
        .penalty = {.l2 = 0.0005},
        .optim = {
            .learning_rate = 0.001, .decay = 0.005, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}};
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
        .more = train_options(&s),
        .summary = "Trains all layers of a deep net together on the rows of TRAIN, with the loss "
                   "on TEST after every epoch.",
        .example = "finetune deep-init.safetensors.zst train-0.npy.zst test-0.npy.zst --epochs 20 "
                   "-o deep.safetensors.zst",
        .min_arguments = 3,
        .max_arguments = 3,
        .uses_seed = true,
    };
    struct history *h;
    struct model *model, *from;
    struct dataset *train, *test;
    size_t shape[3];
    bool piped;
    struct net *net;
    cli_parse(&cli, argc, argv);
    isa_select();
    h = history_start(&cli, REVISION);
    model = model_read(cli.arguments[0]);
    from = init ? model_read(init) : NULL;
    train_open(&train, &test, cli.arguments + 1);
    dataset_shape(train, shape);
    model_want(model, dataset_path(train), shape);
    piped = dataset_is_piped(train) || dataset_is_piped(test);
    if (piped) /* the end of a pipe tells its history */
        train_divide(train, test, &model->spec, &s, (size_t)cli.memory);
    model_add_to_history(model, h);
    dataset_add_to_history(train, h);
    dataset_add_to_history(test, h);
    if (from)
        model_add_to_history(from, h);
    if (history_is_current(h, cli.output))
        return 0;
    if (!piped)
        train_divide(train, test, &model->spec, &s, (size_t)cli.memory);
    net = model_net(model, (int)s.batch, true);
    if (from)
        model_load(net, from);
    else if (initialiser > 0)
        net_initialise(net, (enum net_initialiser)(initialiser - 1), (uint64_t)cli.seed);
    train_run(&(struct train_job){.net = net,
                                  .train = train,
                                  .test = test,
                                  .settings = &s,
                                  .seed = (uint64_t)cli.seed,
                                  .history = h,
                                  .output = cli.output,
                                  .first = model->first});
    return 0;
}
