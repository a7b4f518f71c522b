#include "encode.h"

#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "history.h"
#include "model.h"
#include "net.h"
#include "profile.h"
#include "report.h"
#include "tensor.h"

enum { BLOCK = 128 };   /* rows at a time, or fewer where the memory does not hold them */

static struct npy_header code_header(const struct net *net, size_t n_rows, bool flatten)
{
    struct npy_header header = {.dtype = NPY_F32, .rank = flatten ? 2 : 4, .shape = {n_rows, net_code_items(net)}};

    if (!flatten)
        net_code_shape(net, header.shape + 1);
    return header;
}

/* How many rows at a time: no more than MEMORY allows beside the net. Dies where that is none. */
static size_t block_rows(const struct model *m, const struct tensor_reader *t, size_t memory)
{
    const struct net_spec *s = &m->spec;
    size_t code = (size_t)(s->height >> s->n_layers) * (s->width >> s->n_layers) * s->layers[s->n_layers - 1].filters * sizeof(float);
    size_t row = t->row_items * (1 + sizeof(float)) + code, n;
    size_t fixed = PROCESS_MEMORY + net_memory(s, BLOCK, false) + model_memory(m) + tensor_memory(t->row_bytes) + tensor_memory(code);

    want_memory(fixed + row, 1, memory);
    n = (memory - fixed) / row;
    return n < BLOCK ? n : BLOCK;
}

/* Reads up to MOST rows as network input; ROWS is where uint8 rows go first. Returns how many. */
static size_t read_block(struct tensor_reader *t, unsigned char *rows, float *x, size_t most)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    bool image = t->header.dtype == NPY_U8;
    size_t n = tensor_read(t, image ? (void *)rows : (void *)x, most), items = n * t->row_items, bad;

    if (image)
        dataset_scale(x, rows, items);
    else if ((bad = dataset_not_finite(x, items)) < items)
        die_file(tensor_path(t), "row %zu holds a value that is not finite", t->next_row - n + bad / t->row_items);
    profile_leave(before);
    return n;
}

void encode_run(const struct cli *cli, int revision, bool flatten)
{
    struct history *h = history_start(cli, revision);
    struct model *m = model_read(cli->arguments[0]);
    struct tensor_reader *t = tensor_open(cli->arguments[1]);

    tensor_want(t, -1, 4, (size_t[4]){0});
    model_want(m, tensor_path(t), t->header.shape + 1);
    model_add_to_history(m, h);
    if (tensor_is_seekable(t)) {
        tensor_add_to_history(t, h);
        if (history_is_current(h, cli->output))
            return;
    }
    const size_t block = block_rows(m, t, (size_t)cli->memory);
    struct net *net = model_net(m, BLOCK, false);
    net_profile(net);
    struct npy_header header = code_header(net, t->n_rows, flatten);
    struct tensor_writer *w = tensor_create(cli->output, &header, TENSOR_LEVEL);
    unsigned char *rows = xaligned(block * t->row_items);
    float *x = xaligned(block * t->row_items * sizeof *x), *code = xaligned(block * net_code_items(net) * sizeof *code);
    for (size_t n; (n = read_block(t, rows, x, block)) > 0;) {
        enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
        net_encode(net, code, x, n);
        profile_leave(before);
        tensor_write(w, code, n);
        progress("%zu of %zu rows", t->next_row, t->n_rows);
    }
    progress_end();
    if (!tensor_is_seekable(t))
        tensor_add_to_history(t, h);   /* a pipe tells its history at its end */
    tensor_commit(w, h);
    free(rows);
    free(x);
    free(code);
    net_free(net);
    tensor_close(t);
    model_free(m);
}
