#include "net/net.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/processor.h"
#include "net/layer.h"
#include "net/norm.h"
#include "net/share.h"
#include "base/profile.h"
#include "base/ranks.h"
#include "base/report.h"
#include "base/rng.h"
#include "base/sizes.h"
#include "base/vectors.h"

enum {
    PART = 1024, /* floats whose sums stay in the first-level cache */
    CHUNK = 4
}; /* images in a piece: few, for the caches; more than one, so that a kernel serves several */

/* A step is done for all pieces of the batch before the next one only where it has a `join`, which
 * sees the whole batch. */
struct step {
    void (*run)(struct layer *l, const struct work *w);
    void (*join)(struct layer *l, float *weights, float *gradients, size_t n);
    struct layer *layer;
};

/* What a slice of a batch has summed. */
struct slice {
    float *block;      /* its gradients; NULL: none yet, or added to another's */
    size_t count;      /* slices from this one on whose sum the block holds; 0: at work */
    atomic_bool begun; /* all its pieces but the last are done */
};

enum packed { NOTHING, FOR_TRAINING, FOR_INFERENCE };

struct net {
    struct net_spec spec;
    const struct kernels *kernels;
    bool train;
    int max_batch, threads, chunk;
    bool whole; /* the planes hold a whole batch (batch normalisation looks at all of it), otherwise
                   a chunk per thread */
    struct layer layers[NET_MAX_LAYERS];
    struct net_parameter *parameters;
    size_t n_parameters, n_weights;
    float *weights, *gradients;
    struct slice *slices; /* of the largest batch */
    float *blocks;        /* (n_blocks, slice_size): gradients */
    size_t n_blocks, used;
    /* Of several ranks: this one's part of the sums of others, (n_others, part); the total. */
    float *others, *total;
    size_t n_others;
    float *scratch; /* (threads, scratch_size) */
    size_t scratch_size;
    struct entry *entries; /* (threads, entries_size) */
    size_t entries_size;
    size_t slice_size;
    double *losses, *code_sums; /* of each image of the batch */
    struct step forward[2 * NET_MAX_LAYERS + 2], training[6 * NET_MAX_LAYERS + 6];
    int n_forward, n_training;
    int encoded, decoded; /* training steps until the code is known; until its gradient is */
    float *given;         /* code_K of the batch, as net_train_encode gives it away */
    const float *wanted;  /* its gradient from elsewhere, or NULL */
    bool decodes;
    double weight; /* of the reconstruction's gradient */
    enum packed packed;
    struct arena arena;
};

/* --- spec and parameters --- */

static void find_parameters(struct net *net)
{
    const struct net_parameter *p;
    net->parameters = spec_describe(&net->spec, &net->n_parameters, &net->n_weights);
    p = net->parameters;
    for (int k = 0; k < net->spec.n_layers; k++) {
        struct layer *l = &net->layers[k];
        l->kernel = p++;
        l->bias = p++;
        if (l->norm)
            l->gamma = p++, l->beta = p++, l->mean = p++, l->variance = p++;
    }
    for (int k = 0; k < net->spec.n_layers; k++) {
        net->layers[k].back_kernel = p++;
        net->layers[k].back_bias = p++;
    }
}

/* --- the arena: laid out twice, first to learn its size, then for good --- */

/* Slices whose last pieces come at the end, see run_slices. */
static size_t late_slices(const struct net *net, size_t slices)
{
    const size_t threads = larger(net->threads, 8);
    return threads < slices ? threads : slices;
}

static size_t levels(size_t slices)
{
    size_t n = 0;
    for (; slices > 1; slices = net_half(slices))
        n++;
    return n;
}

/* Blocks of gradients for this rank's slices of the largest batch: for the late ones, for those at
 * work, and for the sums in which those before them can be held: one a level of the tree, two where
 * they start in its midst. Batch normalisation comes back to each slice, and needs one for each. */
static size_t blocks_needed(const struct net *net)
{
    const size_t ranks = (size_t)ranks_count(), all = net_slices(net->max_batch),
                 slices = (all + ranks - 1) / ranks,
                 blocks = late_slices(net, slices) + net->threads + 1
        + (ranks > 1 ? 2 : 1) * levels(all);
    return net->whole || blocks > slices ? slices : blocks;
}

/* Where rank R's part of a block of gradients begins. */
static size_t part_start(const struct net *net, int r)
{
    return r == ranks_count() ? net->slice_size
                              : net->slice_size / 16 * (size_t)r / (size_t)ranks_count() * 16;
}

/* Sums of others, see exchange: each border between two ranks divides one sum a level. They stand
 * behind the blocks, further from the start of the arena than any part from the start of a block.
 */
static void lay_out_others(struct net *net)
{
    const int ranks = ranks_count(), own = ranks_own();
    const size_t all = net_slices(net->max_batch), most = 1 + (size_t)(ranks - 1) * levels(all);
    if (ranks == 1)
        return;
    net->n_others = most < all ? most : all;
    net->others = arena_floats(&net->arena,
                               net->n_others * (part_start(net, own + 1) - part_start(net, own)));
    net->total = arena_floats(&net->arena, net->slice_size);
}

static void lay_out(struct net *net)
{
    struct arena *arena = &net->arena;
    const size_t passing = (size_t)net->threads * net->chunk,
                 batch = net->whole ? share_most((size_t)net->max_batch) : 0,
                 places = batch > passing ? batch : passing;
    const size_t slices = net_slices(net->max_batch);
    arena->size = net->slice_size = 0;
    for (int k = 0; k < net->spec.n_layers; k++) {
        layer_lay_out(&net->layers[k], arena, &net->slice_size, slices, places, passing, net->chunk,
                      net->train);
        net->scratch_size = larger(net->scratch_size, layer_scratch(&net->layers[k], net->chunk));
        net->entries_size = larger(net->entries_size, layer_entries(&net->layers[k]));
    }
    net->weights = arena_floats(arena, net->n_weights);
    net->scratch = arena_floats(arena, net->scratch_size * net->threads);
    net->losses = arena_take(arena, net->max_batch, sizeof *net->losses);
    net->code_sums = arena_take(arena, net->max_batch, sizeof *net->code_sums);
    if (net->train) {
        net->gradients = arena_floats(arena, net->n_weights);
        net->n_blocks = blocks_needed(net);
        net->blocks = arena_floats(arena, net->n_blocks * net->slice_size);
        lay_out_others(net);
        net->slices = arena_take(arena, slices, sizeof *net->slices);
        net->entries = arena_take(arena, net->entries_size * net->threads, sizeof *net->entries);
    }
}

/* --- packed kernels --- */

static void pack(struct net *net, enum packed want)
{
    bool alike = true;
    for (int k = 0; k < net->spec.n_layers; k++)
        alike &= layer_packs_alike(&net->layers[k]);
    if (net->packed == want || (net->packed == FOR_TRAINING && alike))
        return;
#pragma omp parallel for num_threads(net->threads) schedule(dynamic, 1)
    for (int i = 2 * net->spec.n_layers - 1; i >= 0; i--) /* the last layers are the largest */
        (i % 2 == 1 ? layer_pack_decoder : layer_pack_encoder)(&net->layers[i / 2], net->weights,
                                                               want == FOR_INFERENCE);
    net->packed = want;
}

/* --- the steps that are not a layer's --- */

VECTORS void net_scale(float *x, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)bytes[i] / 255.0f;
}

static void load_input(struct layer *l, const struct work *w)
{
    const struct plane *p = &l->in;
    const size_t row = (size_t)p->W * p->C;
    for (size_t m = 0; m < w->count; m++) {
        const size_t from = (w->first + m) * row * p->H;
        if (w->x != NULL)
            copy_rows(plane_image(p, w, m), p->row, w->x + from, row, p->H, row);
        for (int i = 0; i < p->H && w->x == NULL; i++)
            net_scale(plane_image(p, w, m) + i * p->row, w->bytes + from + i * row, row);
    }
}

/* The L1 norm of code_K, the last layer's, one sum an image. */
static void sum_code(struct layer *l, const struct work *w)
{
    const struct plane *p = l->code;
    for (size_t m = 0; m < w->count; m++) {
        const float *code = plane_image(p, w, m);
        double sum = 0;
        for (int i = 0; i < p->H; i++)
            for (int q = 0; q < p->W * p->C; q++)
                sum += code[i * p->row + q];
        w->code_sums[w->first + m] = sum;
    }
}

VECTORS static void add(float *restrict to, const float *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

/* code_K to where it is wanted besides. */
static void give_code(struct layer *l, const struct work *w)
{
    const struct plane *p = l->code;
    const size_t row = (size_t)p->W * p->C;
    for (size_t m = 0; m < w->count && w->given != NULL; m++)
        copy_rows(w->given + (w->first + m) * row * p->H, row, plane_image(p, w, m), p->row, p->H,
                  row);
}

/* What something else than the decoder wants of code_K; all there is, where that did not run. */
static void take_gradient(struct layer *l, const struct work *w)
{
    const struct plane *p = &l->dcode;
    const size_t row = (size_t)p->W * p->C;
    for (size_t m = 0; m < w->count && w->wanted != NULL; m++)
        for (int i = 0; i < p->H; i++) {
            float *to = plane_image(p, w, m) + i * p->row;
            const float *from = w->wanted + ((w->first + m) * p->H + i) * row;
            if (w->decodes)
                add(to, from, row);
            else
                memcpy(to, from, row * sizeof *to);
        }
}

/* The loss of each image; in training y_0, which shares dy_0's place, becomes the gradient before
 * the activation. */
static void loss(struct layer *l, const struct work *w)
{
    const struct kernels *kernels = l->kernels;
    const size_t row = (size_t)l->W * l->C;
    const float scale = (float)(w->weight / ((double)w->n * l->H * row));
    for (size_t m = 0; m < w->count; m++) {
        double sum = 0;
        for (int i = 0; i < l->H; i++) {
            float *y = plane_image(&l->y, w, m) + i * l->y.row;
            const float *t = w->t + (w->first + m) * l->H * row + i * row;
            if (w->loss == NET_BCE) {
                sum += kernels->bce(w->train ? y : NULL, y, t, row, scale);
                continue;
            }
            if (l->activation == NET_SIGMOID)
                kernels->sigmoid(y, y, row);
            if (w->train && l->activation != NET_LINEAR) {
                for (size_t q = 0; q < row;
                     q += 256) { /* the derivative needs y, which the gradient replaces */
                    float d[256];
                    const size_t n = row - q < 256 ? row - q : 256;
                    sum += kernels->mse(d, y + q, t + q, n, scale);
                    layer_activation_backward(d, y + q, n, l->activation);
                    memcpy(y + q, d, n * sizeof *d);
                }
            } else {
                sum += kernels->mse(w->train ? y : NULL, y, t, row, scale);
            }
        }
        w->losses[w->first + m] = sum / ((double)l->H * row);
    }
}

/* --- running --- */

static void plan(struct net *net)
{
    struct layer *first = net->layers, *last = first + net->spec.n_layers - 1;
    struct step *f = net->forward, *t = net->training;
    *f++ = *t++ = (struct step){load_input, NULL, first};
    for (struct layer *l = first; l <= last; l++) {
        *f++ = (struct step){layer_encode, NULL, l};
        if (l->norm) {
            *t++ = (struct step){norm_encode, norm_statistics, l};
            *t++ = (struct step){norm_relu_pool, NULL, l};
        } else {
            *t++ = (struct step){layer_encode, NULL, l};
        }
    }
    *t++ = (struct step){give_code, NULL, last};
    net->encoded = (int)(t - net->training);
    for (struct layer *l = last; l >= first; l--)
        *f++ = *t++ = (struct step){layer_decode, NULL, l};
    *t++ = (struct step){loss, NULL, first};
    for (struct layer *l = first; l <= last; l++)
        *t++ = (struct step){layer_decode_backward, NULL, l};
    net->decoded = (int)(t - net->training);
    *t++ = (struct step){take_gradient, NULL, last};
    for (struct layer *l = last; l >= first; l--) {
        if (l->norm) {
            *t++ = (struct step){norm_sums, norm_gradients, l};
            *t++ = (struct step){norm_encode_backward, NULL, l};
        } else {
            *t++ = (struct step){layer_encode_backward, NULL, l};
        }
    }
    net->n_forward = (int)(f - net->forward);
    net->n_training = (int)(t - net->training);
}

static void run_steps(const struct step *steps, int n, const struct work *w)
{
    for (int s = 0; s < n; s++)
        steps[s].run(steps[s].layer, w);
}

/* Images FIRST to FIRST+COUNT of a batch of N, by the thread that asks. */
static struct work piece(const struct net *net, struct net_rows x, const float *t, size_t n,
                         size_t first, size_t count)
{
    const size_t thread = (size_t)omp_get_thread_num(), here = thread * net->chunk;
    return (struct work){
        .x = x.numbers,
        .bytes = x.bytes,
        .t = t,
        .n = n,
        .first = first,
        .count = count,
        .place = here,
        .here = here,
        .loss = net->spec.loss,
        .weight = net->weight,
        .losses = net->losses,
        .code_sums = net->code_sums,
        .scratch = net->scratch + thread * net->scratch_size,
        .entries = net->entries == NULL ? NULL : net->entries + thread * net->entries_size};
}

/* All but the arena's memory. */
static struct net *prepare(const struct net_spec *spec, int max_batch, enum net_use use)
{
    const bool train = use != NET_INFER;
    struct net *net;
    assert(spec_check(spec) == NULL && max_batch > 0);
    net = xcalloc(1, sizeof *net);
    net->spec = *spec;
    net->kernels = kernels_get();
    net->train = train;
    net->max_batch = max_batch;
    net->threads = omp_get_max_threads();
    net->chunk = CHUNK;
    net->whole = use == NET_IN_HALVES;
    net->decodes = true;
    net->weight = 1;
    for (int k = 0; k < spec->n_layers; k++) {
        layer_init(net->layers, k, spec, net->kernels, train);
        net->whole |= train && net->layers[k].norm;
    }
    find_parameters(net);
    plan(net);
    lay_out(net);
    return net;
}

size_t net_memory(const struct net_spec *spec, int max_batch, enum net_use use)
{
    struct net *net = prepare(spec, max_batch, use);
    size_t size = net->arena.size;
    net_free(net);
    return size;
}

struct net *net_new(const struct net_spec *spec, int max_batch, enum net_use use)
{
    struct net *net = prepare(spec, max_batch, use);
    net->arena.data = xlarge(net->arena.size);
    memset(net->arena.data, 0, net->arena.size);
    lay_out(net);
    return net;
}

void net_free(struct net *net)
{
    if (net == NULL)
        return;
    free(net->arena.data);
    free(net->parameters);
    free(net);
}

const struct net_spec *net_get_spec(const struct net *net)
{
    return &net->spec;
}
const struct net_parameter *net_parameters(const struct net *net, size_t *n)
{
    *n = net->n_parameters;
    return net->parameters;
}
float *net_weights(struct net *net, size_t *n)
{
    *n = net->n_weights;
    return net->weights;
}
float *net_gradients(struct net *net)
{
    return net->gradients;
}
void net_changed(struct net *net)
{
    net->packed = NOTHING;
}
size_t net_input_items(const struct net *net)
{
    return (size_t)net->spec.height * net->spec.width * net->spec.channels;
}
size_t net_code_items(const struct net *net)
{
    size_t shape[3];
    net_code_shape(net, shape);
    return shape[0] * shape[1] * shape[2];
}

void net_code_shape(const struct net *net, size_t shape[3])
{
    const struct layer *last = &net->layers[net->spec.n_layers - 1];
    shape[0] = last->h, shape[1] = last->w, shape[2] = last->K;
}

void net_profile(const struct net *net)
{
    const size_t slices = net_slices(net->max_batch),
                 threads = (size_t)net->threads * (size_t)ranks_count();
    const double size = (double)net->arena.size / 0x1p20;
    if (net->train)
        profile_head("%s, %.1f MiB of scratch, %zu slices of a batch, %zu for a thread",
                     net->kernels->name, size, slices, (slices + threads - 1) / threads);
    else
        profile_head("%s, %.1f MiB of scratch", net->kernels->name, size);
    for (int k = 0; k < net->spec.n_layers; k++)
        layer_profile(&net->layers[k], k);
}

const char net_initialisers[] = "glorot-uniform|glorot-normal|he-normal";

void net_initialise(struct net *net, enum net_initialiser how, uint64_t seed)
{
    for (size_t i = 0; i < net->n_parameters; i++) {
        const struct net_parameter *p = &net->parameters[i];
        float *w = net->weights + p->offset;
        const double taps = (double)p->shape[0] * p->shape[1], in = taps * p->shape[2],
                     out = taps * p->shape[3];
        struct rng rng;
        rng_init(&rng, seed, RNG_WEIGHTS, i);
        for (size_t j = 0; j < p->count; j++) {
            if (p->role != NET_KERNEL)
                w[j] = p->role == NET_GAMMA || p->role == NET_VARIANCE;
            else if (how == NET_GLOROT_UNIFORM)
                w[j] = (float)rng_uniform(&rng, -sqrt(6 / (in + out)), sqrt(6 / (in + out)));
            else
                w[j] = (float)(rng_normal(&rng)
                               * sqrt(2 / (how == NET_GLOROT_NORMAL ? in + out : in)));
        }
    }
    net_changed(net);
}

/* --- a batch --- */

/* A sum over the slices FIRST to FIRST+COUNT of a batch of N, of a number for each image. */
static double sum_slices(const double *numbers, size_t n, size_t first, size_t count)
{
    const size_t half = net_half(count);
    double sum = 0;
    if (count > 1)
        return sum_slices(numbers, n, first, half)
            + sum_slices(numbers, n, first + half, count - half);
    for (size_t i = net_slice_start(n, first); i < net_slice_start(n, first + 1); i++)
        sum += numbers[i];
    return sum;
}

/* A decoder that is not trained is not penalised. */
static bool is_penalised(const struct net *net, const struct net_parameter *p)
{
    return p->role == NET_KERNEL && (net->decodes || p->name[0] == 'e');
}

double net_penalty(const struct net *net, const struct net_penalty *penalty)
{
    double squares = 0;
    if (penalty->l2 > 0)
        for (size_t i = 0; i < net->n_parameters; i++) {
            const struct net_parameter *p = &net->parameters[i];
            double partial[8] = {0}; /* in a fixed order that leaves room for vectors */
            for (size_t j = 0; is_penalised(net, p) && j < p->count; j++) {
                const double w = net->weights[p->offset + j];
                partial[j % 8] += w * w;
            }
            for (int j = 0; j < 8; j++)
                squares += partial[j];
        }
    return penalty->l2 * squares;
}

static double mean_loss(const struct net *net, size_t n)
{
    share_gather_images(net->losses, sizeof *net->losses, n);
    return sum_slices(net->losses, n, 0, net_slices(n)) / (double)n;
}

static double total_loss(struct net *net, size_t n, const struct net_penalty *penalty)
{
    double code = 0;
    if (penalty->l1 > 0) {
        share_gather_images(net->code_sums, sizeof *net->code_sums, n);
        code = penalty->l1 * sum_slices(net->code_sums, n, 0, net_slices(n)) / (double)n;
    }
    return mean_loss(net, n) + code + net_penalty(net, penalty);
}

/* Adds floats AT to AT+SIZE of the slices FIRST to FIRST+COUNT. Returns the block with the sum;
 * NULL where all are empty. */
static float *add_slices(const struct slice *slices, size_t first, size_t count, size_t at,
                         size_t size)
{
    const size_t half = net_half(count);
    float *sum, *other;
    if (slices[first].count == count || count == 1)
        return slices[first].block;
    sum = add_slices(slices, first, half, at, size);
    other = add_slices(slices, first + half, count - half, at, size);
    if (sum == NULL || other == NULL)
        return sum == NULL ? other : sum;
    add(sum + at, other + at, size);
    return sum;
}

/* The first of two neighbours among the slices FIRST to FIRST+COUNT whose sums are ready to be
 * added, *HALF of them; NULL: none is. */
static struct slice *ready_pair(struct slice *slices, size_t first, size_t count, size_t *half)
{
    struct slice *found;
    const size_t left = *half = net_half(count);
    if (count == 1 || slices[first].count == count)
        return NULL;
    if (slices[first].count == left && slices[first + left].count == count - left)
        return &slices[first];
    found = ready_pair(slices, first, left, half);
    return found != NULL ? found : ready_pair(slices, first + left, count - left, half);
}

/* A block for the gradients of one of COUNT slices. Where all are in use, two that are done are
 * added: there are such, or slices at work that will be. */
static float *take_block(struct net *net, size_t count)
{
    float *block = NULL;
    while (block == NULL) {
        struct slice *pair = NULL;
        size_t half, sum = 0;
#pragma omp critical(slices)
        {
            if (net->used < net->n_blocks)
                block = net->blocks + net->used++ * net->slice_size;
            else if ((pair = ready_pair(net->slices, 0, count, &half)) != NULL) {
                sum = half + pair[half].count;
                block = pair[half].block;
                pair->count = pair[half].count = 0;
                pair[half].block = NULL;
            }
        }
        if (pair != NULL) {
            add(pair->block, block, net->slice_size);
#pragma omp critical(slices)
            pair->count = sum;
        } else if (block == NULL) {
            sched_yield();
        }
    }
    memset(block, 0, net->slice_size * sizeof *block);
    return block;
}

/* The same of floats FROM to TO, on all threads. */
static float *add_floats(struct net *net, size_t first, size_t count, size_t from, size_t to)
{
    float *sum = NULL;
#pragma omp parallel for num_threads(net->threads) schedule(static) lastprivate(sum)
    for (size_t i = from; i < to; i += PART)
        sum = add_slices(net->slices, first, count, i, smaller(to - i, PART));
    return sum;
}

/* Each rank adds a part of the floats, for all: it gets that part of those sums of the tree, of
 * slices FIRST to FIRST+COUNT, that other ranks have, and gives them theirs of its own. A part that
 * was received stands as if within a block. Returns how many of the OTHERS are taken. */
static size_t exchange(struct net *net, size_t n, size_t first, size_t count, size_t others)
{
    const int owner = share_owner(n, first), own = ranks_own();
    const size_t start = part_start(net, own), size = part_start(net, own + 1) - start;
    struct slice *slice = &net->slices[first];
    if (net_slice_start(n, first) == net_slice_start(n, first + count))
        return others;
    if (share_owner(n, first + count - 1) != owner) {
        const size_t half = net_half(count);
        others = exchange(net, n, first, half, others);
        return exchange(net, n, first + half, count - half, others);
    }
    if (owner == own) {
        slice->block = add_floats(net, first, count, 0, net->slice_size);
        for (int r = 0; r < ranks_count(); r++)
            if (r != own)
                ranks_send(r, slice->block + part_start(net, r),
                           (part_start(net, r + 1) - part_start(net, r)) * sizeof(float));
    } else {
        assert(others < net->n_others);
        slice->block = net->others + others++ * size - start;
        ranks_receive(owner, slice->block + start, size * sizeof(float));
    }
    slice->count = count;
    return others;
}

/* Each rank's part of the total to all. */
static void gather_parts(struct net *net)
{
    size_t *starts = xcalloc((size_t)ranks_count() + 1, sizeof *starts);
    for (int r = 0; r <= ranks_count(); r++)
        starts[r] = part_start(net, r);
    ranks_gather(net->total, sizeof *net->total, starts);
    free(starts);
}

/* The sum of all slices of all ranks. */
static const float *add_all(struct net *net, size_t n)
{
    const size_t slices = net_slices(n), start = part_start(net, ranks_own()),
                 end = part_start(net, ranks_own() + 1);
    const float *sum;
    if (ranks_count() == 1)
        return add_floats(net, 0, slices, 0, net->slice_size);
    exchange(net, n, 0, slices, 0);
    ranks_wait();
    sum = add_floats(net, 0, slices, start, end);
    if (end > start)
        memcpy(net->total + start, sum + start, (end - start) * sizeof *sum);
    gather_parts(net);
    return net->total;
}

/* The slices added, then folded into the flat gradients, penalty included. */
static void collect_gradients(struct net *net, size_t n, const struct net_penalty *penalty)
{
    const float twice = (float)(2 * penalty->l2);
    const float *sum = add_all(net, n);
#pragma omp parallel for num_threads(net->threads) schedule(dynamic, 1)
    for (int i = 2 * net->spec.n_layers - 1; i >= 0; i--)
        (i % 2 == 1 ? layer_fold_decoder : layer_fold_encoder)(&net->layers[i / 2], net->gradients,
                                                               sum);
    if (twice > 0)
        for (size_t i = 0; i < net->n_parameters; i++) {
            const struct net_parameter *p = &net->parameters[i];
            for (size_t j = p->offset; is_penalised(net, p) && j < p->offset + p->count; j++)
                net->gradients[j] += twice * net->weights[j];
        }
}

/* Training steps FROM to TO for all pieces of this rank. Those of a slice in order, for they add to
 * the same gradients; but the last one of each of the late slices when the others of all slices are
 * taken: threads that are not equally fast then share out small pieces, and end nearly at the same
 * time.
 */
static void run_slices(struct net *net, const float *x, const float *t, size_t n,
                       const struct net_penalty *penalty, int from, int to)
{
    const size_t first_slice = share_slice(n, ranks_own()),
                 end_slice = share_slice(n, ranks_own() + 1), slices = end_slice - first_slice,
                 late = late_slices(net, slices), chunk = net->chunk;
    for (size_t s = 0; s < net_slices(n) && from == 0; s++)
        net->slices[s].block = NULL, net->slices[s].count = 0;
    for (size_t s = end_slice - late; s < end_slice; s++)
        atomic_store_explicit(&net->slices[s].begun, false, memory_order_relaxed);
    net->used = from == 0 ? 0 : net->used;
#pragma omp parallel for num_threads(net->threads) schedule(monotonic : dynamic, 1)
    for (size_t turn = 0; turn < slices + late; turn++) {
        const bool first = turn < slices;
        const size_t s = first_slice + (first ? turn : turn - late), start = net_slice_start(n, s),
                     end = net_slice_start(n, s + 1);
        const bool is_late = s >= end_slice - late;
        const size_t last = end == start || !is_late ? end : end - 1 - (end - 1 - start) % chunk;
        struct slice *slice = &net->slices[s];
        if (first && from == 0 && start < end)
            slice->block = take_block(net, net_slices(n));
        while (!first && !atomic_load_explicit(&slice->begun, memory_order_acquire))
            sched_yield();
        for (size_t i = first ? start : last; i < (first ? last : end); i += chunk) {
            struct work w =
                piece(net, (struct net_rows){x, NULL}, t, n, i, end - i < chunk ? end - i : chunk);
            w.slice = s;
            w.train = true;
            w.penalty = penalty;
            w.gradients = slice->block;
            w.given = net->given;
            w.wanted = net->wanted;
            w.decodes = net->decodes;
            if (net->whole)
                w.place = i - net_slice_start(n, first_slice);
            run_steps(net->training + from, to - from, &w);
            if (penalty->l1 > 0 && to == net->n_training)
                sum_code(&net->layers[net->spec.n_layers - 1], &w);
        }
        if (first)
            atomic_store_explicit(&slice->begun, true, memory_order_release);
        if (to == net->n_training && (!first || !is_late)) {
#pragma omp critical(slices)
            slice->count = 1;
        }
    }
}

/* Training steps FROM to TO, as far as each join together. */
static void run_training(struct net *net, const float *x, const float *t, size_t n,
                         const struct net_penalty *penalty, int from, int to)
{
    while (from < to) {
        int end = from + 1;
        while (net->training[end - 1].join == NULL && end < to)
            end++;
        run_slices(net, x, t, n, penalty, from, end);
        if (net->training[end - 1].join != NULL)
            net->training[end - 1].join(net->training[end - 1].layer, net->weights, net->gradients,
                                        n);
        from = end;
    }
}

double net_train(struct net *net, const float *x, const float *t, size_t n,
                 const struct net_penalty *penalty)
{
    double result;
    assert(net->train && n > 0 && n <= (size_t)net->max_batch);
    pack(net, FOR_TRAINING);
    net->decodes = true;
    run_training(net, x, t, n, penalty, 0, net->n_training);
    collect_gradients(net, n, penalty);
    result = total_loss(net, n, penalty);
    if (net->whole)
        net_changed(net); /* the running statistics moved */
    return result;
}

void net_train_encode(struct net *net, float *code, const float *x, size_t n)
{
    static const struct net_penalty none;
    assert(net->train && net->whole && n > 0 && n <= (size_t)net->max_batch);
    pack(net, FOR_TRAINING);
    net->given = code;
    run_training(net, x, NULL, n, &none, 0, net->encoded);
    net->given = NULL;
}

double net_train_back(struct net *net, const float *dcode, const float *t, size_t n, double weight,
                      const struct net_penalty *penalty)
{
    const struct net_penalty l2 = {.l2 = penalty->l2};
    double result = 0;
    net->wanted = dcode;
    net->weight = weight;
    net->decodes = weight > 0;
    run_training(net, NULL, t, n, &l2, net->decodes ? net->encoded : net->decoded, net->n_training);
    collect_gradients(net, n, &l2);
    if (net->decodes)
        result = mean_loss(net, n);
    net->wanted = NULL;
    net->weight = 1;
    net_changed(net);
    return result;
}

void net_set_momentum(struct net *net, double momentum)
{
    for (int k = 0; k < net->spec.n_layers; k++)
        net->layers[k].momentum = momentum;
}

static void nothing(void *context)
{
    (void)context;
}

/* This rank's images through the first N_STEPS of the forward steps: its loss against T, or, T
 * NULL, what they give to OUT. */
static void infer(struct net *net, struct net_rows x, const float *t, size_t n, int n_steps,
                  float *out, void (*meanwhile)(void *context), void *context)
{
    struct layer *last = &net->layers[net->spec.n_layers - 1];
    const size_t first = share_image(n, ranks_own()), end = share_image(n, ranks_own() + 1),
                 share = (end - first + net->threads - 1) / net->threads,
                 each = share == 0 ? 1 : smaller(share, (size_t)net->chunk);
    pack(net, FOR_INFERENCE);
#pragma omp parallel num_threads(net->threads)
    {
#pragma omp master
        meanwhile(context);
#pragma omp for schedule(dynamic, 1)
        for (size_t i = first; i < end; i += each) {
            struct work w = piece(net, x, t, n, i, end - i < each ? end - i : each);
            if (t == NULL && n_steps < net->n_forward)
                w.codes = out + i * net_code_items(net);
            run_steps(net->forward, n_steps, &w);
            if (t != NULL) {
                loss(net->layers, &w);
                sum_code(last, &w);
            } else if (n_steps == net->n_forward) {
                const struct plane *p = &net->layers[0].y;
                const size_t row = (size_t)p->W * p->C;
                for (size_t m = 0; m < w.count; m++) {
                    float *to = out + (i + m) * row * p->H;
                    copy_rows(to, row, plane_image(p, &w, m), p->row, p->H, row);
                    if (net->spec.layers[0].activation == NET_SIGMOID)
                        net->kernels->sigmoid(to, to, row * p->H);
                }
            }
        }
    }
}

double net_evaluate(struct net *net, const float *x, const float *t, size_t n,
                    const struct net_penalty *penalty)
{
    assert(n <= (size_t)net->max_batch);
    infer(net, (struct net_rows){x, NULL}, t, n, net->n_forward, NULL, nothing, NULL);
    return total_loss(net, n, penalty);
}

void net_encode(struct net *net, float *code, const float *x, size_t n)
{
    net_encode_while(net, code, (struct net_rows){x, NULL}, n, nothing, NULL);
}

void net_encode_while(struct net *net, float *code, struct net_rows x, size_t n,
                      void (*meanwhile)(void *context), void *context)
{
    infer(net, x, NULL, n, net->spec.n_layers + 1, code, meanwhile, context);
}

void net_reconstruct(struct net *net, float *y, const float *x, size_t n)
{
    infer(net, (struct net_rows){x, NULL}, NULL, n, net->n_forward, y, nothing, NULL);
}
