/* encode: rows through the encoder of a model, block by block; what encode-stage and extract share.
 */
#ifndef ENCODE_H
#define ENCODE_H

#include <stdbool.h>

#include "cli/options.h"
#include "files/tensor.h"
#include "net/net.h"
#include "net/pool.h"

/* Takes N codes, in order, or none: then it may wait for what it does with them. Codes stay as they
 * are until the second call with none from there. */
typedef void encode_write(void *context, const float *codes, size_t n);
/* All that is left of T, BLOCK rows at a time, through NET, made for so many; rows are read and
 * codes given away while the net is at work. Dies where a value is not finite. */
enum { ENCODE_BLOCK = 128 };
void encode_rows(struct net *net, struct tensor_reader *t, size_t block, encode_write *write,
                 void *context);

/* What is written of a code. */
struct encode_form {
    struct pool pool;
    bool flatten; /* (N,h*w*C_K) */
};
/* Reads the model cli->arguments[0] and the rows cli->arguments[1] (N,H,W,C), uint8 (taken as
 * x/255) or float32, and writes their codes (N,h,w,C_K) float32 to cli->output, in this FORM (NULL:
 * as they are). Dies where the form does not fit the code. Memory does not depend on N; dies where
 * cli->memory does not hold the net and a row. REVISION: of the program, NET_REVISION unless it has
 * arithmetic of its own. Dies when the rows do not fit the model or hold a value that is not
 * finite. */
void encode_run(const struct cli *cli, int revision, const struct encode_form *form);

#endif
