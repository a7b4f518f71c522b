#include "net/net.h"

#include <assert.h>
#include <stdlib.h>

#include "base/profile.h"
#include "base/ranks.h"
#include "base/report.h"
#include "base/rng.h"
#include "base/sizes.h"
#include "kernels/processor.h"
#include "net/loss.h"
#include "net/parameters.h"
#include "net/passes.h"
#include "net/share.h"

enum packed { NOTHING, FOR_TRAINING, FOR_INFERENCE };

struct net {
    struct net_spec spec;
    int max_batch;
    struct layer layers[NET_MAX_LAYERS];
    struct passes passes;
    struct net_parameter *parameters;
    size_t n_parameters, n_weights;
    float *weights, *gradients;
    double *losses, *code_sums; /* (max_batch) */
    enum packed packed;
    struct arena arena;
};

/* --- memory --- */

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

static void lay_out(struct net *net)
{
    struct arena *arena = &net->arena;
    passes_lay_out(&net->passes, arena, (size_t)net->max_batch);
    net->passes.weights = net->weights = arena_floats(arena, net->n_weights);
    if (net->passes.train)
        net->passes.gradients = net->gradients = arena_floats(arena, net->n_weights);
    net->losses = arena_take(arena, net->max_batch, sizeof *net->losses);
    net->code_sums = arena_take(arena, net->max_batch, sizeof *net->code_sums);
}

/* All but the arena's memory. */
static struct net *prepare(const struct net_spec *spec, int max_batch, enum net_use use)
{
    const bool train = use != NET_INFER;
    struct net *net = xcalloc(1, sizeof *net);
    assert(spec_check(spec) == NULL && max_batch > 0);
    net->spec = *spec;
    net->max_batch = max_batch;
    for (int k = 0; k < spec->n_layers; k++)
        layer_init(net->layers, k, spec, kernels_get(), train);
    passes_init(&net->passes, net->layers, spec->n_layers, train, use == NET_IN_HALVES);
    find_parameters(net);
    lay_out(net);
    return net;
}

size_t net_memory(const struct net_spec *spec, int max_batch, enum net_use use)
{
    struct net *net = prepare(spec, max_batch, use);
    const size_t size = net->arena.size;
    net_free(net);
    return size;
}

struct net *net_new(const struct net_spec *spec, int max_batch, enum net_use use)
{
    struct net *net = prepare(spec, max_batch, use);
    arena_allocate(&net->arena);
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

/* --- what it is --- */

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
                 threads = (size_t)net->passes.threads * (size_t)ranks_count();
    const double size = (double)net->arena.size / 0x1p20;
    const char *isa = kernels_get()->name;
    if (net->passes.train)
        profile_head("%s, %.1f MiB of scratch, %zu slices of a batch, %zu for a thread", isa, size,
                     slices, divide_up(slices, threads));
    else
        profile_head("%s, %.1f MiB of scratch", isa, size);
    for (int k = 0; k < net->spec.n_layers; k++)
        layer_profile(&net->layers[k], k);
}

void net_profile_exchange(const struct net *net)
{
    slices_profile(&net->passes.slices);
}

void net_initialise(struct net *net, enum net_initialiser how, uint64_t seed)
{
    parameters_initialise(net->weights, net->parameters, net->n_parameters, how, RNG_WEIGHTS, seed);
    net_changed(net);
}

void net_set_momentum(struct net *net, double momentum)
{
    for (int k = 0; k < net->spec.n_layers; k++)
        net->layers[k].momentum = momentum;
}

/* --- weights and gradients --- */

static void pack(struct net *net, enum packed want)
{
    bool alike = true;
    for (int k = 0; k < net->spec.n_layers; k++)
        alike &= layer_packs_alike(&net->layers[k]);
    if (net->packed == want || (net->packed == FOR_TRAINING && alike))
        return;
#pragma omp parallel for num_threads(net->passes.threads) schedule(dynamic, 1)
    for (int i = 2 * net->spec.n_layers - 1; i >= 0; i--) /* the last layers are the largest */
        (i % 2 == 1 ? layer_pack_decoder : layer_pack_encoder)(&net->layers[i / 2], net->weights,
                                                               want == FOR_INFERENCE);
    net->packed = want;
}

/* A decoder that is not trained is not penalised; decoders are last. */
static size_t n_penalised(const struct net *net, bool decoder)
{
    return decoder ? net->n_parameters : (size_t)(net->layers[0].back_kernel - net->parameters);
}

double net_penalty(const struct net *net, const struct net_penalty *penalty, bool decoder)
{
    return parameters_penalty(net->weights, net->parameters, n_penalised(net, decoder),
                              penalty->l2);
}

/* The total of the slices, folded into the flat gradients, penalty included. */
static void collect_gradients(struct net *net, const struct batch *b)
{
    const float *total = slices_total(&net->passes.slices);
#pragma omp parallel for num_threads(net->passes.threads) schedule(dynamic, 1)
    for (int i = 2 * net->spec.n_layers - 1; i >= 0; i--)
        (i % 2 == 1 ? layer_fold_decoder : layer_fold_encoder)(&net->layers[i / 2], net->gradients,
                                                               total);
    parameters_penalise(net->gradients, net->weights, net->parameters,
                        n_penalised(net, b->loss_weight > 0), b->penalty->l2);
    if (net->passes.keeps)
        net_changed(net); /* the running statistics moved */
}

/* --- a batch --- */

static struct batch batch_of(struct net *net, size_t n, bool train)
{
    static const struct net_penalty no_penalty;
    assert(n <= (size_t)net->max_batch && (!train || (net->passes.train && n > 0)));
    pack(net, train ? FOR_TRAINING : FOR_INFERENCE);
    return (struct batch){.n = n,
                          .train = train,
                          .loss = net->spec.loss,
                          .loss_weight = 1,
                          .penalty = &no_penalty,
                          .losses = net->losses,
                          .code_sums = net->code_sums};
}

static double total_loss(const struct net *net, const struct batch *b)
{
    return loss_mean(b) + loss_penalty(b) + net_penalty(net, b->penalty, true);
}

double net_train(struct net *net, const float *x, const float *t, size_t n,
                 const struct net_penalty *penalty)
{
    struct batch b = batch_of(net, n, true);
    b.x.numbers = x;
    b.t = t;
    b.penalty = penalty;
    passes_train(&net->passes, &b, 0, net->passes.training.n);
    collect_gradients(net, &b);
    return total_loss(net, &b);
}

void net_train_encode(struct net *net, float *code, const float *x, size_t n)
{
    struct batch b = batch_of(net, n, true);
    assert(net->passes.keeps);
    b.x.numbers = x;
    b.code = code;
    passes_train(&net->passes, &b, 0, net->passes.training.code);
}

double net_train_back(struct net *net, const float *dcode, const float *t, size_t n, double weight,
                      const struct net_penalty *penalty)
{
    const struct net_penalty l2 = {.l2 = penalty->l2};
    const struct steps *steps = &net->passes.training;
    struct batch b = batch_of(net, n, true);
    b.t = t;
    b.dcode = dcode;
    b.loss_weight = weight;
    b.penalty = &l2;
    passes_train(&net->passes, &b, weight > 0 ? steps->code : steps->dcode, steps->n);
    collect_gradients(net, &b);
    return weight > 0 ? loss_mean(&b) : 0;
}

double net_evaluate(struct net *net, const float *x, const float *t, size_t n,
                    const struct net_penalty *penalty)
{
    struct batch b = batch_of(net, n, false);
    b.x.numbers = x;
    b.t = t;
    b.penalty = penalty;
    passes_infer(&net->passes, &b, net->passes.inference.n, NULL, NULL);
    return total_loss(net, &b);
}

void net_encode(struct net *net, float *code, const float *x, size_t n)
{
    net_encode_while(net, code, (struct net_rows){x, NULL}, n, NULL, NULL);
}

size_t net_encode_while(struct net *net, float *code, struct net_rows x, size_t n,
                        void (*meanwhile)(void *context), void *context)
{
    atomic_size_t not_finite = n;
    struct batch b = batch_of(net, n, false);
    b.not_finite = &not_finite;
    b.x = x;
    b.code = code;
    passes_infer(&net->passes, &b, net->passes.inference.code, meanwhile, context);
    return not_finite;
}

void net_reconstruct(struct net *net, float *y, const float *x, size_t n)
{
    struct batch b = batch_of(net, n, false);
    b.x.numbers = x;
    b.y = y;
    passes_infer(&net->passes, &b, net->passes.inference.n, NULL, NULL);
}
