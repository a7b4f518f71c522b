#include "net/head.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ranks.h"
#include "base/report.h"
#include "base/sizes.h"
#include "cli/value.h"
#include "net/columns.h"
#include "net/dense.h"
#include "net/norm.h"
#include "net/parameters.h"
#include "net/pool.h"
#include "net/share.h"

struct dense_layer {
    size_t in, out;
    const struct net_parameter *kernel, *bias, *gamma, *beta, *mean, *variance; /* or NULL */
    size_t row;     /* of a: in of the first, otherwise dense_row(in) */
    float *a;       /* (rows,row): what it sees */
    float *u;       /* (rows,dense_row(out)): W a; then normalised */
    float *vectors; /* (4,dense_row(out)), of columns.h */
};

struct head {
    struct head_spec spec;
    size_t max_rows;
    struct net_parameter *parameters;
    size_t n_parameters, n_weights;
    float *weights, *gradients;
    struct dense_layer layers[HEAD_MAX_LAYERS];
    float *z, *length; /* (rows,dense_row(width)), (rows) */
    float *da;         /* (rows, widest row) */
    float *scratch;
    double momentum;
    struct arena arena;
};

/* --- spec and parameters --- */

static size_t inputs(const struct head_spec *s)
{
    return s->pool * s->pool * s->code[2];
}

static size_t code_items(const struct head *h)
{
    return h->spec.code[0] * h->spec.code[1] * h->spec.code[2];
}

static void describe(struct net_parameter **p, size_t *n_weights, int layer, const char *what,
                     enum net_role role, size_t rows, size_t columns)
{
    **p = (struct net_parameter){.role = role,
                                 .rank = role == NET_KERNEL ? 2 : 1,
                                 .offset = *n_weights,
                                 .count = rows * columns};
    snprintf((*p)->name, sizeof(*p)->name, "head.%d.%s", layer + 1, what);
    (*p)->shape[0] = role == NET_KERNEL ? rows : columns;
    (*p)->shape[1] = role == NET_KERNEL ? columns : 0;
    *n_weights += (*p)++->count;
}

struct net_parameter *head_describe(const struct head_spec *spec, size_t *n, size_t *n_weights)
{
    struct net_parameter *all = xcalloc(5 * HEAD_MAX_LAYERS, sizeof *all), *p = all;

    *n_weights = 0;
    for (int l = 0; l < spec->n_layers; l++) {
        const size_t in = l == 0 ? inputs(spec) : spec->widths[l - 1], out = spec->widths[l];
        describe(&p, n_weights, l, "kernel", NET_KERNEL, in, out);
        if (l + 1 == spec->n_layers) {
            describe(&p, n_weights, l, "bias", NET_BIAS, 1, out);
            continue;
        }
        describe(&p, n_weights, l, "gamma", NET_GAMMA, 1, out);
        describe(&p, n_weights, l, "beta", NET_BETA, 1, out);
        describe(&p, n_weights, l, "mean", NET_MEAN, 1, out);
        describe(&p, n_weights, l, "variance", NET_VARIANCE, 1, out);
    }
    *n = (size_t)(p - all);
    return all;
}

bool head_parse(struct head_spec *spec, const char *text)
{
    int64_t widths[HEAD_MAX_LAYERS];

    spec->n_layers = (int)value_numbers(widths, HEAD_MAX_LAYERS, text, 1, HEAD_MAX_WIDTH);
    for (int l = 0; l < spec->n_layers; l++)
        spec->widths[l] = (size_t)widths[l];
    return spec->n_layers > 0;
}

bool head_is_equal(const struct head_spec *a, const struct head_spec *b)
{
    return a->pool == b->pool && a->n_layers == b->n_layers
        && memcmp(a->code, b->code, sizeof a->code) == 0
        && memcmp(a->widths, b->widths, (size_t)a->n_layers * sizeof *a->widths) == 0;
}

/* --- memory --- */

static void find_parameters(struct head *h)
{
    const struct net_parameter *p;

    p = h->parameters = head_describe(&h->spec, &h->n_parameters, &h->n_weights);
    for (int i = 0; i < h->spec.n_layers; i++) {
        struct dense_layer *l = &h->layers[i];
        l->kernel = p++;
        l->in = l->kernel->shape[0];
        l->out = l->kernel->shape[1];
        if (i + 1 == h->spec.n_layers)
            l->bias = p++;
        else
            l->gamma = p++, l->beta = p++, l->mean = p++, l->variance = p++;
    }
}

static void lay_out(struct head *h)
{
    struct arena *arena = &h->arena;
    size_t widest = 0, scratch = 0;

    arena->size = 0;
    h->weights = arena_floats(arena, h->n_weights);
    h->gradients = arena_floats(arena, h->n_weights);
    for (int i = 0; i < h->spec.n_layers; i++) {
        struct dense_layer *l = &h->layers[i];
        l->row = i == 0 ? l->in : dense_row(l->in);
        l->a = arena_floats(arena, h->max_rows * l->row + KERNELS_MAX_LANES);
        l->u = arena_floats(arena, h->max_rows * dense_row(l->out));
        l->vectors = arena_floats(arena, 4 * dense_row(l->out));
        widest = larger(widest, dense_row(l->in));
        scratch = larger(scratch, dense_scratch(l->in, l->out));
        scratch = larger(scratch, dense_scratch(l->out, l->in));
    }
    h->z = arena_floats(arena, h->max_rows * head_row(h));
    h->length = arena_floats(arena, h->max_rows);
    h->da = arena_floats(arena, h->max_rows * widest);
    h->scratch = arena_floats(arena, scratch);
}

static struct head *prepare(const struct head_spec *spec, size_t max_rows)
{
    struct head *h = xcalloc(1, sizeof *h);

    assert(spec->n_layers > 0);
    h->spec = *spec;
    h->max_rows = max_rows;
    h->momentum = NORM_MOMENTUM;
    find_parameters(h);
    lay_out(h);
    return h;
}

size_t head_memory(const struct head_spec *spec, size_t max_rows)
{
    struct head *h = prepare(spec, max_rows);
    const size_t size = h->arena.size;

    head_free(h);
    return size;
}

struct head *head_new(const struct head_spec *spec, size_t max_rows)
{
    struct head *h = prepare(spec, max_rows);

    arena_allocate(&h->arena);
    lay_out(h);
    return h;
}

void head_free(struct head *h)
{
    if (!h)
        return;
    free(h->arena.data);
    free(h->parameters);
    free(h);
}

const struct head_spec *head_get_spec(const struct head *h)
{
    return &h->spec;
}

const struct net_parameter *head_parameters(const struct head *h, size_t *n)
{
    *n = h->n_parameters;
    return h->parameters;
}

float *head_weights(struct head *h, size_t *n)
{
    *n = h->n_weights;
    return h->weights;
}

float *head_gradients(struct head *h)
{
    return h->gradients;
}

static size_t width(const struct head *h)
{
    return h->layers[h->spec.n_layers - 1].out;
}

size_t head_row(const struct head *h)
{
    return dense_row(width(h));
}

void head_set_momentum(struct head *h, double momentum)
{
    h->momentum = momentum;
}

void head_initialise(struct head *h, uint64_t seed)
{
    parameters_initialise(h->weights, h->parameters, h->n_parameters, NET_GLOROT_UNIFORM, RNG_HEAD,
                          seed);
}

/* --- forward and backward --- */

static void multiply(struct head *h, const struct dense_layer *l, size_t n)
{
    const struct dense_weights w = {h->weights + l->kernel->offset, (ptrdiff_t)l->out, 1, l->in,
                                    l->out};

    dense_multiply(l->u, dense_row(l->out), l->a, l->row, n, &w,
                   l->bias ? h->weights + l->bias->offset : NULL, h->scratch);
}

/* Of a hidden layer. */
static struct columns columns_of(const struct head *h, const struct dense_layer *l)
{
    const size_t row = dense_row(l->out);

    return (struct columns){.width = l->out,
                            .gamma = h->weights + l->gamma->offset,
                            .beta = h->weights + l->beta->offset,
                            .mean = h->weights + l->mean->offset,
                            .variance = h->weights + l->variance->offset,
                            .scale = l->vectors,
                            .shift = l->vectors + row,
                            .centre = l->vectors + 2 * row,
                            .spread = l->vectors + 3 * row};
}

static double dot(const float *a, const float *b, size_t n)
{
    double partial[8] = {0}; /* in a fixed order that leaves room for vectors */
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        partial[i % 8] += (double)a[i] * (double)b[i];
    for (int i = 0; i < 8; i++)
        sum += partial[i];
    return sum;
}

/* Each rank averages its own codes. */
static void pool_codes(struct head *h, const float *code, size_t n)
{
    const struct pool pool = {.places = (int64_t)h->spec.pool};
    const struct dense_layer *l = h->layers;
    const size_t first = share_image(n, ranks_own()), end = share_image(n, ranks_own() + 1);

    pool_rows(l->a + first * l->row, code + first * code_items(h), end - first, h->spec.code,
              &pool);
    share_gather_images(l->a, l->row * sizeof *l->a, n);
}

const float *head_forward(struct head *h, const float *code, size_t n, bool train)
{
    const struct dense_layer *last = &h->layers[h->spec.n_layers - 1];

    assert(n <= h->max_rows);
    pool_codes(h, code, n);
    for (struct dense_layer *l = h->layers; l <= last; l++) {
        multiply(h, l, n);
        if (l != last) {
            const struct columns c = columns_of(h, l);
            columns_forward(&c, l[1].a, l->u, n, train, h->momentum);
        }
    }
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        const float *u = last->u + i * head_row(h);
        float *z = h->z + i * head_row(h);
        const double length = sqrt(dot(u, u, last->out));
        h->length[i] = length > 1e-12 ? (float)length : 1e-12f;
        for (size_t c = 0; c < last->out; c++)
            z[c] = u[c] / h->length[i];
    }
    return h->z;
}

/* dz becomes the gradient of u_L: (dz - (dz . z) z) / |u_L|. */
static void length_backward(const struct head *h, float *dz, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        const float *z = h->z + i * head_row(h);
        float *d = dz + i * head_row(h);
        const float along = (float)dot(d, z, width(h));
        for (size_t c = 0; c < width(h); c++)
            d[c] = (d[c] - along * z[c]) / h->length[i];
    }
}

void head_backward(struct head *h, float *dcode, float *dz, size_t n)
{
    struct dense_layer *last = &h->layers[h->spec.n_layers - 1];
    const struct pool pool = {.places = (int64_t)h->spec.pool};
    const size_t own = share_image(n, ranks_own()), n_own = share_image(n, ranks_own() + 1) - own;
    float *g = dz; /* of u_l */

    length_backward(h, dz, n);
    columns_sum(h->gradients + last->bias->offset, dz, n, last->out);
    for (struct dense_layer *l = last; l >= h->layers; l--) {
        const struct dense_weights back = {h->weights + l->kernel->offset, 1, (ptrdiff_t)l->out,
                                           l->out, l->in};
        struct columns below;
        dense_gradient(h->gradients + l->kernel->offset, l->a, l->row, g, dense_row(l->out), n,
                       l->in, l->out, h->scratch);
        dense_multiply(h->da, l->row, g, dense_row(l->out), n, &back, NULL, h->scratch);
        if (l == h->layers)
            break;
        below = columns_of(h, &l[-1]);
        columns_backward(&below, h->gradients + l[-1].gamma->offset,
                         h->gradients + l[-1].beta->offset, h->da, l[-1].u, l->a, n);
        memcpy(l[-1].u, h->da, n * dense_row(l->in) * sizeof *g);
        g = l[-1].u;
    }
    pool_backward(dcode + own * code_items(h), h->da + own * h->layers[0].row, n_own, h->spec.code,
                  &pool);
}
