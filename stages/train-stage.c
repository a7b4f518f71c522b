/* train-stage TRAIN TEST -o MODEL: trains one layer of the stack and its mirror, an autoencoder of
 * its own.
 *
 *     code = maxpool2(relu(conv(x)))     x^ = output(conv(upsample2(code)))     loss(x^, x)
 *
 * TRAIN and TEST hold the same kind of rows (N,H,W,C): images (uint8) for stage 1, codes (float32)
 * of stage k-1 for stage k.
 *
 * The rows are opened. Their shape and the settings make the net. Where the model is made of all
 * this already, nothing is to be done. The net has its first weights: drawn, or those of --init.
 * It is trained, and the model written.
 */
#include <stdint.h>
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

struct settings {
    int64_t stage, kernel, filters;
    int output_activation, loss, initialiser;
    bool batch_norm;
    const char *init;
    struct setup_settings train;
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
    return spec;
}

static struct objective *make_net(const struct settings *s, const struct net_spec *spec,
                                  const struct setup *job)
{
    const struct objective_job work = setup_objective(job, spec);
    struct objective *o = objective_open(&work);

    if (job->init)
        model_load(o->net, job->init);
    else
        net_initialise(o->net, (enum net_initialiser)s->initialiser, (uint64_t)job->cli->seed);
    return o;
}

static const struct cli_option *options(struct settings *s)
{
    static struct cli_option table[10];
    const struct cli_option own[] = {
        {"stage", CLI_INT, &s->stage, 1, NET_MAX_LAYERS, NULL, CLI_SETTING,
         "number of the layer, for the names of its tensors"},
        {"kernel", CLI_INT, &s->kernel, 1, 15, NULL, CLI_SETTING,
         "height and width of the kernels, odd"},
        {"filters", CLI_INT, &s->filters, 1, 4096, NULL, CLI_SETTING, "channels of the code"},
        {"output-activation", CLI_CHOICE, &s->output_activation, 0, 0, spec_activations,
         CLI_SETTING, "activation of the reconstruction"},
        {"loss", CLI_CHOICE, &s->loss, 0, 0, spec_losses, CLI_SETTING, "what is made small"},
        {"batch-norm", CLI_BOOL, &s->batch_norm, 0, 0, NULL, CLI_SETTING,
         "normalise each batch before the relu"},
        {"initialiser", CLI_CHOICE, &s->initialiser, 0, 0, net_initialisers, CLI_SETTING,
         "distribution of the first weights"},
        {"init", CLI_TEXT, &s->init, 0, 0, "MODEL", CLI_INPUT, "start from these weights instead"},
        isa_option(),
        {0},
    };

    memcpy(table, own, sizeof own);
    return table;
}

int main(int argc, char **argv)
{
    struct settings s = {.stage = 1,
                         .kernel = 7,
                         .filters = 16,
                         .output_activation = NET_SIGMOID,
                         .loss = NET_BCE,
                         .initialiser = NET_GLOROT_UNIFORM,
                         .train = setup_defaults};
    struct cli cli = {
        .tool = "train-stage",
        .synopsis = "TRAIN TEST -o MODEL",
        .options = options(&s),
        .more = setup_options(&s.train),
        .renamed = (const struct cli_renamed[]){{"output", "output-activation"}, {0}},
        .summary = "Trains one layer of the stack as an autoencoder of the rows of TRAIN, with the "
                   "loss on TEST after every epoch.",
        .example = "train-stage train-0.npy.zst test-0.npy.zst --epochs 20 --log stage-1.tsv -o "
                   "stage-1.safetensors.zst",
        .min_arguments = 2,
        .max_arguments = 2,
        .uses_seed = true,
    };
    struct setup job = {.cli = &cli, .settings = &s.train, .objective = objective_defaults};
    struct net_spec spec;

    ranks_start(cli.tool);
    cli_parse(&cli, argc, argv);
    isa_select();
    setup_start(&job, NET_REVISION);
    job.first = (int)s.stage;
    job.init = s.init ? model_read(s.init) : NULL;
    setup_open(&job, cli.arguments);
    spec = make_spec(&s, job.train);
    if (setup_is_current(&job, &spec))
        return 0;
    train_run(&job, make_net(&s, &spec, &job));
    return 0;
}
