/* train-stage TRAIN TEST -o MODEL: trains one layer of the stack and its mirror, an autoencoder of
 * its own.
 *
 *     code = maxpool2(relu(conv(x)))     x^ = output(conv(upsample2(code)))     loss(x^, x)
 *
 * TRAIN and TEST hold the same kind of rows (N,H,W,C): images (uint8) for stage 1, codes (float32)
 * of stage k-1 for stage k.
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

struct settings {
    int64_t stage, kernel, filters;
    int output_activation, loss, initialiser;
    bool batch_norm;
    const char *init;
    struct train_settings train;
};

/* The net that these settings and the shape of the rows make. Dies where they do not fit. */
static struct net_spec make_spec(const struct settings *s, const struct dataset *train)
{
    struct net_spec spec = {.n_layers = 1, .loss = (enum net_loss)s->loss};
    const char *reason;
    size_t shape[3];

    dataset_shape(train, shape);
    spec.height = (int)shape[0];
    spec.width = (int)shape[1];
    spec.channels = (int)shape[2];
    spec.layers[0] = (struct net_layer){(int)s->kernel, (int)s->filters,
                                        (enum net_activation)s->output_activation, s->batch_norm};
    if ((reason = spec_check(&spec)))
        die_file(dataset_path(train), "shape (N,%zu,%zu,%zu): %s", shape[0], shape[1], shape[2],
                 reason);
    if (s->loss == NET_BCE && !dataset_is_image(train))
        warn_file(dataset_path(train),
                  "binary cross-entropy wants values from 0 to 1, such as images have");
    if (s->loss == NET_MSE && s->output_activation == NET_SIGMOID && !dataset_is_image(train))
        warn("a sigmoid gives values from 0 to 1 only, codes may be larger; --output-activation "
             "linear gives any");
    return spec;
}

/* The net with its first weights: drawn, or those of the model at --init, which is then an input.
 */
static struct net *make_net(const struct settings *s, const struct net_spec *spec, uint64_t seed,
                            const struct model *init)
{
    struct net *net = net_new(spec, (int)s->train.batch, true);

    if (init)
        model_load(net, init);
    else
        net_initialise(net, (enum net_initialiser)s->initialiser, seed);
    return net;
}

int main(int argc, char **argv)
{
    struct settings s = {
        .stage = 1,
        .kernel = 7,
        .filters = 16,
        .output_activation = NET_SIGMOID,
        .loss = NET_BCE,
        .initialiser = NET_GLOROT_UNIFORM,
        .train = {.epochs = 100,
                  .batch = 128,
                  .shuffle = true,
                  .checkpoint = 60,
                  .optim = {.learning_rate = 0.001,
                            .decay = 0.005,
                            .beta1 = 0.9,
                            .beta2 = 0.999,
                            .epsilon = 1e-8}},
    };
    const struct cli_option options[] = {
        {"stage", CLI_INT, &s.stage, 1, NET_MAX_LAYERS, NULL, CLI_SETTING,
         "number of the layer, for the names of its tensors"},
        {"kernel", CLI_INT, &s.kernel, 1, 15, NULL, CLI_SETTING,
         "height and width of the kernels, odd"},
        {"filters", CLI_INT, &s.filters, 1, 4096, NULL, CLI_SETTING, "channels of the code"},
        {"output-activation", CLI_CHOICE, &s.output_activation, 0, 0, model_activations,
         CLI_SETTING, "activation of the reconstruction"},
        {"loss", CLI_CHOICE, &s.loss, 0, 0, model_losses, CLI_SETTING, "what is made small"},
        {"batch-norm", CLI_BOOL, &s.batch_norm, 0, 0, NULL, CLI_SETTING,
         "normalise each batch before the relu"},
        {"initialiser", CLI_CHOICE, &s.initialiser, 0, 0, net_initialisers, CLI_SETTING,
         "distribution of the first weights"},
        {"init", CLI_TEXT, &s.init, 0, 0, "MODEL", CLI_INPUT, "start from these weights instead"},
        isa_option(),
        {0},
    };
    struct cli cli = {
        .tool = "train-stage",
        .synopsis = "TRAIN TEST -o MODEL",
        .options = options,
        .more = train_options(&s.train),
        .renamed = (const struct cli_renamed[]){{"output", "output-activation"}, {0}},
        .summary = "Trains one layer of the stack as an autoencoder of the rows of TRAIN, with the "
                   "loss on TEST after every epoch.",
        .example = "train-stage train-0.npy.zst test-0.npy.zst --epochs 20 --log stage-1.tsv -o "
                   "stage-1.safetensors.zst",
        .min_arguments = 2,
        .max_arguments = 2,
        .uses_seed = true,
    };
    struct history *h;
    struct dataset *train, *test;
    struct net_spec spec;
    struct model *init;
    bool piped;
    struct net *net;
    cli_parse(&cli, argc, argv);
    isa_select();
    h = history_start(&cli, REVISION);
    train_open(&train, &test, cli.arguments);
    spec = make_spec(&s, train);
    init = s.init ? model_read(s.init) : NULL;
    piped = dataset_is_piped(train) || dataset_is_piped(test);
    if (piped) /* the end of a pipe tells its history */
        train_divide(train, test, &spec, &s.train, (size_t)cli.memory);
    dataset_add_to_history(train, h);
    dataset_add_to_history(test, h);
    if (init)
        model_add_to_history(init, h);
    if (history_is_current(h, cli.output))
        return 0;
    if (!piped)
        train_divide(train, test, &spec, &s.train, (size_t)cli.memory);
    net = make_net(&s, &spec, (uint64_t)cli.seed, init);
    train_run(&(struct train_job){.net = net,
                                  .train = train,
                                  .test = test,
                                  .settings = &s.train,
                                  .seed = (uint64_t)cli.seed,
                                  .history = h,
                                  .output = cli.output,
                                  .first = (int)s.stage});
    return 0;
}
