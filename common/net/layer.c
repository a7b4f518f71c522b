#include "net/layer.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/vectors.h"

/* Up to so many channels the decoder takes conv_dot, whose vectors lie along the taps: vectors of
 * so few channels would be mostly empty. */
enum { BAND_BYTES = 16 << 10, DOT_CHANNELS = 4 };

/* --- memory --- */

void *arena_take(struct arena *arena, size_t n, size_t size)
{
    void *p = arena->data == NULL ? NULL : arena->data + arena->size;
    arena->size += (n * size + 63) / 64 * 64;
    return p;
}

float *arena_floats(struct arena *arena, size_t n)
{
    return arena_take(arena, n, sizeof(float));
}

float *plane_image(const struct plane *p, const struct work *w, size_t m)
{
    return p->data + ((p->passing ? w->here : w->place) + m) * p->size;
}

/* The places and, behind the last, room for what kernels read beyond an image. Where pixels are no
 * whole vectors, a gap behind each image keeps the last one's vectors out of the next image, which
 * may be another thread's. */
static void take_plane(struct plane *p, struct arena *arena, int H, int W, int C, int margin,
                       size_t places, bool passing)
{
    const size_t gap = C % KERNELS_MAX_LANES == 0 ? 0 : KERNELS_MAX_LANES;
    *p = (struct plane){.H = H, .W = W, .C = C, .margin = margin, .passing = passing};
    p->row = (size_t)(W + 2 * margin) * C;
    p->size = (p->row * (H + 2 * margin) + gap + 15) / 16 * 16;
    p->data = arena_floats(arena, p->size * places + 12 * (size_t)C + KERNELS_MAX_LANES);
    if (p->data != NULL)
        p->data += p->row * margin + (size_t)C * margin;
}

void copy_rows(float *to, size_t to_row, const float *from, size_t from_row, int rows, size_t n)
{
    for (int i = 0; i < rows; i++)
        memcpy(to + i * to_row, from + i * from_row, n * sizeof *to);
}

size_t layer_padded(const struct layer *l, int channels)
{
    return (size_t)(channels + l->kernels->lanes - 1) / l->kernels->lanes * l->kernels->lanes;
}

/* Columns of dy from one position of the decoder's adjoint to the next; rows likewise. */
static int back_step(const struct layer *l)
{
    return l->R == 1 ? 1 : 2;
}

/* Windows that are equal must tie in the pool, whose gradient goes to the first, or the gradient to
 * the input comes out at another pixel. A net of one layer does not need that gradient, and its
 * kernel's is the same whichever of equal windows takes it. Under batch normalisation the products
 * are winograd_conv's, along the rows alone. */
static void choose_ways(struct layer *l, bool train)
{
    const int R = l->R, C = l->C, K = l->K, taps = l->P + 1;
    struct winograd encoder = {
        .both = true, .R = R, .C = C, .K = K, .H = l->H, .W = l->W, .stride = 1, .y_col = K};
    const struct winograd turned = {
        .R = R, .C = K, .K = C, .H = l->H, .W = l->W, .stride = 1, .y_col = C};
    struct winograd phase = {
        .R = taps, .C = K, .K = C, .H = l->h, .W = l->w, .stride = 1, .y_col = C};
    const struct winograd back = {
        .R = taps, .C = C, .K = K, .H = l->h, .W = l->w, .stride = 2, .y_col = K};
    const enum winograd_use use =
        l->lower == NULL && l->upper == NULL ? WINOGRAD_POOL : WINOGRAD_TIES;
    l->dot = C <= DOT_CHANNELS;
    l->infer = kernels_winograd_choose(encoder, WINOGRAD_INFERENCE);
    l->phase = l->dot ? phase : kernels_winograd_choose(phase, WINOGRAD_ANY);
    if (!train)
        return;
    encoder.both = !l->norm;
    l->learn = kernels_winograd_choose(encoder, use);
    if (l->norm && l->lower != NULL)
        l->dense = kernels_winograd_choose(turned, WINOGRAD_ANY);
    l->back = kernels_winograd_choose(back, WINOGRAD_ANY);
}

void layer_init(struct layer *layers, int k, const struct net_spec *spec,
                const struct kernels *kernels, bool train)
{
    struct layer *l = &layers[k];
    const struct net_layer *own = &spec->layers[k];
    *l = (struct layer){
        .kernels = kernels,
        .R = own->kernel,
        .P = (own->kernel - 1) / 2,
        .C = k == 0 ? spec->channels : own[-1].filters,
        .K = own->filters,
        .H = spec->height >> k,
        .W = spec->width >> k,
        .h = spec->height >> (k + 1),
        .w = spec->width >> (k + 1),
        .norm = own->batch_norm,
        .momentum = NORM_MOMENTUM,
        .activation = own->activation,
        .lower = k == 0 ? NULL : l - 1,
        .upper = k + 1 == spec->n_layers ? NULL : l + 1,
    };
    l->back_taps = l->R == 1 ? 1 : l->R + 1;
    l->above = l->upper == NULL ? NET_LINEAR : own[1].activation;
    choose_ways(l, train);
    l->window = layer_padded(l, l->R * l->C);
}

/* Rows and columns of zeros around small. */
static int small_margin(const struct layer *l)
{
    return (l->P + 1) / 2;
}

/* Floats for the sums of each 2x2 of dy, see sum_squares. */
static size_t squares_size(const struct layer *l, size_t images)
{
    return l->R == 1 ? (images * l->h * l->w * l->C + KERNELS_MAX_LANES - 1) / KERNELS_MAX_LANES
                * KERNELS_MAX_LANES
            + KERNELS_MAX_LANES
                     : 0;
}

size_t layer_scratch(const struct layer *l, int chunk)
{
    const struct winograd *const all[] = {&l->infer, &l->learn, &l->phase, &l->back, &l->dense};
    size_t most = squares_size(l, chunk);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->points > 0)
            most = larger(most, kernels_winograd_sizes(all[i], l->kernels->lanes).scratch);
    return most;
}

size_t layer_entries(const struct layer *l)
{
    return larger(l->list, 5) * l->K; /* of a band; of a pixel, see sparse_dx */
}

/* Floats of the encoder's packed kernel. */
static size_t code_size(const struct layer *l, const struct winograd *g)
{
    const size_t taps =
        g->points == 0 ? (size_t)l->R * l->R : (size_t)g->points * (g->both ? g->points : l->R);
    return taps * l->C * layer_padded(l, l->K);
}

/* Of the decoder's, for one phase. */
static size_t phase_size(const struct layer *l)
{
    const size_t taps = l->P + 1, run = taps * l->K;
    if (l->dot)
        return taps * l->C * ((run + KERNELS_DOT - 1) / KERNELS_DOT * KERNELS_DOT);
    return (l->phase.points > 0 ? (size_t)l->phase.points : taps) * run * layer_padded(l, l->C);
}

static size_t in_slice(size_t *slice, size_t n)
{
    const size_t at = *slice;
    *slice += (n + 15) / 16 * 16;
    return at;
}

static void lay_out_backward(struct layer *l, struct arena *arena, size_t *slice, size_t slices,
                             size_t places, size_t passing, int chunk)
{
    const size_t K = l->K, C = l->C, taps = (size_t)l->R * l->R,
                 box_taps = (size_t)(l->R + 1) * (l->R + 1);
    const size_t columns = layer_padded(l, l->K);
    const size_t back_taps = l->back.points > 0 ? 4 * (size_t)l->back.points * (l->P + 1)
                                                : (size_t)l->back_taps * l->back_taps;
    const size_t turned =
        K * layer_padded(l, l->C) * (l->dense.points > 0 ? (size_t)l->dense.points * l->R : taps);
    size_t band;

    take_plane(&l->dy, arena, l->H, l->W, l->C, l->P, passing, true);
    if (l->lower == NULL)
        l->y = l->dy;
    if (l->upper == NULL || !l->upper->norm)
        take_plane(&l->dcode, arena, l->h, l->w, l->K, l->upper == NULL ? 0 : l->upper->P, places,
                   false);
    if (l->norm)
        take_plane(&l->z, arena, l->H, l->W, l->K, l->lower == NULL ? 0 : l->P, places, false);
    l->argmax = arena_take(arena, places * l->h * l->w * K + KERNELS_MAX_LANES, 1);
    l->decode_dx_w = arena_floats(arena, back_taps * C * columns);
    if (l->back.points > 0) {
        l->blocks = arena_floats(arena, box_taps * C * K);
        l->dblocks = arena_floats(arena, box_taps * C * columns);
        l->dbox = arena_floats(arena, box_taps * C * columns);
    }
    if (l->lower != NULL)
        l->encode_dx_w = arena_floats(arena, l->norm ? turned : l->R * l->window * K);
    l->at_encode_dw = in_slice(slice,
                               l->dense.points > 0 ? turned
                                   : l->norm       ? taps * C * columns
                                                   : l->R * l->window * K);
    if (l->dense.points > 0) {
        l->turned = arena_floats(arena, taps * K * C);
        l->dturned = arena_floats(arena, taps * K * layer_padded(l, l->C));
    }
    l->at_encode_db = in_slice(slice, K);
    l->at_decode_dw = in_slice(slice, back_taps * C * columns);
    l->at_decode_db = in_slice(slice, (size_t)l->W * C);
    band = BAND_BYTES / sizeof(float) / (2 * l->in.row);
    l->band = band < 2 ? 2 : band < (size_t)l->h ? (int)band : l->h;
    l->list = (size_t)l->band * l->w * (l->band == l->h ? chunk : 1);
    if (l->norm) {
        float **const vectors[] = {&l->scale,  &l->shift, &l->centre,
                                   &l->spread, &l->dz_a,  &l->dz_b};
        l->sums = arena_take(arena, slices * 2 * K, sizeof *l->sums);
        for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
            *vectors[i] = arena_floats(arena, columns);
    }
}

void layer_lay_out(struct layer *l, struct arena *arena, size_t *slice, size_t slices,
                   size_t places, size_t passing, int chunk, bool train)
{
    const size_t K = l->K, box_taps = (size_t)(l->R + 1) * (l->R + 1);

    l->encode_w = arena_floats(arena, larger(code_size(l, &l->infer), code_size(l, &l->learn)));
    l->encode_b = arena_floats(arena, layer_padded(l, l->K));
    l->box = arena_floats(arena, box_taps * l->C * K);
    if (l->phase.points > 0)
        l->phase_w = arena_floats(arena, (size_t)(l->P + 1) * (l->P + 1) * K * l->C);
    for (int phase = 0; phase < 4; phase++)
        l->decode_w[phase / 2][phase % 2] = arena_floats(arena, phase_size(l));
    l->decode_b = arena_floats(arena, layer_padded(l, l->C));

    take_plane(&l->in, arena, l->H, l->W, l->C, l->P, places, false);
    if (l->upper == NULL)
        take_plane(&l->last, arena, l->h, l->w, l->K, small_margin(l), places, false);
    if (!train || l->lower != NULL)
        take_plane(&l->y, arena, l->H, l->W, l->C, l->lower == NULL ? 0 : small_margin(l->lower),
                   passing, true);
    if (train)
        lay_out_backward(l, arena, slice, slices, places, passing, chunk);
    if (l->lower != NULL
        && l->norm) /* its conv is done with an image before that image's dcode is written */
        l->lower->dcode = l->in;
    l->code = l->upper == NULL ? &l->last : &l->upper->in;
    l->small = l->upper == NULL ? &l->last : &l->upper->y;
    l->dsmall = l->upper == NULL ? &l->dcode : &l->upper->dy;
}

/* --- packed kernels --- */

void layer_pack_encoder(struct layer *l, const float *weights, bool inference)
{
    const float *kernel = weights + l->kernel->offset, *bias = weights + l->bias->offset;
    const ptrdiff_t K = l->K, CK = (ptrdiff_t)l->C * K;
    const struct winograd *way = inference ? &l->infer : &l->learn;
    const struct packing turned = {l->R, l->R, l->K, l->C, 1, -l->R * CK, -CK, 1, K};
    const float *last = kernel + (l->R * l->R - 1) * CK;
    float *scale = NULL;

    if (l->norm && inference) { /* the running statistics go into kernel and bias */
        scale = l->encode_b;
        for (int o = 0; o < l->K; o++)
            scale[o] = (float)(weights[l->gamma->offset + o]
                               / sqrt(weights[l->variance->offset + o] + NORM_EPSILON));
    }
    if (way->points > 0)
        l->kernels->winograd_pack(l->encode_w, kernel, scale, way);
    else
        kernels_pack(l->encode_w, kernel, scale,
                     &(struct packing){l->R, l->R, l->C, l->K, 1, l->R * CK, CK, K, 1},
                     l->kernels->lanes);
    for (int o = 0; o < l->K; o++)
        l->encode_b[o] = scale == NULL
            ? bias[o]
            : (bias[o] - weights[l->mean->offset + o]) * scale[o] + weights[l->beta->offset + o];
    if (inference || l->encode_dx_w == NULL)
        return;
    if (l->dense.points > 0) {
        kernels_pack(l->turned, last, NULL, &turned, l->C);
        l->kernels->winograd_pack(l->encode_dx_w, l->turned, NULL, &l->dense);
    } else if (l->norm) {
        kernels_pack(l->encode_dx_w, last, NULL, &turned, l->kernels->lanes);
    } else {
        kernels_pack(
            l->encode_dx_w, kernel, NULL,
            &(struct packing){l->R, l->R, l->C, l->K, l->kernels->lanes, l->R * CK, CK, K, 1}, 1);
    }
}

/* floor((a-P)/2): the first row of the small image that rows 2i+a of y see, less i. */
static int phase_origin(int a, int P)
{
    return -((P - a + 1) / 2);
}

bool layer_packs_alike(const struct layer *l)
{
    return !l->norm && l->learn.points == l->infer.points && l->learn.both == l->infer.both;
}

void layer_pack_decoder(struct layer *l, const float *weights, bool inference)
{
    const int lanes = l->kernels->lanes, R = l->R, P = l->P, taps = l->back_taps;
    const ptrdiff_t C = l->C, KC = (ptrdiff_t)l->K * C, row = (R + 1) * KC;
    kernels_box(l->box, weights + l->back_kernel->offset, R, l->K, l->C);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            const float *first = l->box + (a + P - 2 * phase_origin(a, P)) * row
                + (b + P - 2 * phase_origin(b, P)) * KC;
            const struct packing phase = {P + 1,    P + 1,   l->K, l->C, l->dot ? KERNELS_DOT : 1,
                                          -2 * row, -2 * KC, C,    1};
            if (l->phase.points == 0) {
                kernels_pack(l->decode_w[a][b], first, NULL, &phase, l->dot ? 1 : lanes);
                continue;
            }
            kernels_pack(l->phase_w, first, NULL, &phase, l->C);
            l->kernels->winograd_pack(l->decode_w[a][b], l->phase_w, NULL, &l->phase);
        }
    memcpy(l->decode_b, weights + l->back_bias->offset, C * sizeof *l->decode_b);
    if (inference || l->decode_dx_w == NULL)
        return;
    if (l->back.points > 0) {
        kernels_blocks(l->blocks, l->box, R, l->K, l->C);
        l->kernels->winograd_pack(l->decode_dx_w, l->blocks, NULL, &l->back);
    } else {
        kernels_pack(l->decode_dx_w, l->box, NULL,
                     &(struct packing){taps, taps, l->C, l->K, 1, row, KC, 1, C}, lanes);
    }
}

/* --- forward --- */

struct conv layer_encoder_conv(const struct layer *l, const struct plane *y)
{
    return (struct conv){.rows = l->H,
                         .cols = l->W,
                         .taps = l->R,
                         .run = l->R * l->C,
                         .channels = l->K,
                         .x_row = l->in.row,
                         .x_col = l->C,
                         .x_tap = l->in.row,
                         .y_row = y->row,
                         .y_col = l->K};
}

const float *layer_encoder_input(const struct layer *l, const struct work *w, size_t m)
{
    return plane_image(&l->in, w, m) - l->P * l->in.row - (size_t)l->P * l->C;
}

uint8_t *layer_argmax(const struct layer *l, const struct work *w, size_t m)
{
    return l->argmax + (w->place + m) * l->h * l->w * l->K;
}

/* Where the codes of a piece go: to their places or straight to who asked. */
struct codes {
    float *data;
    size_t row, size;
};

static struct codes codes_of(const struct layer *l, const struct work *w)
{
    const size_t row = (size_t)l->w * l->K;
    if (w->codes != NULL && l->upper == NULL)
        return (struct codes){w->codes, row, row * l->h};
    return (struct codes){plane_image(l->code, w, 0), l->code->row, l->code->size};
}

void layer_encode(struct layer *l, const struct work *w)
{
    const struct winograd *way = w->train ? &l->learn : &l->infer;
    const struct codes to = codes_of(l, w);
    struct conv g;
    if (way->points > 0) {
        struct winograd winograd = *way;
        winograd.x_row = l->in.row, winograd.y_row = to.row;
        l->kernels->winograd_relu_pool(to.data, w->train ? layer_argmax(l, w, 0) : NULL,
                                       layer_encoder_input(l, w, 0), l->encode_w, l->encode_b,
                                       &winograd, w->count, l->in.size, to.size, w->scratch);
        return;
    }
    g = layer_encoder_conv(l, l->code);
    g.y_row = to.row;
    for (size_t m = 0; m < w->count; m++)
        l->kernels->conv_relu_pool(to.data + m * to.size, w->train ? layer_argmax(l, w, m) : NULL,
                                   layer_encoder_input(l, w, m), l->encode_w, l->encode_b, &g);
}

/* Each pixel of even row and column to the three beside and below it. */
static void spread(float *y, const struct plane *p)
{
    const size_t C = p->C;
    for (int i = 0; i < p->H; i += 2, y += 2 * p->row) {
        for (size_t j = 0; j < p->W * C; j += 2 * C)
            for (size_t c = 0; c < C; c++)
                y[j + C + c] = y[j + c];
        memcpy(y + p->row, y, p->W * C * sizeof *y);
    }
}

VECTORS static void relu(float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] > 0 ? y[i] : 0;
}

void layer_decode(struct layer *l, const struct work *w)
{
    const struct plane *small = l->small;
    const struct conv g = {.rows = l->h,
                           .cols = l->w,
                           .taps = l->P + 1,
                           .run = (l->P + 1) * l->K,
                           .channels = l->C,
                           .x_row = small->row,
                           .x_col = l->K,
                           .x_tap = small->row,
                           .y_row = 2 * l->y.row,
                           .y_col = 2 * (size_t)l->C};
    const int phases = l->R == 1 ? 1 : 2; /* that differ */
    struct winograd winograd = l->phase;
    winograd.x_row = small->row, winograd.y_row = g.y_row, winograd.y_col = g.y_col;
    for (int a = 0; a < phases; a++)
        for (int b = 0; b < phases; b++) {
            float *y = plane_image(&l->y, w, 0) + a * l->y.row + (size_t)b * l->C;
            const float *x = plane_image(small, w, 0)
                + phase_origin(a, l->P) * (ptrdiff_t)small->row
                + phase_origin(b, l->P) * (ptrdiff_t)l->K;
            if (l->phase.points > 0)
                l->kernels->winograd_conv(y, x, l->decode_w[a][b], l->decode_b, &winograd, w->count,
                                          small->size, l->y.size, w->scratch);
            for (size_t m = 0; m < w->count && l->phase.points == 0; m++)
                (l->dot ? l->kernels->conv_dot : l->kernels->conv)(
                    y + m * l->y.size, x + m * small->size, l->decode_w[a][b], l->decode_b, &g);
        }
    for (size_t m = 0; m < w->count; m++) {
        float *y = plane_image(&l->y, w, m);
        if (phases == 1)
            spread(y, &l->y);
        for (int i = 0; i < l->H; i++) {
            float *row = y + i * l->y.row;
            if (l->activation == NET_RELU)
                relu(row, (size_t)l->W * l->C);
            else if (l->activation == NET_SIGMOID && l->lower != NULL)
                l->kernels->sigmoid(row, row, (size_t)l->W * l->C);
        }
    }
}

/* --- backward --- */

VECTORS void layer_activation_backward(float *g, const float *y, size_t n,
                                       enum net_activation activation)
{
    if (activation == NET_RELU)
        for (size_t i = 0; i < n; i++)
            g[i] = y[i] > 0 ? g[i] : 0;
    else if (activation == NET_SIGMOID)
        for (size_t i = 0; i < n; i++)
            g[i] *= y[i] * (1 - y[i]);
}

/* Sums over the rows; those over the columns are taken once a batch, when the gradients are
 * collected. */
VECTORS static void bias_backward(float *db, const struct plane *dy, const float *image)
{
    for (int i = 0; i < dy->H; i++)
        for (int q = 0; q < dy->W * dy->C; q++)
            db[q] += image[i * dy->row + q];
}

/* From dy to dsmall. */
static struct conv decoder_back_conv(const struct layer *l)
{
    const size_t row = l->R == 1 ? (size_t)l->w * l->C : l->dy.row, step = back_step(l);
    return (struct conv){.rows = l->h,
                         .cols = l->w,
                         .taps = l->back_taps,
                         .run = l->back_taps * l->C,
                         .channels = l->K,
                         .x_row = step * row,
                         .x_col = step * l->C,
                         .x_tap = row,
                         .y_row = l->dsmall->row,
                         .y_col = l->K};
}

/* to (h,w,C): the sums of each 2x2 pixels. */
static void sum_squares(float *to, const struct plane *p, const float *image)
{
    const size_t C = p->C;
    for (int i = 0; i < p->H; i += 2)
        for (size_t j = 0; j < p->W * C; j += 2 * C, to += C) {
            const float *upper = image + i * p->row + j, *lower = upper + p->row;
            for (size_t c = 0; c < C; c++)
                to[c] = (upper[c] + upper[C + c]) + (lower[c] + lower[C + c]);
        }
}

void layer_decode_backward(struct layer *l, const struct work *w)
{
    const struct plane *small = l->small, *dsmall = l->dsmall;
    const float *dy = plane_image(&l->dy, w, 0) - l->P * l->dy.row - (size_t)l->P * l->C;
    size_t dy_image = l->dy.size;
    float *dw = w->gradients + l->at_decode_dw;
    const float l1 = l->upper == NULL ? (float)(w->penalty->l1 / (double)w->n) : 0;
    if (l->R == 1) {
        dy = w->scratch;
        dy_image = (size_t)l->h * l->w * l->C;
        for (size_t m = 0; m < w->count; m++)
            sum_squares(w->scratch + m * dy_image, &l->dy, plane_image(&l->dy, w, m));
    }
    if (l->back.points > 0) {
        struct winograd g = l->back;
        g.x_row = l->dy.row, g.y_row = dsmall->row;
        l->kernels->winograd_backward(plane_image(dsmall, w, 0), dw, dy, plane_image(small, w, 0),
                                      l->decode_dx_w, &g, w->count, l->dy.size, small->row,
                                      small->size, dsmall->size, w->scratch);
    } else {
        struct conv g = decoder_back_conv(l);
        g.y_row = small->row;
        l->kernels->conv_dw(dw, dy, plane_image(small, w, 0), &g, w->count, dy_image, small->size);
        g.y_row = dsmall->row;
        for (size_t m = 0; m < w->count; m++)
            l->kernels->conv(plane_image(dsmall, w, m), dy + m * dy_image, l->decode_dx_w, NULL,
                             &g);
    }
    for (size_t m = 0; m < w->count; m++) {
        float *g = plane_image(dsmall, w, m);
        bias_backward(w->gradients + l->at_decode_db, &l->dy, plane_image(&l->dy, w, m));
        for (int i = 0; i < l->h; i++)
            layer_activation_backward(g + i * dsmall->row,
                                      plane_image(small, w, m) + i * small->row,
                                      (size_t)l->w * l->K, l->above);
        for (int i = 0; i < l->h && l1 > 0; i++)
            for (int q = 0; q < l->w * l->K; q++)
                g[i * dsmall->row + q] +=
                    l1; /* where the code is 0 nothing passes the relu anyway */
    }
}

static struct pooled pooled_row(const struct layer *l)
{
    return (struct pooled){.cols = l->w,
                           .channels = l->K,
                           .step = 2 * l->C,
                           .offset = {0, l->C, (int32_t)l->in.row, (int32_t)l->in.row + l->C}};
}

/* Kernel and bias: the gradients that passed pool and relu, listed by channel for a band of pooled
 * rows at a time, so that the input's rows stay in the first-level cache over all channels. Where a
 * band is an image, all images of the piece are listed at once. */
static void sparse_dw(const struct layer *l, const struct work *w)
{
    float *dw = w->gradients + l->at_encode_dw, *db = w->gradients + l->at_encode_db;
    const size_t images = l->band == l->h ? w->count : 1;
    struct pooled row = pooled_row(l);
    uint32_t n[4096];
    for (size_t first = 0; first < w->count; first += images)
        for (int band = 0; band < l->h; band += l->band) {
            memset(n, 0, l->K * sizeof *n);
            for (size_t m = first; m < first + images; m++)
                for (int i = band; i < l->h && i < band + l->band; i++) {
                    row.at = (int32_t)((m - first) * l->in.size + 2 * i * l->in.row);
                    l->kernels->sparse_list(w->entries, l->list, n, db,
                                            plane_image(&l->dcode, w, m) + i * l->dcode.row,
                                            layer_argmax(l, w, m) + (size_t)i * l->w * l->K, &row);
                }
            for (int o = 0; o < l->K; o++)
                l->kernels->sparse_sum(dw + o * l->R * l->window, l->window,
                                       layer_encoder_input(l, w, first), l->in.row, l->R,
                                       l->R * l->C, w->entries + o * l->list, n[o]);
        }
}

/* The input: at each of the four positions under a pooled one, the kernels of the channels that
 * passed there. */
static void sparse_dx(const struct layer *l, const struct work *w, size_t m)
{
    const struct plane *dx = &l->lower->dcode;
    const int32_t kernel = (int32_t)(l->R * l->window);
    float *corner = plane_image(dx, w, m) - l->P * dx->row - (size_t)l->P * l->C;
    memset(corner, 0, dx->size * sizeof *corner);
    for (int i = 0; i < l->h; i++)
        for (int j = 0; j < l->w; j++) {
            const float *g = plane_image(&l->dcode, w, m) + i * l->dcode.row + (size_t)j * l->K;
            const uint8_t *argmax = layer_argmax(l, w, m) + ((size_t)i * l->w + j) * l->K;
            size_t n[5] = {0};
            for (int o = 0; o < l->K; o++)
                w->entries[argmax[o] * l->K + n[argmax[o]]++] = (struct entry){o * kernel, g[o]};
            for (int q = 0; q < 4; q++)
                if (n[q] > 0)
                    l->kernels->sparse_sum(corner + (2 * i + (q >> 1)) * dx->row
                                               + (2 * j + (q & 1)) * (size_t)l->C,
                                           dx->row, l->encode_dx_w, l->window, l->R, l->R * l->C,
                                           w->entries + q * l->K, n[q]);
        }
}

void layer_encode_backward(struct layer *l, const struct work *w)
{
    sparse_dw(l, w);
    for (size_t m = 0; l->lower != NULL && m < w->count; m++)
        sparse_dx(l, w, m);
}

/* --- gradients --- */

void layer_fold_encoder(const struct layer *l, float *gradients, const float *slice)
{
    const float *dw = slice + l->at_encode_dw;
    float *to = gradients + l->kernel->offset, *db = gradients + l->bias->offset;
    const size_t K = l->K, run = (size_t)l->R * l->C;
    if (l->dense.points > 0) {
        const size_t row = layer_padded(l, l->C), taps = (size_t)l->R * l->R, C = l->C;
        l->kernels->winograd_fold(l->dturned, dw, l->dense.points, l->R, K * row);
        for (size_t t = 0; t < taps; t++)
            for (size_t c = 0; c < C; c++)
                for (size_t o = 0; o < K; o++)
                    to[((taps - 1 - t) * C + c) * K + o] = l->dturned[(t * K + o) * row + c];
    } else if (l->norm) {
        copy_rows(to, K, dw, layer_padded(l, l->K), l->R * (int)run, K);
    } else {
        for (size_t r = 0; r < (size_t)l->R; r++)
            for (size_t q = 0; q < run; q++)
                for (size_t o = 0; o < K; o++)
                    to[(r * run + q) * K + o] = dw[(o * l->R + r) * l->window + q];
    }
    memcpy(db, slice + l->at_encode_db, K * sizeof *db);
}

void layer_fold_decoder(const struct layer *l, float *gradients, const float *slice)
{
    const float *columns = slice + l->at_decode_db;
    float *db = gradients + l->back_bias->offset;
    const size_t filters = layer_padded(l, l->K), pixel = l->C * filters;
    const ptrdiff_t taps = l->back_taps;
    const float *dbox = slice + l->at_decode_dw;
    float *dw = gradients + l->back_kernel->offset;

    memset(db, 0, l->C * sizeof *db);
    for (int j = 0; j < l->W; j++)
        for (int c = 0; c < l->C; c++)
            db[c] += columns[(size_t)j * l->C + c];
    if (l->R == 1) {
        kernels_pack(dw, dbox, NULL, &(struct packing){1, 1, l->C, l->K, 1, 0, 0, filters, 1}, 1);
        return;
    }
    if (l->back.points > 0) {
        l->kernels->winograd_fold(l->dblocks, dbox, l->back.points, l->P + 1, 4 * pixel);
        kernels_unblock(l->dbox, l->dblocks, l->R, l->C, filters);
        dbox = l->dbox;
    }
    kernels_box_fold(dw, l->K, dbox,
                     &(struct packing){l->R, l->R, l->C, l->K, 1, taps * pixel, pixel, filters, 1});
}
