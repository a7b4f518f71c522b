/* start-net IMAGES -o MODEL: a deep net with random weights, for images of this shape.
 *
 * Layer k has kernels of --kernels[k] and --filters[k] channels in its code. It is the net, and the
 * weights, of `assemble-deep --transfer none` from stages of such settings; no stage is needed.
 */
#include <stdlib.h>

#include "base/report.h"
#include "cli/start.h"
#include "files/history.h"
#include "files/tensor.h"
#include "net/model.h"
#include "net/net.h"

enum { REVISION = 1 };

struct settings {
    const char *kernels, *filters;
    int hidden, output_activation, loss, initialiser;
    bool batch_norm;
};

/* The spec without its layers' kernels and filters, for images T. */
static struct net_spec frame(const struct settings *s, const struct tensor_reader *t)
{
    struct net_spec spec = {.height = (int)t->header.shape[1],
                            .width = (int)t->header.shape[2],
                            .channels = (int)t->header.shape[3],
                            .loss = (enum net_loss)s->loss};

    for (int k = 0; k < NET_MAX_LAYERS; k++) {
        spec.layers[k].activation = (enum net_activation)(k ? s->hidden : s->output_activation);
        spec.layers[k].batch_norm = s->batch_norm;
    }
    return spec;
}

static struct net_spec make_spec(const struct settings *s, const struct tensor_reader *t)
{
    struct net_spec spec = frame(s, t);
    int64_t kernels[NET_MAX_LAYERS], filters[NET_MAX_LAYERS];
    size_t n = value_numbers(kernels, NET_MAX_LAYERS, s->kernels, 1, 15);
    size_t n_filters = value_numbers(filters, NET_MAX_LAYERS, s->filters, 1, 4096);
    const char *reason;

    if (n == 0)
        die_usage("--kernels '%s', want numbers from 1 to 15, %d at most", s->kernels,
                  NET_MAX_LAYERS);
    if (n_filters != n)
        die_usage("--filters '%s', want %zu numbers from 1 to 4096, one for each of --kernels",
                  s->filters, n);
    spec.n_layers = (int)n;
    for (size_t k = 0; k < n; k++) {
        spec.layers[k].kernel = (int)kernels[k];
        spec.layers[k].filters = (int)filters[k];
    }
    if ((reason = spec_check(&spec)))
        die_file(tensor_path(t), "shape (N,%d,%d,%d): %s", spec.height, spec.width, spec.channels,
                 reason);
    return spec;
}

/* To the end of a pipe, where its history is. */
static void read_all(struct tensor_reader *t)
{
    void *row = xmalloc(t->row_bytes);

    while (tensor_read(t, row, 1) > 0)
        ;
    free(row);
}

int main(int argc, char **argv)
{
    struct settings s = {.kernels = "7,5,3,3",
                         .filters = "16,32,64,128",
                         .hidden = NET_RELU,
                         .output_activation = NET_SIGMOID,
                         .loss = NET_BCE,
                         .initialiser = NET_GLOROT_NORMAL};
    const struct cli_option options[] = {
        {"kernels", CLI_TEXT, &s.kernels, 0, 0, "R,R,...", CLI_SETTING,
         "height and width of the kernels of each layer, odd"},
        {"filters", CLI_TEXT, &s.filters, 0, 0, "C,C,...", CLI_SETTING,
         "channels of the code of each layer"},
        {"batch-norm", CLI_BOOL, &s.batch_norm, 0, 0, NULL, CLI_SETTING,
         "normalise each batch before the relu of each encoder"},
        {"hidden", CLI_CHOICE, &s.hidden, 0, 0, spec_activations, CLI_SETTING,
         "activation of the decoders but the last"},
        {"output-activation", CLI_CHOICE, &s.output_activation, 0, 0, spec_activations, CLI_SETTING,
         "activation of the reconstruction"},
        {"loss", CLI_CHOICE, &s.loss, 0, 0, spec_losses, CLI_SETTING, "what is made small"},
        {"initialiser", CLI_CHOICE, &s.initialiser, 0, 0, net_initialisers, CLI_SETTING,
         "distribution of the weights"},
        {0},
    };
    struct cli cli = {
        .tool = "start-net",
        .synopsis = "IMAGES -o MODEL",
        .options = options,
        .summary = "Makes a deep net with random weights, for images (N,H,W,C) of this shape: "
                   "what finetune can start from\nwithout stages.",
        .example = "start-net images.npy.zst --kernels 5,3 --filters 16,32 -o "
                   "deep-init.safetensors.zst",
        .min_arguments = 1,
        .max_arguments = 1,
        .uses_seed = true,
    };
    struct history *h;
    struct tensor_reader *t;
    struct net_spec spec;
    struct net *net;

    cli_parse(&cli, argc, argv);
    h = history_start(&cli, REVISION);
    t = tensor_open(cli.arguments[0]);
    tensor_want(t, -1, 4, NULL);
    spec = make_spec(&s, t);
    if (!tensor_is_seekable(t))
        read_all(t);
    tensor_add_to_history(t, h);
    if (history_is_current(h, cli.output))
        return 0;
    net = net_new(&spec, 1, false);
    net_initialise(net, (enum net_initialiser)s.initialiser, (uint64_t)cli.seed);
    model_write(cli.output, net, 1, NULL, h, NULL);
    return 0;
}
