/* assemble-deep MODEL... -o MODEL: joins the layers of K stages into one deep net.
 *
 * Encoder k and decoder k are those of stage k. The decoder of stage 1 keeps its output activation
 * and the net its loss; the decoders within the net were trained as outputs and now feed one
 * another: their activation becomes --hidden.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "files/history.h"
#include "net/model.h"
#include "net/net.h"
#include "base/report.h"

enum { REVISION = 1, TRANSFER_ALL = 0, TRANSFER_NONE = 1 };

/* The spec of stages 1..N joined. Dies where two do not fit, naming both shapes. */
static struct net_spec join(struct model *const *stages, int n, enum net_activation hidden)
{
    struct net_spec spec = stages[0]->spec;
    int h = spec.height, w = spec.width, c = spec.channels;
    const char *reason;

    for (int k = 0; k < n; k++) {
        const struct model *m = stages[k];
        if (m->spec.n_layers != 1 || m->first != k + 1)
            die_file(m->path, "layers %d to %d, want the model of stage %d alone", m->first,
                     m->first + m->spec.n_layers - 1, k + 1);
        if (m->spec.height != h || m->spec.width != w || m->spec.channels != c)
            die_file(m->path, "takes (N,%d,%d,%d), but '%s' gives (N,%d,%d,%d)", m->spec.height,
                     m->spec.width, m->spec.channels, stages[k - 1]->path, h, w, c);
        spec.layers[k] = m->spec.layers[0];
        if (k > 0)
            spec.layers[k].activation = hidden;
        h /= 2;
        w /= 2;
        c = m->spec.layers[0].filters;
    }
    spec.n_layers = n;
    if ((reason = spec_check(&spec)))
        die("%s", reason);
    return spec;
}

/* Copies the parameters of stage k to layer k: "encoder.1.kernel" of the stage is
 * "encoder.k.kernel" of the net. */
static void transfer(struct net *net, struct model *const *stages, int n)
{
    size_t n_parameters, n_weights;
    const struct net_parameter *to = net_parameters(net, &n_parameters);
    float *weights = net_weights(net, &n_weights);

    for (int k = 0; k < n; k++) {
        size_t n_from;
        struct net_parameter *from = spec_describe(&stages[k]->spec, &n_from, &n_weights);
        for (size_t i = 0; i < n_from; i++) {
            char name[sizeof from->name];
            snprintf(name, sizeof name, "%.7s.%d.%.12s", from[i].name, k + 1,
                     strrchr(from[i].name, '.') + 1);
            for (size_t j = 0; j < n_parameters; j++)
                if (strcmp(to[j].name, name) == 0)
                    memcpy(weights + to[j].offset, stages[k]->weights + from[i].offset,
                           from[i].count * sizeof(float));
        }
        free(from);
    }
    net_changed(net);
}

int main(int argc, char **argv)
{
    int how = TRANSFER_ALL, hidden = NET_RELU, initialiser = NET_GLOROT_NORMAL;
    const struct cli_option options[] = {
        {"transfer", CLI_CHOICE, &how, 0, 0, "all|none", CLI_SETTING,
         "weights of the stages; none: drawn at random"},
        {"hidden", CLI_CHOICE, &hidden, 0, 0, spec_activations, CLI_SETTING,
         "activation of the decoders but the last"},
        {"initialiser", CLI_CHOICE, &initialiser, 0, 0, net_initialisers, CLI_SETTING,
         "distribution, with --transfer none"},
        {0},
    };
    struct cli cli = {
        .tool = "assemble-deep",
        .synopsis = "MODEL... -o MODEL",
        .options = options,
        .summary = "Joins the models of stages 1 to K, in this order, into one deep net.",
        .example = "assemble-deep stage-1.safetensors.zst stage-2.safetensors.zst -o "
                   "deep-init.safetensors.zst",
        .min_arguments = 1,
        .max_arguments = NET_MAX_LAYERS,
        .uses_seed = true,
    };
    struct history *h;
    struct model *stages[NET_MAX_LAYERS] = {0};
    struct net_spec spec;
    struct net *net;
    cli_parse(&cli, argc, argv);
    h = history_start(&cli, REVISION);
    for (int k = 0; k < cli.n_arguments; k++) {
        stages[k] = model_read(cli.arguments[k]);
        model_add_to_history(stages[k], h);
    }
    spec = join(stages, cli.n_arguments, (enum net_activation)hidden);
    if (history_is_current(h, cli.output))
        return 0;
    net = net_new(&spec, 1, false);
    if (how == TRANSFER_ALL)
        transfer(net, stages, cli.n_arguments);
    else
        net_initialise(net, (enum net_initialiser)initialiser, (uint64_t)cli.seed);
    model_write(cli.output, net, 1, NULL, h, NULL);
    return 0;
}
