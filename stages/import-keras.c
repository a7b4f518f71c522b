/* import-keras H5 -o MODEL: a net that Keras 1 or 2 trained and kept in HDF5 becomes our model: of
 * one stage, or deep. */
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "cli/start.h"
#include "exchange/keras.h"
#include "files/history.h"
#include "net/model.h"
#include "net/net.h"

enum { REVISION = 1 };

/* Choices whose first is the file's word: -1. */
#define BY_FILE "by-file|"

static void add_input(struct history *h, const char *path)
{
    struct zio_reader *r = strcmp(path, "-") == 0 ? NULL : zio_open(path);
    char digest[DIGEST_SIZE];

    if (!r)
        die_file(path, "HDF5 must come from a file");
    zio_reader_digest(r, digest);
    history_input(h, digest, NULL);
    zio_close(r);
}

int main(int argc, char **argv)
{
    int64_t height = 0, width = 0, first = 1;
    int output = 0, hidden = 0, loss = 0, ordering = KERAS_BY_FILE;
    const struct cli_option options[] = {
        {"stage", CLI_INT, &first, 1, 10000, NULL, CLI_SETTING,
         "number of its first layer: of a model of one stage, which"},
        {"height", CLI_INT, &height, 0, 1 << 20, NULL, CLI_SETTING,
         "of its input; 0: what the file says"},
        {"width", CLI_INT, &width, 0, 1 << 20, NULL, CLI_SETTING, "likewise"},
        {"output-activation", CLI_CHOICE, &output, 0, 0, BY_FILE "linear|relu|sigmoid", CLI_SETTING,
         "of the last decoder; where the file tells none: sigmoid, from stage 2 linear"},
        {"hidden", CLI_CHOICE, &hidden, 0, 0, BY_FILE "linear|relu|sigmoid", CLI_SETTING,
         "of the other decoders; where the file tells none: relu"},
        {"loss", CLI_CHOICE, &loss, 0, 0, BY_FILE "mean-squared-error|binary-crossentropy",
         CLI_SETTING, "where the file tells none: as the activation wants"},
        {"ordering", CLI_CHOICE, &ordering, 0, 0, BY_FILE "tf|th", CLI_SETTING,
         "of kernels of Keras 1: th: (out, in, rows, columns)"},
        {0},
    };
    struct cli cli = {
        .tool = "import-keras",
        .synopsis = "H5 -o MODEL",
        .options = options,
        .summary = "Makes a model of a net that Keras 1 or 2 kept, a model or weights alone: "
                   "encoders, each before a pool of 2,\nthen as many decoders, each behind an "
                   "upsampling of 2.",
        .example = "import-keras deep.h5 -o deep.safetensors.zst\n"
                   "import-keras stage2-weights.h5 --stage 2 --height 40 --width 40 -o "
                   "stage-2.safetensors.zst",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct keras_options o;
    struct net_spec spec;
    struct history *h;
    struct net *net;
    float *weights, *to;
    size_t n;

    cli_parse(&cli, argc, argv);
    h = history_start(&cli, REVISION);
    add_input(h, cli.arguments[0]);
    if (history_is_current(h, cli.output))
        return 0;
    o = (struct keras_options){(int)height, (int)width, output - 1,
                               hidden - 1,  loss - 1,   (enum keras_ordering)ordering,
                               (int)first};
    weights = keras_read(&spec, cli.arguments[0], &o);
    net = net_new(&spec, 1, NET_INFER);
    to = net_weights(net, &n);
    memcpy(to, weights, n * sizeof *weights);
    model_write(cli.output, net, (int)first, NULL, h, NULL);
    net_free(net);
    free(weights);
    history_free(h);
    return 0;
}
