#include "net/encode.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "files/history.h"
#include "files/shard.h"
#include "net/model.h"
#include "net/net.h"
#include "base/profile.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"
#include "files/tensor.h"

enum { BLOCK = ENCODE_BLOCK }; /* rows at a time at most, and some to whole frames */

/* Where codes go, in their form. */
struct output {
    struct tensor_writer *writer;
    struct encode_form form;
    size_t shape[3]; /* (h,w,C_K), of a code */
    float *features; /* (block) of them, in the form; NULL: the codes themselves */
};

static void code_shape(size_t shape[3], const struct net_spec *s)
{
    shape[0] = (size_t)(s->height >> s->n_layers);
    shape[1] = (size_t)(s->width >> s->n_layers);
    shape[2] = (size_t)s->layers[s->n_layers - 1].filters;
}

static struct npy_header code_header(const struct output *o, size_t n_rows)
{
    struct npy_header header = {.dtype = NPY_F32, .rank = 4, .shape = {n_rows}};
    size_t *shape = header.shape + 1;

    memcpy(shape, o->shape, sizeof o->shape);
    pool_shape(shape, &o->form.pool);
    if (o->form.flatten) {
        header.rank = 2;
        shape[0] *= shape[1] * shape[2];
    }
    return header;
}

static void want_form(const struct output *o)
{
    size_t shape[3] = {o->shape[0], o->shape[1], o->shape[2]};

    if (!pool_shape(shape, &o->form.pool))
        die_usage("--pool %lld of codes of %zux%zu places, want %zu or less",
                  (long long)o->form.pool.places, shape[0], shape[1], smaller(shape[0], shape[1]));
}

/* How many rows MEMORY holds beside the net. Dies where that is none. */
static size_t most_rows(const struct model *m, const struct tensor_reader *t, const size_t shape[3],
                        size_t memory)
{
    const struct net_spec *s = &m->spec;
    size_t code = shape[0] * shape[1] * shape[2] * sizeof(float);
    size_t row = 2 * t->row_bytes + 4 * code; /* in turn; features */
    size_t fixed = PROCESS_MEMORY + net_memory(s, BLOCK, false) + model_memory(m)
        + tensor_memory(t->row_bytes) + tensor_memory(code);

    want_memory(fixed + row, 1, memory);
    return (memory - fixed) / row;
}

/* How many rows at a time, up to MOST: some for each thread, but few, for the caches; and whole
 * frames of the longer ones, which are read or written where they stand. Two of them, for what a
 * single frame holds is read ahead and copied. */
static size_t block_rows(size_t most, const struct tensor_reader *t, const struct npy_header *codes)
{
    const bool read = t->row_bytes > npy_count(codes, 1) * sizeof(float);
    const size_t frame = tensor_frame_rows(read ? &t->header : codes),
                 rows = smaller(BLOCK, (size_t)omp_get_max_threads() * BLOCK / 4),
                 block = larger(2, divide_up(rows, frame)) * frame;

    return block <= most ? block : most > frame ? most - most % frame : most;
}

/* What is read and written while the net is at work on block NOW: the codes of the one before, the
 * rows of the one after. Of the codes of the one before that some may be part of a frame. */
struct turn {
    struct tensor_reader *reader;
    encode_write *write;
    void *context;
    size_t block, now, first[2], n[2];
    void *rows[2];
    float *code[3];
};

static void write_and_read(void *context)
{
    enum profile_part before;
    struct turn *u = context;
    int other = (u->now + 1) % 2;

    if (u->n[other] > 0)
        u->write(u->context, u->code[(u->now + 2) % 3], u->n[other]);
    before = profile_enter(PROFILE_READING);
    u->first[other] = u->reader->next_row;
    u->n[other] = tensor_read(u->reader, u->rows[other], u->block);
    profile_leave(before);
    u->write(u->context, NULL, 0);
    progress_show(u->reader->next_row, u->reader->end_row, "%zu of %zu rows", u->reader->next_row,
                  u->reader->end_row);
}

void encode_rows(struct net *net, struct tensor_reader *t, size_t block, encode_write *write,
                 void *context)
{
    struct turn u = {.reader = t, .write = write, .context = context, .block = block, .now = 5};

    for (int i = 0; i < 2; i++)
        u.rows[i] = xlarge(block * t->row_bytes);
    for (int i = 0; i < 3; i++)
        u.code[i] = xlarge(block * net_code_items(net) * sizeof(float));
    for (write_and_read(&u); u.n[++u.now % 2] > 0;) {
        enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
        bool bytes = t->header.dtype == NPY_U8;
        size_t n = u.n[u.now % 2], good;
        void *rows = u.rows[u.now % 2];
        struct net_rows x = {bytes ? NULL : rows, bytes ? rows : NULL};
        good = net_encode_while(net, u.code[u.now % 3], x, n, write_and_read, &u);
        if (good < n)
            die_file(tensor_path(t), "row %zu holds a value that is not finite",
                     u.first[u.now % 2] + good);
        profile_leave(before);
    }
    write_and_read(&u);
    write(context, NULL, 0);
    progress_end();
    for (int i = 0; i < 2; i++)
        free(u.rows[i]);
    for (int i = 0; i < 3; i++)
        free(u.code[i]);
}

static void write_codes(void *output, const float *codes, size_t n)
{
    const struct output *o = output;

    if (n == 0) {
        tensor_wait(o->writer);
    } else if (o->features) {
        pool_rows(o->features, codes, n, o->shape, &o->form.pool);
        tensor_write(o->writer, o->features, n);
    } else {
        tensor_write_lasting(o->writer, codes, n);
    }
}

void encode_run(const struct cli *cli, int revision, const struct encode_form *form)
{
    struct history *h = shard_history(cli, revision);
    struct model *m = model_read(cli->arguments[0]);
    struct tensor_reader *t = tensor_open(cli->arguments[1]);
    struct output o = {0};
    struct npy_header header;
    struct net *net;
    size_t most, block, first, n;

    if (form)
        o.form = *form;
    tensor_want(t, -1, 4, (size_t[4]){0});
    model_want(m, tensor_path(t), t->header.shape + 1);
    shard_want_file(t);
    model_add_to_history(m, h);
    if (tensor_is_seekable(t)) {
        tensor_add_to_history(t, h);
        if (history_is_current(h, cli->output))
            return;
    }
    code_shape(o.shape, &m->spec);
    most = most_rows(m, t, o.shape, (size_t)cli->memory);
    want_form(&o);
    header = code_header(&o, t->n_rows);
    block = block_rows(most, t, &header);
    net = model_net(m, (int)block, false);
    net_profile(net);
    if (pool_changes(&o.form.pool))
        o.features = xaligned(block * net_code_items(net) * sizeof *o.features);
    o.writer = shard_create(cli->output, &header, &first, &n);
    if (shard_is_wanted())
        tensor_range(t, first, n);
    encode_rows(net, t, block, write_codes, &o);
    if (!tensor_is_seekable(t))
        tensor_add_to_history(t, h); /* a pipe tells its history at its end */
    tensor_commit(o.writer, h);
    free(o.features);
    net_free(net);
    tensor_close(t);
    model_free(m);
}
