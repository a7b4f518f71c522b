/* export-onnx MODEL -o ONNX: a net as ONNX, for programs that run nets: its encoder, which gives
 * the features, or all of it, which gives reconstructions. */
#include "base/report.h"
#include "cli/start.h"
#include "exchange/onnx.h"
#include "files/history.h"
#include "net/model.h"

enum { REVISION = 1 };
enum part { ENCODER, AUTOENCODER };
enum input { BY_MODEL, UINT8, FLOAT32 };

int main(int argc, char **argv)
{
    int part = ENCODER, input = BY_MODEL;
    const struct cli_option options[] = {
        {"part", CLI_CHOICE, &part, 0, 0, "encoder|autoencoder", CLI_SETTING,
         "encoder: images to code; autoencoder: images to reconstructions"},
        {"input", CLI_CHOICE, &input, 0, 0, "by-model|uint8|float32", CLI_SETTING,
         "uint8: bytes, divided by 255; by-model: uint8 where it has the first layer"},
        {0},
    };
    struct cli cli = {
        .tool = "export-onnx",
        .synopsis = "MODEL -o ONNX",
        .options = options,
        .summary = "Writes a net for programs that run ONNX (operators of version 13): images "
                   "(N,H,W,C) in, code (N,h,w,C) out.",
        .example = "export-onnx deep.safetensors.zst -o encoder.onnx\n"
                   "export-onnx deep.safetensors.zst --part autoencoder -o autoencoder.onnx",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct history *h;
    struct model *m;
    struct buffer b = {0};
    struct zio_writer *w;

    cli_parse(&cli, argc, argv);
    h = history_start(&cli, REVISION);
    m = model_read(cli.arguments[0]);
    model_add_to_history(m, h);
    if (history_is_current(h, cli.output))
        return 0;
    want_memory(PROCESS_MEMORY + model_memory(m) + onnx_memory(m->n_weights), 1,
                (size_t)cli.memory);
    onnx_format(&b, &m->spec, m->weights, m->first,
                input == UINT8 || (input == BY_MODEL && m->first == 1), part == AUTOENCODER);
    w = zio_create(cli.output, ZIO_PLAIN);
    zio_write(w, b.data, b.len);
    history_commit_trailer(h, w, TRAILER_ONNX, 0);
    buffer_release(&b);
    model_free(m);
    history_free(h);
    return 0;
}
