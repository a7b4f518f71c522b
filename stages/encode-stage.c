/* encode-stage MODEL CODES -o OUT: the codes that one trained stage makes of its input, the input
 * of the next stage. */
#include "cli/start.h"
#include "net/encode.h"
#include "net/net.h"
#include "kernels/isa.h"
#include "files/shard.h"
#include "files/tensor.h"

int main(int argc, char **argv)
{
    const struct cli_option options[] = {isa_option(), shard_option(), tensor_option(), {0}};
    struct cli cli = {
        .tool = "encode-stage",
        .synopsis = "MODEL CODES -o OUT",
        .options = options,
        .summary = "Encodes rows (N,H,W,C) with the model of a stage: OUT holds the codes "
                   "(N,H/2,W/2,filters), float32.",
        .example = "encode-stage stage-1.safetensors.zst train-0.npy.zst -o train-1.npy.zst",
        .min_arguments = 2,
        .max_arguments = 2,
    };
    cli_parse(&cli, argc, argv);
    isa_select();
    encode_run(&cli, NET_REVISION, NULL);
    return 0;
}
