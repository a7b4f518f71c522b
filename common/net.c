#include "net.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "report.h"
#include "rng.h"

enum { CHUNK = 4, BAND_BYTES = 16 << 10 };
static const double BN_EPSILON = 1e-3, BN_MOMENTUM = 0.99;

/* Images of one kind, (places,H,W,C), each inside a margin of zeros that nothing ever writes to. */
struct plane {
    int H, W, C, margin;
    size_t row;          /* floats from one row to the next */
    size_t size;         /* floats from one place to the next */
    float *data;         /* row 0, pixel 0 of place 0 */
};

struct layer {
    int R, P, C, K;      /* kernel, pad, channels in, filters */
    int H, W, h, w;      /* of the input, of the code */
    bool norm;
    const struct net_parameter *kernel, *bias, *gamma, *beta, *mean, *variance, *back_kernel, *back_bias;

    /* kernels as the convolutions want them, renewed after net_changed */
    float *encode_w, *encode_b, *decode_w[2][2], *decode_b;
    float *encode_dx_w, *decode_dx_w;
    float *box, *blocks; /* (R+1,R+1,K,C); (P+1,P+1,4*C,K) */
    float *dblocks, *dbox;  /* their gradients, (...,padded K) */
    int points, points_ties, points_back;  /* by Winograd's way with so many points, or 0: the encoder; where ties matter; the decoder's gradients */
    bool dot;            /* decoder: so few channels that vectors run along the taps */
    size_t window;       /* floats in a row of the encoder's window for sparse sums, R*C rounded up to vectors */

    /* where the gradients of one slice stand in its block, floats */
    size_t at_encode_dw, at_encode_db, at_decode_dw, at_decode_db, at_gamma, at_beta;

    struct plane in;     /* code_{k-1} */
    struct plane y, dy;  /* y_{k-1}; its gradient. In training y_0 shares dy_0's place: before the activation, then the gradient */
    struct plane z;      /* batch normalisation: what the convolution gives; then its gradient */
    struct plane dcode;  /* of code_k; its margin takes what the next encoder's windows add there */
    uint8_t *argmax;     /* (places,h,w,K) */
    int band;            /* pooled rows whose gradients are listed at once */
    size_t list;         /* room for the entries of a channel */

    double *sums;        /* batch normalisation: (NET_SLICES,2,K) */
    float *scale, *shift, *centre, *spread;  /* (K): y = scale*z + shift; z normalised = (z - centre) * spread */
    float *dz_a, *dz_b;  /* (K): dz = scale*g - dz_a - dz_b * normalised z */
};

struct work {
    const float *x, *t;
    size_t n;            /* images in the batch */
    size_t first, count; /* the images of this piece */
    size_t place;        /* where the first of them stands in the planes */
    int slice;
    bool train;
    const struct net_penalty *penalty;
};

/* A step is done for all pieces of the batch before the next one only where it has a `join`, which sees the whole batch. */
struct step {
    void (*run)(struct net *net, int k, const struct work *w);
    void (*join)(struct net *net, int k, size_t n);
    int k;
};

enum packed { NOTHING, FOR_TRAINING, FOR_INFERENCE };

struct net {
    struct net_spec spec;
    const struct kernels *kernels;
    bool train;
    int max_batch, threads, chunk;
    bool whole;              /* the planes hold a whole batch (batch normalisation looks at all of it), otherwise a chunk per thread */
    struct layer layers[NET_MAX_LAYERS];
    struct plane code;       /* code_K */
    struct net_parameter *parameters;
    size_t n_parameters, n_weights;
    float *weights, *gradients;
    float *slices;           /* (NET_SLICES, slice_size) */
    float *scratch;          /* (threads, scratch_size) */
    size_t scratch_size;
    struct entry *entries;   /* (threads, entries_size) */
    size_t entries_size;
    size_t slice_size;
    double *losses, *code_sums;  /* of each image of the batch */
    struct step forward[2 * NET_MAX_LAYERS + 2], training[6 * NET_MAX_LAYERS + 4];
    int n_forward, n_training;
    enum packed packed;
    char *arena;
    size_t arena_size;
};

/* --- spec and parameters --- */

const char *net_check(const struct net_spec *s)
{
    if (s->n_layers < 1 || s->n_layers > NET_MAX_LAYERS)
        return "number of layers is not in 1..16";
    if (s->height < 1 || s->width < 1 || s->channels < 1)
        return "height, width and channels must be at least 1";
    if ((double)s->height * s->width * s->channels > 1 << 28)
        return "an image has more than 2^28 values";
    if (s->height % (1 << s->n_layers) != 0 || s->width % (1 << s->n_layers) != 0)
        return "height or width is not a multiple of 2^layers";
    for (int k = 0; k < s->n_layers; k++) {
        if (s->layers[k].kernel < 1 || s->layers[k].kernel > 15 || s->layers[k].kernel % 2 == 0)
            return "kernel is not an odd number in 1..15";
        if (s->layers[k].filters < 1 || s->layers[k].filters > 4096)
            return "filters are not in 1..4096";
    }
    if (s->loss == NET_BCE && s->layers[0].activation != NET_SIGMOID)
        return "binary cross-entropy needs a sigmoid at the end";
    return NULL;
}

struct net_parameter *net_describe(const struct net_spec *spec, size_t *n, size_t *n_weights)
{
    static const struct { const char *name; enum net_role role; } vectors[] = {
        { "bias", NET_BIAS }, { "gamma", NET_GAMMA }, { "beta", NET_BETA }, { "mean", NET_MEAN }, { "variance", NET_VARIANCE },
    };
    struct net_parameter *all = xcalloc(8 * (size_t)spec->n_layers, sizeof *all), *p = all;
    *n_weights = 0;
    for (int i = 0; i < 2 * spec->n_layers; i++) {
        const bool encoder = i < spec->n_layers;
        const int k = i % spec->n_layers;
        const struct net_layer *l = &spec->layers[k];
        const size_t R = (size_t)l->kernel, C = (size_t)(k == 0 ? spec->channels : l[-1].filters), K = (size_t)l->filters;
        const size_t in = encoder ? C : K, out = encoder ? K : C;
        *p = (struct net_parameter){ .role = NET_KERNEL, .rank = 4, .shape = { R, R, in, out }, .offset = *n_weights, .count = R * R * in * out };
        snprintf(p->name, sizeof p->name, "%s.%d.kernel", encoder ? "encoder" : "decoder", k + 1);
        *n_weights += p++->count;
        for (int v = 0; v < (encoder && l->batch_norm ? 5 : 1); v++) {
            *p = (struct net_parameter){ .role = vectors[v].role, .rank = 1, .shape = { out }, .offset = *n_weights, .count = out };
            snprintf(p->name, sizeof p->name, "%s.%d.%s", encoder ? "encoder" : "decoder", k + 1, vectors[v].name);
            *n_weights += p++->count;
        }
    }
    *n = (size_t)(p - all);
    return all;
}

static void find_parameters(struct net *net)
{
    net->parameters = net_describe(&net->spec, &net->n_parameters, &net->n_weights);
    const struct net_parameter *p = net->parameters;
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

static void *take(struct net *net, size_t n, size_t size)
{
    void *p = net->arena == NULL ? NULL : net->arena + net->arena_size;
    net->arena_size += (n * size + 63) / 64 * 64;
    return p;
}

static float *take_floats(struct net *net, size_t n)
{
    return take(net, n, sizeof(float));
}

/* The places and, behind the last, room for what kernels read beyond an image. */
static void take_plane(struct net *net, struct plane *p, int H, int W, int C, int margin, size_t places)
{
    p->H = H, p->W = W, p->C = C, p->margin = margin;
    p->row = (size_t)(W + 2 * margin) * C;
    p->size = (p->row * (H + 2 * margin) + 15) / 16 * 16;
    p->data = take_floats(net, p->size * places + 8 * (size_t)C + KERNELS_MAX_LANES);
    if (p->data != NULL)
        p->data += p->row * margin + (size_t)C * margin;
}

static float *image(const struct plane *p, size_t place)
{
    return p->data + place * p->size;
}

static size_t padded(const struct net *net, int channels)
{
    return (size_t)(channels + net->kernels->lanes - 1) / net->kernels->lanes * net->kernels->lanes;
}

static size_t places(const struct net *net)
{
    const size_t of_threads = (size_t)net->threads * net->chunk;
    return net->whole && (size_t)net->max_batch > of_threads ? (size_t)net->max_batch : of_threads;
}

static size_t in_slice(struct net *net, size_t n)
{
    const size_t at = net->slice_size;
    net->slice_size += (n + 15) / 16 * 16;
    return at;
}

static void lay_out_layer(struct net *net, struct layer *l, bool last)
{
    const size_t n = places(net), K = l->K, taps = (size_t)l->R * l->R, box_taps = (size_t)(l->R + 1) * (l->R + 1), points = 4 * (size_t)l->points_back * (l->P + 1), encode_points = (size_t)(l->points > l->points_ties ? l->points : l->points_ties) * l->R,
                 phase_run = ((size_t)(l->P + 1) * K + KERNELS_DOT - 1) / KERNELS_DOT * KERNELS_DOT;
    const struct layer *above = last ? NULL : l + 1, *below = l == net->layers ? NULL : l - 1;

    l->encode_w = take_floats(net, (encode_points > taps ? encode_points : taps) * l->C * padded(net, l->K));
    l->encode_b = take_floats(net, padded(net, l->K));
    l->box = take_floats(net, box_taps * l->C * K);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++)
            l->decode_w[a][b] = take_floats(net, (l->P + 1) * phase_run * (l->dot ? (size_t)l->C : padded(net, l->C)));
    l->decode_b = take_floats(net, padded(net, l->C));

    take_plane(net, &l->in, l->H, l->W, l->C, l->P, n);
    if (last)
        take_plane(net, &net->code, l->h, l->w, l->K, (l->P + 1) / 2, n);
    if (!net->train || below != NULL)
        take_plane(net, &l->y, l->H, l->W, l->C, below == NULL ? 0 : (below->P + 1) / 2, n);
    if (!net->train)
        return;

    take_plane(net, &l->dy, l->H, l->W, l->C, l->P, n);
    if (below == NULL)
        l->y = l->dy;
    take_plane(net, &l->dcode, l->h, l->w, l->K, above == NULL ? 0 : above->P, n);
    if (l->norm)
        take_plane(net, &l->z, l->H, l->W, l->K, l->P, n);
    l->argmax = take(net, n * l->h * l->w * K + KERNELS_MAX_LANES, 1);
    l->decode_dx_w = take_floats(net, (l->points_back > 0 ? points : box_taps) * l->C * padded(net, l->K));
    if (l->points_back > 0) {
        l->blocks = take_floats(net, box_taps * l->C * K);
        l->dblocks = take_floats(net, box_taps * l->C * padded(net, l->K));
        l->dbox = take_floats(net, box_taps * l->C * padded(net, l->K));
    }
    if (below != NULL)
        l->encode_dx_w = take_floats(net, l->norm ? taps * K * padded(net, l->C) : l->R * l->window * K);
    l->at_encode_dw = in_slice(net, l->norm ? taps * l->C * padded(net, l->K) : l->R * l->window * K);
    l->at_encode_db = in_slice(net, K);
    l->at_decode_dw = in_slice(net, (l->points_back > 0 ? points : box_taps) * l->C * padded(net, l->K));
    l->at_decode_db = in_slice(net, (size_t)l->W * l->C);
    const size_t band = BAND_BYTES / sizeof(float) / (2 * l->in.row);
    l->band = band < 2 ? 2 : band < (size_t)l->h ? (int)band : l->h;
    l->list = (size_t)l->band * l->w * (l->band == l->h ? net->chunk : 1);
    if (net->entries_size < l->list * K)
        net->entries_size = l->list * K;
    if (net->entries_size < 5 * K)
        net->entries_size = 5 * K;
    if (l->norm) {
        l->sums = take(net, NET_SLICES * 2 * K, sizeof *l->sums);
        float **const vectors[] = { &l->scale, &l->shift, &l->centre, &l->spread, &l->dz_a, &l->dz_b };
        for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
            *vectors[i] = take_floats(net, K);
    }
}

static void lay_out(struct net *net)
{
    net->arena_size = net->slice_size = 0;
    for (int k = 0; k < net->spec.n_layers; k++)
        lay_out_layer(net, &net->layers[k], k == net->spec.n_layers - 1);
    net->weights = take_floats(net, net->n_weights);
    net->scratch = take_floats(net, net->scratch_size * net->threads);
    net->losses = take(net, net->max_batch, sizeof *net->losses);
    net->code_sums = take(net, net->max_batch, sizeof *net->code_sums);
    if (net->train) {
        net->gradients = take_floats(net, net->n_weights);
        net->slices = take_floats(net, NET_SLICES * net->slice_size);
        net->entries = take(net, net->entries_size * net->threads, sizeof *net->entries);
    }
}

/* --- packed kernels --- */

/* Windows that are equal must tie in the pool, whose gradient goes to the first, or the gradient to the input comes out at another pixel. A net of one
 * layer does not need that gradient, and its kernel's is the same whichever of equal windows takes it. Batch normalisation does not pool in one pass. */
static int encoder_points(const struct net *net, const struct layer *l, bool inference)
{
    return inference ? l->points : l->norm ? 0 : net->spec.n_layers == 1 ? l->points : l->points_ties;
}

static void pack_encoder(struct net *net, struct layer *l, bool inference)
{
    const float *kernel = net->weights + l->kernel->offset, *bias = net->weights + l->bias->offset;
    float *scale = NULL;
    if (l->norm && inference) {  /* the running statistics go into kernel and bias */
        scale = l->encode_b;
        for (int o = 0; o < l->K; o++)
            scale[o] = (float)(net->weights[l->gamma->offset + o] / sqrt(net->weights[l->variance->offset + o] + BN_EPSILON));
    }
    const ptrdiff_t K = l->K, CK = (ptrdiff_t)l->C * K;
    const int points = encoder_points(net, l, inference);
    if (points > 0)
        net->kernels->winograd_pack(l->encode_w, kernel, scale, points, l->R, l->C, l->K);
    else
        kernels_pack(l->encode_w, kernel, scale, &(struct packing){ l->R, l->R, l->C, l->K, 1, l->R * CK, CK, K, 1 }, net->kernels->lanes);
    for (int o = 0; o < l->K; o++)
        l->encode_b[o] = scale == NULL ? bias[o]
            : (bias[o] - net->weights[l->mean->offset + o]) * scale[o] + net->weights[l->beta->offset + o];
    if (inference || l->encode_dx_w == NULL)
        return;
    if (l->norm)
        kernels_pack(l->encode_dx_w, kernel + (l->R * l->R - 1) * CK, NULL, &(struct packing){ l->R, l->R, l->K, l->C, 1, -l->R * CK, -CK, 1, K },
                     net->kernels->lanes);
    else
        kernels_pack(l->encode_dx_w, kernel, NULL, &(struct packing){ l->R, l->R, l->C, l->K, net->kernels->lanes, l->R * CK, CK, K, 1 }, 1);
}

/* floor((a-P)/2): the first row of the small image that rows 2i+a of y see, less i. */
static int phase_origin(int a, int P)
{
    return -((P - a + 1) / 2);
}

static void pack_decoder(struct net *net, struct layer *l, bool inference)
{
    const int lanes = net->kernels->lanes, R = l->R, P = l->P;
    const ptrdiff_t C = l->C, KC = (ptrdiff_t)l->K * C, row = (R + 1) * KC;
    kernels_box(l->box, net->weights + l->back_kernel->offset, R, l->K, l->C);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            const float *first = l->box + (a + P - 2 * phase_origin(a, P)) * row + (b + P - 2 * phase_origin(b, P)) * KC;
            kernels_pack(l->decode_w[a][b], first, NULL, &(struct packing){ P + 1, P + 1, l->K, l->C, l->dot ? KERNELS_DOT : 1, -2 * row, -2 * KC, C, 1 },
                         l->dot ? 1 : lanes);
        }
    memcpy(l->decode_b, net->weights + l->back_bias->offset, C * sizeof *l->decode_b);
    if (inference || l->decode_dx_w == NULL)
        return;
    if (l->points_back > 0) {
        kernels_blocks(l->blocks, l->box, R, l->K, l->C);
        net->kernels->winograd_pack(l->decode_dx_w, l->blocks, NULL, l->points_back, P + 1, 4 * l->C, l->K);
    } else {
        kernels_pack(l->decode_dx_w, l->box, NULL, &(struct packing){ R + 1, R + 1, l->C, l->K, 1, row, KC, 1, C }, lanes);
    }
}

static void pack(struct net *net, enum packed want)
{
    bool differ = false;
    for (int k = 0; k < net->spec.n_layers; k++)
        differ |= net->layers[k].norm || encoder_points(net, &net->layers[k], false) != encoder_points(net, &net->layers[k], true);
    if (net->packed == want || (net->packed == FOR_TRAINING && !differ))
        return;
#pragma omp parallel for num_threads(net->threads) schedule(dynamic, 1)
    for (int i = 2 * net->spec.n_layers - 1; i >= 0; i--)  /* the last layers are the largest */
        (i % 2 == 1 ? pack_decoder : pack_encoder)(net, &net->layers[i / 2], want == FOR_INFERENCE);
    net->packed = want;
}

/* --- forward steps --- */

static void copy_rows(float *to, size_t to_row, const float *from, size_t from_row, int rows, size_t n)
{
    for (int i = 0; i < rows; i++)
        memcpy(to + i * to_row, from + i * from_row, n * sizeof *to);
}

static void load_input(struct net *net, int k, const struct work *w)
{
    const struct plane *p = &net->layers[k].in;
    const size_t row = (size_t)p->W * p->C;
    for (size_t m = 0; m < w->count; m++)
        copy_rows(image(p, w->place + m), p->row, w->x + (w->first + m) * row * p->H, row, p->H, row);
}

static struct plane *code_plane(struct net *net, int k)
{
    return k + 1 < net->spec.n_layers ? &net->layers[k + 1].in : &net->code;
}

static struct conv encoder_conv(const struct layer *l, const struct plane *y)
{
    return (struct conv){ .rows = l->H, .cols = l->W, .taps = l->R, .run = l->R * l->C, .channels = l->K,
                          .x_row = l->in.row, .x_col = l->C, .x_tap = l->in.row, .y_row = y->row, .y_col = l->K };
}

/* Position (0,0) minus the pad. */
static const float *encoder_input(const struct layer *l, size_t place)
{
    return image(&l->in, place) - l->P * l->in.row - (size_t)l->P * l->C;
}

static uint8_t *argmax_image(const struct layer *l, size_t place)
{
    return l->argmax + place * l->h * l->w * l->K;
}

static struct winograd encoder_winograd(const struct layer *l, const struct plane *y, int points)
{
    return (struct winograd){ .points = points, .R = l->R, .C = l->C, .K = l->K, .H = l->H, .W = l->W, .stride = 1, .x_row = l->in.row, .y_row = y->row, .y_col = l->K };
}

static void encode(struct net *net, int k, const struct work *w)
{
    const struct layer *l = &net->layers[k];
    const struct plane *code = code_plane(net, k);
    const int points = encoder_points(net, l, !w->train);
    if (points > 0) {
        const struct winograd g = encoder_winograd(l, code, points);
        net->kernels->winograd_relu_pool(image(code, w->place), w->train ? argmax_image(l, w->place) : NULL, encoder_input(l, w->place), l->encode_w,
                                         l->encode_b, &g, w->count, l->in.size, code->size, net->scratch + omp_get_thread_num() * net->scratch_size);
        return;
    }
    const struct conv g = encoder_conv(l, code);
    for (size_t m = w->place; m < w->place + w->count; m++)
        net->kernels->conv_relu_pool(image(code, m), w->train ? argmax_image(l, m) : NULL, encoder_input(l, m), l->encode_w, l->encode_b, &g);
}

/* The code's L1 norm, one sum an image. */
static void sum_code(struct net *net, int k, const struct work *w)
{
    (void)k;
    const struct plane *p = &net->code;
    for (size_t m = 0; m < w->count; m++) {
        double sum = 0;
        for (int i = 0; i < p->H; i++)
            for (int q = 0; q < p->W * p->C; q++)
                sum += image(p, w->place + m)[i * p->row + q];
        net->code_sums[w->first + m] = sum;
    }
}

static void decode(struct net *net, int k, const struct work *w)
{
    const struct layer *l = &net->layers[k];
    const struct plane *small = k + 1 < net->spec.n_layers ? &l[1].y : &net->code;
    const enum net_activation activation = net->spec.layers[k].activation;
    const struct conv g = { .rows = l->h, .cols = l->w, .taps = l->P + 1, .run = (l->P + 1) * l->K, .channels = l->C,
                            .x_row = small->row, .x_col = l->K, .x_tap = small->row, .y_row = 2 * l->y.row, .y_col = 2 * (size_t)l->C };
    for (size_t m = w->place; m < w->place + w->count; m++) {
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++) {
                const float *x = image(small, m) + phase_origin(a, l->P) * (ptrdiff_t)small->row + phase_origin(b, l->P) * (ptrdiff_t)l->K;
                float *y = image(&l->y, m) + a * l->y.row + (size_t)b * l->C;
                (l->dot ? net->kernels->conv_dot : activation == NET_RELU ? net->kernels->conv_relu : net->kernels->conv)(y, x, l->decode_w[a][b],
                                                                                                                   l->decode_b, &g);
            }
        if (activation == NET_SIGMOID && k > 0)  /* the last one belongs to the loss */
            for (int i = 0; i < l->H; i++)
                net->kernels->sigmoid(image(&l->y, m) + i * l->y.row, image(&l->y, m) + i * l->y.row, (size_t)l->W * l->C);
    }
}

/* g *= derivative of the activation, from its result y */
static void activation_backward(float *g, const float *y, size_t n, enum net_activation activation)
{
    if (activation == NET_RELU)
        for (size_t i = 0; i < n; i++)
            g[i] = y[i] > 0 ? g[i] : 0;
    else if (activation == NET_SIGMOID)
        for (size_t i = 0; i < n; i++)
            g[i] *= y[i] * (1 - y[i]);
}

/* The loss of each image; in training y_0, which shares dy_0's place, becomes the gradient before the activation. */
static void loss(struct net *net, int k, const struct work *w)
{
    const struct layer *l = &net->layers[k];
    const struct kernels *kernels = net->kernels;
    const size_t row = (size_t)l->W * l->C;
    const float scale = (float)(1.0 / ((double)w->n * l->H * row));
    for (size_t m = 0; m < w->count; m++) {
        double sum = 0;
        for (int i = 0; i < l->H; i++) {
            float *y = image(&l->y, w->place + m) + i * l->y.row;
            const float *t = w->t + (w->first + m) * l->H * row + i * row;
            if (net->spec.loss == NET_BCE) {
                sum += kernels->bce(w->train ? y : NULL, y, t, row, scale);
                continue;
            }
            if (net->spec.layers[0].activation == NET_SIGMOID)
                kernels->sigmoid(y, y, row);
            if (w->train && net->spec.layers[0].activation != NET_LINEAR) {
                for (size_t q = 0; q < row; q += 256) {  /* the derivative needs y, which the gradient replaces */
                    float d[256];
                    const size_t n = row - q < 256 ? row - q : 256;
                    sum += kernels->mse(d, y + q, t + q, n, scale);
                    activation_backward(d, y + q, n, net->spec.layers[0].activation);
                    memcpy(y + q, d, n * sizeof *d);
                }
            } else {
                sum += kernels->mse(w->train ? y : NULL, y, t, row, scale);
            }
        }
        net->losses[w->first + m] = sum / ((double)l->H * row);
    }
}

/* --- batch normalisation --- */

static void encode_linear(struct net *net, int k, const struct work *w)
{
    const struct layer *l = &net->layers[k];
    const struct conv g = encoder_conv(l, &l->z);
    double *sums = l->sums + (size_t)w->slice * 2 * l->K;
    for (size_t m = w->place; m < w->place + w->count; m++) {
        net->kernels->conv(image(&l->z, m), encoder_input(l, m), l->encode_w, l->encode_b, &g);
        for (int i = 0; i < l->H; i++)
            for (int j = 0; j < l->W; j++) {
                const float *z = image(&l->z, m) + i * l->z.row + (size_t)j * l->K;
                for (int o = 0; o < l->K; o++) {
                    sums[o] += z[o];
                    sums[l->K + o] += (double)z[o] * z[o];
                }
            }
    }
}

/* Sums over the slices, in order, to those of slice 0; the sums of all slices are cleared for the next use. */
static void add_sums(const struct layer *l, double *total)
{
    const size_t n = 2 * (size_t)l->K;
    memset(total, 0, n * sizeof *total);
    for (int s = 0; s < NET_SLICES; s++)
        for (size_t i = 0; i < n; i++)
            total[i] += l->sums[s * n + i];
    memset(l->sums, 0, NET_SLICES * n * sizeof *l->sums);
}

static void batch_statistics(struct net *net, int k, size_t n)
{
    struct layer *l = &net->layers[k];
    const double count = (double)n * l->H * l->W;
    double total[2 * 4096];
    add_sums(l, total);
    for (int o = 0; o < l->K; o++) {
        const double mean = total[o] / count, square = total[l->K + o] / count - mean * mean, variance = square > 0 ? square : 0;
        const double spread = 1 / sqrt(variance + BN_EPSILON), gamma = net->weights[l->gamma->offset + o];
        l->centre[o] = (float)mean;
        l->spread[o] = (float)spread;
        l->scale[o] = (float)(gamma * spread);
        l->shift[o] = (float)(net->weights[l->beta->offset + o] - mean * gamma * spread);
        float *running = &net->weights[l->mean->offset + o], *running2 = &net->weights[l->variance->offset + o];
        *running = (float)(*running * BN_MOMENTUM + mean * (1 - BN_MOMENTUM));
        *running2 = (float)(*running2 * BN_MOMENTUM + variance * (1 - BN_MOMENTUM));
    }
}

static void normalise_relu_pool(struct net *net, int k, const struct work *w)
{
    const struct layer *l = &net->layers[k];
    const struct plane *code = code_plane(net, k);
    for (size_t m = w->place; m < w->place + w->count; m++)
        for (int i = 0; i < l->h; i++)
            for (int j = 0; j < l->w; j++) {
                const float *z = image(&l->z, m) + 2 * i * l->z.row + 2 * (size_t)j * l->K;
                float *y = image(code, m) + i * code->row + (size_t)j * l->K;
                uint8_t *argmax = argmax_image(l, m) + ((size_t)i * l->w + j) * l->K;
                for (int o = 0; o < l->K; o++) {
                    const float v[4] = { z[o], z[l->K + o], z[l->z.row + o], z[l->z.row + l->K + o] };
                    float best = v[0] * l->scale[o] + l->shift[o];
                    uint8_t where = 0;
                    for (int q = 1; q < 4; q++) {
                        const float next = v[q] * l->scale[o] + l->shift[o];
                        where = next > best ? (uint8_t)q : where;
                        best = next > best ? next : best;
                    }
                    argmax[o] = best > 0 ? where : KERNELS_DEAD;
                    y[o] = best > 0 ? best : 0;
                }
            }
}

static size_t where_in(const struct plane *z, uint8_t where)  /* floats from the first of four positions to this one */
{
    return (where >> 1) * z->row + (where & 1) * (size_t)z->C;
}

static void normalise_sums(struct net *net, int k, const struct work *w)
{
    const struct layer *l = &net->layers[k];
    double *sums = l->sums + (size_t)w->slice * 2 * l->K;
    for (size_t m = w->place; m < w->place + w->count; m++)
        for (int i = 0; i < l->h; i++)
            for (int j = 0; j < l->w; j++) {
                const float *z = image(&l->z, m) + 2 * i * l->z.row + 2 * (size_t)j * l->K;
                const float *g = image(&l->dcode, m) + i * l->dcode.row + (size_t)j * l->K;
                const uint8_t *argmax = argmax_image(l, m) + ((size_t)i * l->w + j) * l->K;
                for (int o = 0; o < l->K; o++)
                    if (argmax[o] != KERNELS_DEAD) {
                        sums[o] += g[o];
                        sums[l->K + o] += (double)g[o] * ((z[where_in(&l->z, argmax[o]) + o] - l->centre[o]) * l->spread[o]);
                    }
            }
}

static void normalise_gradients(struct net *net, int k, size_t n)
{
    struct layer *l = &net->layers[k];
    const double count = (double)n * l->H * l->W;
    double total[2 * 4096];
    add_sums(l, total);
    for (int o = 0; o < l->K; o++) {
        net->gradients[l->beta->offset + o] = (float)total[o];
        net->gradients[l->gamma->offset + o] = (float)total[l->K + o];
        l->dz_a[o] = (float)(l->scale[o] * total[o] / count);
        l->dz_b[o] = (float)(l->scale[o] * total[l->K + o] / count);
    }
}

/* --- backward steps --- */

/* Sums over the rows; those over the columns are taken once a batch, when the gradients are collected. */
static void bias_backward(float *db, const struct plane *dy, size_t place)
{
    for (int i = 0; i < dy->H; i++)
        for (int q = 0; q < dy->W * dy->C; q++)
            db[q] += image(dy, place)[i * dy->row + q];
}

static struct winograd decoder_winograd(const struct layer *l, const struct plane *dsmall)
{
    return (struct winograd){ .points = l->points_back, .R = l->P + 1, .C = l->C, .K = l->K, .H = l->h, .W = l->w, .stride = 2, .x_row = l->dy.row, .y_row = dsmall->row, .y_col = l->K };
}

/* From the gradient of y_{k-1} before its activation: the decoder's own, and that of y_k before its activation, or of code_K. */
static void decode_backward(struct net *net, int k, const struct work *w)
{
    const struct layer *l = &net->layers[k];
    const bool last = k + 1 == net->spec.n_layers;
    const struct plane *small = last ? &net->code : &l[1].y, *dsmall = last ? &l->dcode : &l[1].dy;
    float *slice = net->slices + (size_t)w->slice * net->slice_size;
    const ptrdiff_t corner = l->P * (ptrdiff_t)l->dy.row + l->P * (ptrdiff_t)l->C;
    if (l->points_back > 0) {
        const struct winograd g = decoder_winograd(l, dsmall);
        net->kernels->winograd_backward(image(dsmall, w->place), slice + l->at_decode_dw, image(&l->dy, w->place) - corner, image(small, w->place),
                                        l->decode_dx_w, &g, w->count, l->dy.size, small->row, small->size, dsmall->size,
                                        net->scratch + omp_get_thread_num() * net->scratch_size);
    } else {
        struct conv g = { .rows = l->h, .cols = l->w, .taps = l->R + 1, .run = (l->R + 1) * l->C, .channels = l->K,
                          .x_row = 2 * l->dy.row, .x_col = 2 * (size_t)l->C, .x_tap = l->dy.row, .y_row = small->row, .y_col = l->K };
        net->kernels->conv_dw(slice + l->at_decode_dw, image(&l->dy, w->place) - corner, image(small, w->place), &g, w->count, l->dy.size, small->size);
        g.y_row = dsmall->row;
        for (size_t m = w->place; m < w->place + w->count; m++)
            net->kernels->conv(image(dsmall, m), image(&l->dy, m) - corner, l->decode_dx_w, NULL, &g);
    }
    for (size_t m = w->place; m < w->place + w->count; m++) {
        bias_backward(slice + l->at_decode_db, &l->dy, m);
        if (!last)
            for (int i = 0; i < l->h; i++)
                activation_backward(image(dsmall, m) + i * dsmall->row, image(small, m) + i * small->row, (size_t)l->w * l->K,
                                    net->spec.layers[k + 1].activation);
    }
    if (last && w->penalty->l1 > 0) {
        const float l1 = (float)(w->penalty->l1 / (double)w->n);
        for (size_t m = w->place; m < w->place + w->count; m++)
            for (int i = 0; i < l->h; i++)
                for (int q = 0; q < l->w * l->K; q++)
                    image(dsmall, m)[i * dsmall->row + q] += l1;  /* where the code is 0 nothing passes the relu anyway */
    }
}

/* Kernel and bias: the gradients that passed pool and relu, listed by channel for a band of pooled rows at a time, so that the input's rows stay in
 * the first-level cache over all channels. Where a band is an image, all images of the piece are listed at once. */
static void sparse_dw(struct net *net, const struct layer *l, const struct work *w)
{
    float *slice = net->slices + (size_t)w->slice * net->slice_size, *db = slice + l->at_encode_db;
    struct entry *entries = net->entries + omp_get_thread_num() * net->entries_size;
    const size_t images = l->band == l->h ? w->count : 1;
    struct pooled row = { .cols = l->w, .channels = l->K, .step = 2 * l->C, .offset = { 0, l->C, (int32_t)l->in.row, (int32_t)l->in.row + l->C } };
    uint32_t n[4096];
    for (size_t first = w->place; first < w->place + w->count; first += images)
        for (int band = 0; band < l->h; band += l->band) {
            memset(n, 0, l->K * sizeof *n);
            for (size_t m = first; m < first + images; m++)
                for (int i = band; i < l->h && i < band + l->band; i++) {
                    row.at = (int32_t)((m - first) * l->in.size + 2 * i * l->in.row);
                    net->kernels->sparse_list(entries, l->list, n, db, image(&l->dcode, m) + i * l->dcode.row,
                                              argmax_image(l, m) + (size_t)i * l->w * l->K, &row);
                }
            for (int o = 0; o < l->K; o++)
                net->kernels->sparse_sum(slice + l->at_encode_dw + o * l->R * l->window, l->window, encoder_input(l, first), l->in.row,
                                         l->R, l->R * l->C, entries + o * l->list, n[o]);
        }
}

/* The input: at each of the four positions under a pooled one, the kernels of the channels that passed there. */
static void sparse_dx(struct net *net, const struct layer *l, const struct plane *dx, size_t place)
{
    struct entry *entries = net->entries + omp_get_thread_num() * net->entries_size;
    const int32_t kernel = (int32_t)(l->R * l->window);
    float *corner = image(dx, place) - l->P * dx->row - (size_t)l->P * l->C;
    memset(corner, 0, dx->size * sizeof *corner);
    for (int i = 0; i < l->h; i++)
        for (int j = 0; j < l->w; j++) {
            const float *g = image(&l->dcode, place) + i * l->dcode.row + (size_t)j * l->K;
            const uint8_t *argmax = argmax_image(l, place) + ((size_t)i * l->w + j) * l->K;
            size_t n[5] = {0};
            for (int o = 0; o < l->K; o++)
                entries[argmax[o] * l->K + n[argmax[o]]++] = (struct entry){ o * kernel, g[o] };
            for (int q = 0; q < 4; q++)
                if (n[q] > 0)
                    net->kernels->sparse_sum(corner + (2 * i + (q >> 1)) * dx->row + (2 * j + (q & 1)) * (size_t)l->C, dx->row, l->encode_dx_w, l->window,
                                             l->R, l->R * l->C, entries + q * l->K, n[q]);
        }
}

static void encode_backward(struct net *net, int k, const struct work *w)
{
    const struct layer *l = &net->layers[k];
    sparse_dw(net, l, w);
    for (size_t m = w->place; k > 0 && m < w->place + w->count; m++)
        sparse_dx(net, l, &l[-1].dcode, m);
}

/* The gradient through batch normalisation is dense. dz takes the place of z. */
static void normalise_backward(const struct layer *l, size_t place)
{
    for (int i = 0; i < l->h; i++)
        for (int j = 0; j < l->w; j++) {
            float *z = image(&l->z, place) + 2 * i * l->z.row + 2 * (size_t)j * l->K;
            const float *g = image(&l->dcode, place) + i * l->dcode.row + (size_t)j * l->K;
            const uint8_t *argmax = argmax_image(l, place) + ((size_t)i * l->w + j) * l->K;
            for (uint8_t q = 0; q < 4; q++) {
                float *v = z + where_in(&l->z, q);
                for (int o = 0; o < l->K; o++)
                    v[o] = (argmax[o] == q ? l->scale[o] * g[o] : 0) - l->dz_a[o] - l->dz_b[o] * ((v[o] - l->centre[o]) * l->spread[o]);
            }
        }
}

/* The bias before batch normalisation changes nothing: its gradient stays 0. */
static void encode_backward_dense(struct net *net, int k, const struct work *w)
{
    const struct layer *l = &net->layers[k];
    float *slice = net->slices + (size_t)w->slice * net->slice_size;
    struct conv g = encoder_conv(l, &l->z);
    for (size_t m = w->place; m < w->place + w->count; m++)
        normalise_backward(l, m);
    net->kernels->conv_dw(slice + l->at_encode_dw, encoder_input(l, w->place), image(&l->z, w->place), &g, w->count, l->in.size, l->z.size);
    if (k == 0)
        return;
    const struct plane *dx = &l[-1].dcode;
    g = (struct conv){ .rows = l->H, .cols = l->W, .taps = l->R, .run = l->R * l->K, .channels = l->C,
                       .x_row = l->z.row, .x_col = l->K, .x_tap = l->z.row, .y_row = dx->row, .y_col = l->C };
    for (size_t m = w->place; m < w->place + w->count; m++)
        net->kernels->conv(image(dx, m), image(&l->z, m) - l->P * l->z.row - (size_t)l->P * l->K, l->encode_dx_w, NULL, &g);
}

/* --- running --- */

static void plan(struct net *net)
{
    const int K = net->spec.n_layers;
    struct step *f = net->forward, *t = net->training;
    *f++ = *t++ = (struct step){ load_input, NULL, 0 };
    for (int k = 0; k < K; k++) {
        *f++ = (struct step){ encode, NULL, k };
        if (net->layers[k].norm) {
            *t++ = (struct step){ encode_linear, batch_statistics, k };
            *t++ = (struct step){ normalise_relu_pool, NULL, k };
        } else {
            *t++ = (struct step){ encode, NULL, k };
        }
    }
    for (int k = K - 1; k >= 0; k--)
        *f++ = *t++ = (struct step){ decode, NULL, k };
    *t++ = (struct step){ loss, NULL, 0 };
    for (int k = 0; k < K; k++)
        *t++ = (struct step){ decode_backward, NULL, k };
    for (int k = K - 1; k >= 0; k--) {
        if (net->layers[k].norm) {
            *t++ = (struct step){ normalise_sums, normalise_gradients, k };
            *t++ = (struct step){ encode_backward_dense, NULL, k };
        } else {
            *t++ = (struct step){ encode_backward, NULL, k };
        }
    }
    net->n_forward = (int)(f - net->forward);
    net->n_training = (int)(t - net->training);
}

static void run_steps(struct net *net, const struct step *steps, int n, const struct work *w)
{
    for (int s = 0; s < n; s++)
        steps[s].run(net, steps[s].k, w);
}

static void need_scratch(struct net *net, struct winograd g, int points)
{
    g.points = points;
    const size_t size = points > 0 ? kernels_winograd_sizes(&g, net->kernels->lanes).scratch : 0;
    net->scratch_size = size > net->scratch_size ? size : net->scratch_size;
}

struct net *net_new(const struct net_spec *spec, int max_batch, bool train)
{
    assert(net_check(spec) == NULL && max_batch > 0);
    struct net *net = xcalloc(1, sizeof *net);
    net->spec = *spec;
    net->kernels = kernels_get();
    net->train = train;
    net->max_batch = max_batch;
    net->threads = omp_get_max_threads();
    net->chunk = CHUNK;
    for (int k = 0; k < spec->n_layers; k++) {
        struct layer *l = &net->layers[k];
        l->R = spec->layers[k].kernel, l->P = (l->R - 1) / 2;
        l->C = k == 0 ? spec->channels : spec->layers[k - 1].filters, l->K = spec->layers[k].filters;
        l->H = spec->height >> k, l->W = spec->width >> k, l->h = l->H / 2, l->w = l->W / 2;
        l->norm = spec->layers[k].batch_norm;
        struct winograd encoder = encoder_winograd(l, &(struct plane){0}, 0), decoder = decoder_winograd(l, &(struct plane){0});
        l->points = kernels_winograd_points(&encoder, WINOGRAD_POOL);
        l->points_ties = kernels_winograd_points(&encoder, WINOGRAD_TIES);
        l->points_back = train ? kernels_winograd_points(&decoder, WINOGRAD_ANY) : 0;
        need_scratch(net, encoder, l->points);
        need_scratch(net, encoder, l->points_ties);
        need_scratch(net, decoder, l->points_back);
        l->dot = l->C <= 4 && (l->P + 1) * l->K >= KERNELS_DOT && spec->layers[k].activation != NET_RELU;
        l->window = (size_t)(l->R * l->C + net->kernels->lanes - 1) / net->kernels->lanes * net->kernels->lanes;
        net->whole |= train && l->norm;
    }
    find_parameters(net);
    plan(net);
    lay_out(net);
    net->arena = xaligned(net->arena_size);
    memset(net->arena, 0, net->arena_size);
    lay_out(net);
    return net;
}

void net_free(struct net *net)
{
    if (net == NULL)
        return;
    free(net->arena);
    free(net->parameters);
    free(net);
}

const struct net_spec *net_get_spec(const struct net *net) { return &net->spec; }
size_t net_scratch(const struct net *net) { return net->arena_size; }
const struct net_parameter *net_parameters(const struct net *net, size_t *n) { *n = net->n_parameters; return net->parameters; }
float *net_weights(struct net *net, size_t *n) { *n = net->n_weights; return net->weights; }
float *net_gradients(struct net *net) { return net->gradients; }
void net_changed(struct net *net) { net->packed = NOTHING; }
size_t net_input_items(const struct net *net) { return (size_t)net->spec.height * net->spec.width * net->spec.channels; }
size_t net_code_items(const struct net *net) { return (size_t)net->code.H * net->code.W * net->code.C; }

void net_code_shape(const struct net *net, size_t shape[3])
{
    shape[0] = net->code.H, shape[1] = net->code.W, shape[2] = net->code.C;
}

const char net_initialisers[] = "glorot-uniform|glorot-normal|he-normal";

void net_initialise(struct net *net, enum net_initialiser how, uint64_t seed)
{
    for (size_t i = 0; i < net->n_parameters; i++) {
        const struct net_parameter *p = &net->parameters[i];
        float *w = net->weights + p->offset;
        struct rng rng;
        rng_init(&rng, seed, RNG_WEIGHTS, i);
        const double taps = (double)p->shape[0] * p->shape[1], in = taps * p->shape[2], out = taps * p->shape[3];
        for (size_t j = 0; j < p->count; j++) {
            if (p->role != NET_KERNEL)
                w[j] = p->role == NET_GAMMA || p->role == NET_VARIANCE;
            else if (how == NET_GLOROT_UNIFORM)
                w[j] = (float)rng_uniform(&rng, -sqrt(6 / (in + out)), sqrt(6 / (in + out)));
            else
                w[j] = (float)(rng_normal(&rng) * sqrt(2 / (how == NET_GLOROT_NORMAL ? in + out : in)));
        }
    }
    net_changed(net);
}

/* --- a batch --- */

/* The parts of a batch that each slice sums: images slice_start(n, s) to slice_start(n, s+1). */
static size_t slice_start(size_t n, int s)
{
    return n * s / NET_SLICES;
}

static double total_loss(struct net *net, size_t n, const struct net_penalty *penalty)
{
    double sum = 0, code = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += net->losses[i];
        code += net->code_sums[i];
    }
    if (penalty->l2 > 0)
        for (size_t i = 0; i < net->n_parameters; i++) {
            const struct net_parameter *p = &net->parameters[i];
            double partial[8] = {0};  /* in a fixed order that leaves room for vectors */
            for (size_t j = 0; p->role == NET_KERNEL && j < p->count; j++) {
                const double w = net->weights[p->offset + j];
                partial[j % 8] += w * w;
            }
            for (int j = 0; j < 8; j++)
                squares += partial[j];
        }
    return sum / (double)n + (penalty->l1 > 0 ? penalty->l1 * code / (double)n : 0) + penalty->l2 * squares;
}

/* From the layouts in which the kernels leave the sums to the flat one. */
static void fold_encoder(struct net *net, const struct layer *l)
{
    const float *dw = net->slices + l->at_encode_dw;
    float *to = net->gradients + l->kernel->offset;
    const size_t K = l->K, run = (size_t)l->R * l->C;
    if (l->norm)
        copy_rows(to, K, dw, padded(net, l->K), l->R * (int)run, K);
    else
        for (size_t r = 0; r < (size_t)l->R; r++)
            for (size_t q = 0; q < run; q++)
                for (size_t o = 0; o < K; o++)
                    to[(r * run + q) * K + o] = dw[(o * l->R + r) * l->window + q];
    memcpy(net->gradients + l->bias->offset, net->slices + l->at_encode_db, K * sizeof *to);
}

static void fold_decoder(struct net *net, const struct layer *l)
{
    const float *columns = net->slices + l->at_decode_db;
    float *db = net->gradients + l->back_bias->offset;
    memset(db, 0, l->C * sizeof *db);
    for (int j = 0; j < l->W; j++)
        for (int c = 0; c < l->C; c++)
            db[c] += columns[(size_t)j * l->C + c];
    const float *dbox = net->slices + l->at_decode_dw;
    if (l->points_back > 0) {
        net->kernels->winograd_fold(l->dblocks, dbox, l->points_back, l->P + 1, 4 * l->C * padded(net, l->K));
        kernels_unblock(l->dbox, l->dblocks, l->R, l->C, padded(net, l->K));
        dbox = l->dbox;
    }
    kernels_box_fold(net->gradients + l->back_kernel->offset, dbox, l->R, l->K, l->C, padded(net, l->K));
}

/* Slices summed in order, then folded into the flat gradients, penalty included. */
static void collect_gradients(struct net *net, const struct net_penalty *penalty)
{
    const size_t size = net->slice_size;
#pragma omp parallel for num_threads(net->threads) schedule(static)
    for (size_t i = 0; i < size; i += 16)
        for (int s = 1; s < NET_SLICES; s++)
            for (size_t j = i; j < i + 16; j++)
                net->slices[j] += net->slices[s * size + j];
#pragma omp parallel for num_threads(net->threads) schedule(dynamic, 1)
    for (int i = 2 * net->spec.n_layers - 1; i >= 0; i--)
        (i % 2 == 1 ? fold_decoder : fold_encoder)(net, &net->layers[i / 2]);
    const float twice = (float)(2 * penalty->l2);
    if (twice > 0)
        for (size_t i = 0; i < net->n_parameters; i++) {
            const struct net_parameter *p = &net->parameters[i];
            for (size_t j = p->offset; p->role == NET_KERNEL && j < p->offset + p->count; j++)
                net->gradients[j] += twice * net->weights[j];
        }
}

double net_train(struct net *net, const float *x, const float *t, size_t n, const struct net_penalty *penalty)
{
    assert(net->train && n > 0 && n <= (size_t)net->max_batch);
    pack(net, FOR_TRAINING);
    for (int from = 0, to; from < net->n_training; from = to) {
        for (to = from + 1; net->training[to - 1].join == NULL && to < net->n_training; to++)
            ;
#pragma omp parallel for num_threads(net->threads) schedule(dynamic, 1)
        for (int s = 0; s < NET_SLICES; s++) {
            const size_t end = slice_start(n, s + 1);
            if (from == 0)
                memset(net->slices + s * net->slice_size, 0, net->slice_size * sizeof *net->slices);
            for (size_t i = slice_start(n, s); i < end; i += net->chunk) {
                const size_t count = end - i < (size_t)net->chunk ? end - i : (size_t)net->chunk;
                const size_t place = net->whole ? i : (size_t)omp_get_thread_num() * net->chunk;
                const struct work w = { x, t, n, i, count, place, s, true, penalty };
                run_steps(net, net->training + from, to - from, &w);
                if (penalty->l1 > 0 && to == net->n_training)
                    sum_code(net, 0, &w);
            }
        }
        const struct step *end = &net->training[to - 1];
        if (end->join != NULL)
            end->join(net, end->k, n);
    }
    collect_gradients(net, penalty);
    const double result = total_loss(net, n, penalty);
    if (net->whole)
        net_changed(net);  /* the running statistics moved */
    return result;
}

/* Through the first N_STEPS of the forward steps: its loss against T, or, T NULL, what they give to OUT. */
static void infer(struct net *net, const float *x, const float *t, size_t n, int n_steps, float *out)
{
    pack(net, FOR_INFERENCE);
    const size_t each = (n + net->threads - 1) / net->threads, piece = each < (size_t)net->chunk ? each : (size_t)net->chunk;
#pragma omp parallel for num_threads(net->threads) schedule(dynamic, 1)
    for (size_t i = 0; i < n; i += piece) {
        const struct work w = { x, t, n, i, n - i < piece ? n - i : piece, (size_t)omp_get_thread_num() * net->chunk, 0, false, NULL };
        run_steps(net, net->forward, n_steps, &w);
        if (t != NULL) {
            loss(net, 0, &w);
            sum_code(net, 0, &w);
            continue;
        }
        const bool whole = n_steps == net->n_forward;
        const struct plane *p = whole ? &net->layers[0].y : &net->code;
        const size_t row = (size_t)p->W * p->C;
        for (size_t m = 0; m < w.count; m++) {
            float *to = out + (i + m) * row * p->H;
            copy_rows(to, row, image(p, w.place + m), p->row, p->H, row);
            if (whole && net->spec.layers[0].activation == NET_SIGMOID)
                net->kernels->sigmoid(to, to, row * p->H);
        }
    }
}

double net_evaluate(struct net *net, const float *x, const float *t, size_t n, const struct net_penalty *penalty)
{
    assert(n <= (size_t)net->max_batch);
    infer(net, x, t, n, net->n_forward, NULL);
    return total_loss(net, n, penalty);
}

void net_encode(struct net *net, float *code, const float *x, size_t n)
{
    infer(net, x, NULL, n, net->spec.n_layers + 1, code);
}

void net_reconstruct(struct net *net, float *y, const float *x, size_t n)
{
    infer(net, x, NULL, n, net->n_forward, y);
}
