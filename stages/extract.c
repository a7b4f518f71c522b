/* extract MODEL IMAGES -o OUT: the features of images, the innermost code of a deep net. */
#include "base/report.h"
#include "cli/start.h"
#include "net/encode.h"
#include "net/net.h"
#include "kernels/isa.h"
#include "files/shard.h"
#include "files/tensor.h"

int main(int argc, char **argv)
{
    struct encode_form form = {0};
    const struct cli_option options[] = {
        {"flatten", CLI_FLAG, &form.flatten, 0, 0, NULL, CLI_SETTING,
         "features as (N,h*w*C), in the order h, w, C"},
        {"pool", CLI_INT, &form.pool.places, 0, 64, NULL, CLI_SETTING | CLI_LATER,
         "average each channel to so many rows and columns; 0: to none"},
        {"normalise-places", CLI_FLAG, &form.pool.normalise_places, 0, 0, NULL,
         CLI_SETTING | CLI_LATER, "channels of length 1 at each row and column; what is 0 stays 0"},
        {"normalise", CLI_FLAG, &form.pool.normalise, 0, 0, NULL, CLI_SETTING | CLI_LATER,
         "features of length 1; what is all 0 stays 0"},
        isa_option(),
        shard_option(),
        tensor_option(),
        {0},
    };
    struct cli cli = {
        .tool = "extract",
        .synopsis = "MODEL IMAGES -o OUT",
        .options = options,
        .summary = "Extracts the features of images (N,H,W,C) with a model: OUT holds (N,h,w,C), "
                   "float32.",
        .example = "extract deep.safetensors.zst images.npy.zst -o features.npy.zst",
        .min_arguments = 2,
        .max_arguments = 2,
    };
    cli_parse(&cli, argc, argv);
    if (form.pool.normalise && form.pool.normalise_places)
        die_usage("--normalise and --normalise-places: want one of them");
    isa_select();
    encode_run(&cli, NET_REVISION, &form);
    return 0;
}
