#include "net/layer.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/planes.h"
#include "base/vectors.h"

enum {
    BAND_BYTES = 16 << 10,
    PACKED_FILTERS = 8
}; /* for so many, packed windows pay; of 16 lanes, not of fewer */

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

/* Of a result of G.K channels. WORK lacks what G and Winograd's way in planes tell; OWN: how much
 * of the way to the points that has for itself. */
static struct layer_way split_way(const struct layer *l, struct winograd g, enum winograd_use use,
                                  struct split_work work, double own)
{
    struct layer_way way = {.winograd = g, .in_planes = g};
    struct winograd *few = &way.in_planes, to_points;
    double plain, left;
    few->K = g.K <= work.most ? g.K : g.K % KERNELS_MAX_LANES, few->both = false,
    few->in_planes = true;
    if (g.stride == 1)
        *few = kernels_winograd_choose(*few, use);
    to_points = *few;
    to_points.K = 0;
    plain = (double)g.H * g.W * g.R * g.R * g.C * few->K;
    left = kernels_winograd_work(few) - (1 - own) * kernels_winograd_work(&to_points);
    if (left > 0.65 * plain) /* measured: it would take longer */
        few->points = 0;
    if (few->points > 0)
        work.share *= left / plain;
    work.K = g.K, work.few = few->K, work.filtered |= kernels_winograd_choose(g, use).points > 0;
    way.split = kernels_split(&work, l->kernels->lanes);
    if (!way.split.planes)
        few->points = 0;
    way.winograd.K = way.split.whole;
    way.winograd = kernels_winograd_choose(way.winograd, use);
    return way;
}

/* By kernels of RxR of strides 1 or 2. One more vector beside others costs no way to the points. */
static struct layer_way choose_way(const struct layer *l, struct winograd g, enum winograd_use use,
                                   struct split_work work)
{
    const int beside = g.K > KERNELS_MAX_LANES ? KERNELS_MAX_LANES : 0;
    struct winograd vector = g, others;
    double more;
    vector.K = beside + KERNELS_MAX_LANES;
    vector = kernels_winograd_choose(vector, use);
    others = vector;
    others.K = beside;
    more = kernels_winograd_work(&vector) - (beside > 0 ? kernels_winograd_work(&others) : 0);
    work.filtered = vector.points > 0;
    work.taps = g.stride == 1 ? g.R : l->back_taps, work.run = work.taps * g.C,
    work.moved = g.stride * g.stride * g.C;
    work.vector = work.filtered ? 1.25 * more / ((double)g.H * g.W * KERNELS_MAX_LANES)
                                : work.taps * work.run; /* 1.25: measured */
    return split_way(l, g, use, work, 1);
}

/* Of a phase of y: see planes_for_phases. */
static struct layer_way choose_phase(const struct layer *l)
{
    const int taps = l->P + 1;
    const struct winograd g = {
        .R = taps, .C = l->K, .K = l->C, .H = l->h, .W = l->w, .stride = 1, .y_col = l->C};
    const struct split_work work = {.most = 8,
                                    .taps = taps,
                                    .run = taps * l->K,
                                    .share = 1,
                                    .moved = l->K / 4.0,
                                    .vector = (double)taps * taps * l->K};
    return split_way(l, g, WINOGRAD_ANY, work, (1 + l->P % 2) / 4.0);
}

/* Windows that are equal must tie in the pool, whose gradient goes to the first, or the gradient to
 * the input comes out at another pixel. A net of one layer does not need that gradient, and its
 * kernel's is the same whichever of equal windows takes it. Few channels of small are listed
 * besides, for their kernels' gradient. Batch normalisation wants all channels of a pixel together.
 */
static void choose_ways(struct layer *l, bool train)
{
    const int R = l->R, P = l->P, C = l->C, K = l->K;
    const struct winograd encoder = {
        .both = true, .R = R, .C = C, .K = K, .H = l->H, .W = l->W, .stride = 1, .y_col = K};
    struct winograd dense = encoder;
    const struct winograd back = {
        .R = P + 1, .C = C, .K = K, .H = l->h, .W = l->w, .stride = 2, .y_col = K};
    const struct split_work code = {.most = KERNELS_FEW, .share = 1},
                            listed = {.most = 8, .share = 1.5, .extra = 5};
    const enum winograd_use use =
        l->lower == NULL && l->upper == NULL ? WINOGRAD_POOL : WINOGRAD_TIES;
    l->infer = choose_way(l, encoder, WINOGRAD_INFERENCE, code);
    l->phase = choose_phase(l);
    if (!train)
        return;
    dense.both = false; /* see winograd_conv */
    l->learn = l->norm
        ? (struct layer_way){.split.whole = K, .winograd = kernels_winograd_choose(dense, use)}
        : choose_way(l, encoder, use, code);
    if (l->norm && l->lower != NULL)
        l->dense = kernels_winograd_choose(
            (struct winograd){
                .R = R, .C = K, .K = C, .H = l->H, .W = l->W, .stride = 1, .y_col = C},
            WINOGRAD_ANY);
    l->back = choose_way(l, back, WINOGRAD_ANY, listed);
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
    if (!l->norm && l->K >= PACKED_FILTERS && kernels->lanes == KERNELS_MAX_LANES)
        l->packed = kernels_packed(l->R * l->R * l->C);
    l->back_window = layer_padded(l, l->back_taps * l->C);
}

/* Rows and columns of zeros around small. */
static int small_margin(const struct layer *l)
{
    return (l->P + 1) / 2;
}

/* Few channels in planes: of the phases of y, of dsmall; those of the code, see planes_for_pool. */
static struct planes phase_planes(const struct layer *l)
{
    return planes_for_phases(&l->phase.in_planes, l->R == 1 ? 1 : 4);
}
static struct planes back_planes(const struct layer *l)
{
    return planes_for_adjoint(l->h, l->w, back_step(l), l->C, l->back_taps, l->back.split.few);
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
    const struct layer_way *const ways[] = {&l->infer, &l->learn, &l->phase, &l->back};
    const struct planes planes[] = {planes_for_pool(&l->infer.in_planes),
                                    planes_for_pool(&l->learn.in_planes), phase_planes(l),
                                    back_planes(l)};
    size_t most = squares_size(l, chunk);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const struct winograd *winograd = &ways[i]->winograd;
        most = larger(most,
                      winograd->points == 0
                          ? 0
                          : kernels_winograd_sizes(winograd, l->kernels->lanes).scratch);
        most = larger(
            most, 2 * (size_t)l->W * ways[i]->split.few + KERNELS_MAX_LANES); /* see encode_few */
        most = larger(
            most, ways[i]->split.planes ? squares_size(l, chunk) + planes_scratch(&planes[i]) : 0);
    }
    return larger(
        most,
        l->dense.points == 0 ? 0 : kernels_winograd_sizes(&l->dense, l->kernels->lanes).scratch);
}

size_t layer_entries(const struct layer *l)
{
    return larger(l->list, 5) * l->K; /* of a band; of a pixel, see sparse_dx */
}

/* Floats of packed few channels, of taps x taps x C. */
static size_t few_size(const struct layer_way *way, size_t taps, size_t C)
{
    const struct split *s = &way->split;
    const size_t run = (way->in_planes.points == 0 ? taps : (size_t)way->in_planes.points) * C;
    return taps * s->few * (s->planes ? run : (run + KERNELS_DOT - 1) / KERNELS_DOT * KERNELS_DOT);
}

/* Floats of the encoder's packed kernel, of whole vectors and of few. */
static size_t whole_code_size(const struct layer *l, const struct layer_way *way)
{
    const struct winograd *g = &way->winograd;
    const size_t taps =
        g->points == 0 ? (size_t)l->R * l->R : (size_t)g->points * (g->both ? g->points : l->R);
    return taps * l->C * layer_padded(l, way->split.whole);
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
    const size_t columns = layer_padded(l, l->K), whole = layer_padded(l, l->back.split.whole);
    const size_t back_taps = l->back.winograd.points > 0
        ? 4 * (size_t)l->back.winograd.points * (l->P + 1)
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
    l->decode_dx_w = arena_floats(arena, back_taps * C * whole);
    l->decode_dx_few = arena_floats(arena, few_size(&l->back, l->back_taps, C));
    if (l->back.winograd.points > 0) {
        l->blocks = arena_floats(arena, box_taps * C * K);
        l->dblocks = arena_floats(arena, box_taps * C * whole);
        l->dbox = arena_floats(arena, box_taps * C * whole);
    }
    if (l->lower != NULL)
        l->encode_dx_w = arena_floats(arena, l->norm ? turned : l->R * l->window * K);
    l->at_encode_dw = in_slice(slice,
                               l->dense.points > 0 ? turned
                                   : l->norm       ? taps * C * columns
                                             : (l->packed > 0 ? l->packed : l->R * l->window) * K);
    if (l->dense.points > 0) {
        l->turned = arena_floats(arena, taps * K * C);
        l->dturned = arena_floats(arena, taps * K * layer_padded(l, l->C));
    }
    l->at_encode_db = in_slice(slice, K);
    l->at_decode_dw = in_slice(slice, back_taps * C * whole);
    l->at_decode_few = in_slice(slice, l->back.split.few * l->back_taps * l->back_window);
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
    const size_t K = l->K, box_taps = (size_t)(l->R + 1) * (l->R + 1), phase_run = (l->P + 1) * K;
    const size_t phase_taps = l->phase.winograd.points == 0 ? l->P + 1 : l->phase.winograd.points;

    l->encode_w =
        arena_floats(arena, larger(whole_code_size(l, &l->infer), whole_code_size(l, &l->learn)));
    l->encode_few = arena_floats(
        arena, larger(few_size(&l->infer, l->R, l->C), few_size(&l->learn, l->R, l->C)));
    l->encode_b = arena_floats(arena, layer_padded(l, l->K));
    l->box = arena_floats(arena, box_taps * l->C * K);
    if (l->phase.winograd.points > 0 || l->phase.in_planes.points > 0)
        l->phase_w = arena_floats(arena, (l->P + 1) * phase_run * l->C);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            l->decode_w[a][b] =
                arena_floats(arena, phase_taps * phase_run * layer_padded(l, l->phase.split.whole));
            l->decode_few[a][b] = arena_floats(arena, few_size(&l->phase, l->P + 1, K));
        }
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

/* For conv_planes, or for conv_dot. */
static void pack_few(float *p, const float *w, const float *scale, struct packing g, bool planes)
{
    g.pad = planes ? 1 : KERNELS_DOT;
    if (g.K > 0)
        kernels_pack(p, w, scale, &g, planes ? g.K : 1);
}

void layer_pack_encoder(struct layer *l, const float *weights, bool inference)
{
    const float *kernel = weights + l->kernel->offset, *bias = weights + l->bias->offset;
    const ptrdiff_t K = l->K, CK = (ptrdiff_t)l->C * K;
    const struct layer_way *way = inference ? &l->infer : &l->learn;
    const struct split *s = &way->split;
    const struct packing turned = {l->R, l->R, l->K, l->C, 1, -l->R * CK, -CK, 1, K};
    const float *last = kernel + (l->R * l->R - 1) * CK, *few_scale;
    float *scale = NULL;

    if (l->norm && inference) { /* the running statistics go into kernel and bias */
        scale = l->encode_b;
        for (int o = 0; o < l->K; o++)
            scale[o] = (float)(weights[l->gamma->offset + o]
                               / sqrt(weights[l->variance->offset + o] + NORM_EPSILON));
    }
    if (way->winograd.points > 0)
        l->kernels->winograd_pack(l->encode_w, kernel, scale, &way->winograd);
    else
        kernels_pack(l->encode_w, kernel, scale,
                     &(struct packing){l->R, l->R, l->C, s->whole, 1, l->R * CK, CK, K, 1},
                     l->kernels->lanes);
    few_scale = scale == NULL ? NULL : scale + s->whole;
    if (way->in_planes.points > 0)
        l->kernels->winograd_pack(l->encode_few, kernel + s->whole, few_scale, &way->in_planes);
    else
        pack_few(l->encode_few, kernel + s->whole, few_scale,
                 (struct packing){l->R, l->R, l->C, s->few, 0, l->R * CK, CK, K, 1}, s->planes);
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
    const struct split *a = &l->learn.split, *b = &l->infer.split;
    const struct winograd *u = &l->learn.winograd, *v = &l->infer.winograd;
    return !l->norm && u->points == v->points && u->both == v->both
        && l->learn.in_planes.points == l->infer.in_planes.points && a->few == b->few
        && a->planes == b->planes; /* whole is what few leave */
}

void layer_pack_decoder(struct layer *l, const float *weights, bool inference)
{
    const int lanes = l->kernels->lanes, R = l->R, P = l->P, taps = l->back_taps;
    const ptrdiff_t C = l->C, KC = (ptrdiff_t)l->K * C, row = (R + 1) * KC;
    const struct split *s = &l->phase.split, *back = &l->back.split;
    kernels_box(l->box, weights + l->back_kernel->offset, R, l->K, l->C);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            const float *first = l->box + (a + P - 2 * phase_origin(a, P)) * row
                + (b + P - 2 * phase_origin(b, P)) * KC;
            const struct packing all = {P + 1, P + 1, l->K, l->C, 1, -2 * row, -2 * KC, C, 1};
            struct packing whole = all, few = all;
            whole.K = s->whole, few.K = s->few;
            if (l->phase_w != NULL)
                kernels_pack(l->phase_w, first, NULL, &all, l->C);
            if (l->phase.winograd.points > 0)
                l->kernels->winograd_pack(l->decode_w[a][b], l->phase_w, NULL, &l->phase.winograd);
            else
                kernels_pack(l->decode_w[a][b], first, NULL, &whole, lanes);
            if (l->phase.in_planes.points > 0)
                l->kernels->winograd_pack(l->decode_few[a][b], l->phase_w + s->whole, NULL,
                                          &l->phase.in_planes);
            else
                pack_few(l->decode_few[a][b], first + s->whole, NULL, few, s->planes);
        }
    memcpy(l->decode_b, weights + l->back_bias->offset, C * sizeof *l->decode_b);
    if (inference || l->decode_dx_w == NULL)
        return;
    if (l->back.winograd.points > 0) {
        kernels_blocks(l->blocks, l->box, R, l->K, l->C);
        l->kernels->winograd_pack(l->decode_dx_w, l->blocks, NULL, &l->back.winograd);
    } else {
        kernels_pack(l->decode_dx_w, l->box, NULL,
                     &(struct packing){taps, taps, l->C, back->whole, 1, row, KC, 1, C}, lanes);
    }
    pack_few(l->decode_dx_few, l->box + back->whole * C, NULL,
             (struct packing){taps, taps, l->C, back->few, 0, row, KC, 1, C}, back->planes);
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

/* The few channels of the code by conv_dot, two rows at a time, then pooled; windows that are equal
 * give equal sums here as in conv. */
static void encode_few(const struct layer *l, const struct work *w, const struct split *s,
                       const struct codes *to)
{
    static const float ones[KERNELS_MAX_LANES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
                       zeros[KERNELS_MAX_LANES];
    const int few = s->few, whole = s->whole;
    struct conv g = layer_encoder_conv(l, l->code);
    const struct norm pool = {.cols = l->w,
                              .channels = few,
                              .y_col = l->K,
                              .z_row = (size_t)g.cols * few,
                              .scale = ones,
                              .shift = zeros};
    g.rows = 2, g.channels = few, g.y_row = pool.z_row, g.y_col = few;
    for (size_t m = 0; m < w->count; m++)
        for (int i = 0; i < l->h; i++) {
            l->kernels->conv_dot(w->scratch, layer_encoder_input(l, w, m) + 2 * i * g.x_row,
                                 l->encode_few, l->encode_b + whole, &g);
            l->kernels->norm_relu_pool(
                to->data + m * to->size + i * to->row + whole,
                w->train ? layer_argmax(l, w, m) + (size_t)i * l->w * l->K + whole : NULL,
                w->scratch, &pool);
        }
}

/* Likewise in planes. */
static void encode_planes(const struct layer *l, const struct work *w, const struct layer_way *way,
                          const struct codes *to)
{
    const struct planes p = planes_for_pool(&way->in_planes);
    const struct planes_images g = {.n = w->count,
                                    .x_row = l->in.row,
                                    .x_image = l->in.size,
                                    .y_row = to->row,
                                    .y_col = l->K,
                                    .y_image = to->size};
    const int whole = way->split.whole;
    planes_relu_pool(&p, l->kernels, to->data + whole,
                     w->train ? layer_argmax(l, w, 0) + whole : NULL, layer_encoder_input(l, w, 0),
                     l->encode_few, l->encode_b + whole, &g, w->scratch);
}

void layer_encode(struct layer *l, const struct work *w)
{
    const struct layer_way *way = w->train ? &l->learn : &l->infer;
    const struct codes to = codes_of(l, w);
    struct conv g;
    if (way->split.few > 0 && way->split.planes)
        encode_planes(l, w, way, &to);
    else if (way->split.few > 0)
        encode_few(l, w, &way->split, &to);
    if (way->split.whole == 0)
        return;
    if (way->winograd.points > 0) {
        struct winograd winograd = way->winograd;
        winograd.x_row = l->in.row, winograd.y_row = to.row;
        l->kernels->winograd_relu_pool(to.data, w->train ? layer_argmax(l, w, 0) : NULL,
                                       layer_encoder_input(l, w, 0), l->encode_w, l->encode_b,
                                       &winograd, w->count, l->in.size, to.size, w->scratch);
        return;
    }
    g = layer_encoder_conv(l, l->code);
    g.channels = way->split.whole, g.y_row = to.row;
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

/* The few channels of y in planes. */
static void decode_planes(const struct layer *l, const struct work *w)
{
    const struct planes p = phase_planes(l);
    const struct plane *small = l->small;
    const float *const few[] = {l->decode_few[0][0], l->decode_few[0][1], l->decode_few[1][0],
                                l->decode_few[1][1]};
    const struct planes_images g = {.n = w->count,
                                    .x_row = small->row,
                                    .x_image = small->size,
                                    .y_row = 2 * l->y.row,
                                    .y_col = 2 * (size_t)l->C,
                                    .y_image = l->y.size};
    const int whole = l->phase.split.whole;
    planes_conv(&p, l->kernels, plane_image(&l->y, w, 0) + whole,
                plane_image(small, w, 0) - small_margin(l) * (small->row + l->K), few,
                l->decode_b + whole, &g, w->scratch);
}

void layer_decode(struct layer *l, const struct work *w)
{
    const struct plane *small = l->small;
    const struct split *s = &l->phase.split;
    const struct conv g = {.rows = l->h,
                           .cols = l->w,
                           .taps = l->P + 1,
                           .run = (l->P + 1) * l->K,
                           .channels = s->whole,
                           .x_row = small->row,
                           .x_col = l->K,
                           .x_tap = small->row,
                           .y_row = 2 * l->y.row,
                           .y_col = 2 * (size_t)l->C};
    const int phases = l->R == 1 ? 1 : 2; /* that differ */
    struct conv few = g;
    struct winograd winograd = l->phase.winograd;
    few.channels = s->few;
    winograd.x_row = small->row, winograd.y_row = g.y_row, winograd.y_col = g.y_col;
    for (int a = 0; a < phases; a++)
        for (int b = 0; b < phases; b++) {
            float *y = plane_image(&l->y, w, 0) + a * l->y.row + (size_t)b * l->C;
            const float *x = plane_image(small, w, 0)
                + phase_origin(a, l->P) * (ptrdiff_t)small->row
                + phase_origin(b, l->P) * (ptrdiff_t)l->K;
            if (l->phase.winograd.points > 0)
                l->kernels->winograd_conv(y, x, l->decode_w[a][b], l->decode_b, &winograd, w->count,
                                          small->size, l->y.size, w->scratch);
            for (size_t m = 0; m < w->count; m++, x += small->size, y += l->y.size) {
                if (l->phase.winograd.points == 0)
                    l->kernels->conv(y, x, l->decode_w[a][b], l->decode_b, &g);
                if (s->few > 0 && !s->planes)
                    l->kernels->conv_dot(y + s->whole, x, l->decode_few[a][b],
                                         l->decode_b + s->whole, &few);
            }
        }
    if (s->few > 0 && s->planes)
        decode_planes(l, w);
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
static struct conv decoder_back_conv(const struct layer *l, int channels)
{
    const size_t row = l->R == 1 ? (size_t)l->w * l->C : l->dy.row, step = back_step(l);
    return (struct conv){.rows = l->h,
                         .cols = l->w,
                         .taps = l->back_taps,
                         .run = l->back_taps * l->C,
                         .channels = channels,
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

/* The few channels of small: their gradient, and their kernels' as sums of the windows of dy over
 * all positions where they are not 0, band by band as in sparse_dw. */
static void decode_backward_few(const struct layer *l, const struct work *w, const float *dy,
                                size_t dy_image, float *planes)
{
    static const float zeros[KERNELS_MAX_LANES] __attribute__((aligned(64)));
    const struct split *s = &l->back.split;
    const struct conv g = decoder_back_conv(l, s->few);
    float *dw = w->gradients + l->at_decode_few;
    if (s->planes) {
        const struct planes p = back_planes(l);
        const struct planes_images images = {.n = w->count,
                                             .x_row = g.x_tap,
                                             .x_image = dy_image,
                                             .y_row = g.y_row,
                                             .y_col = g.y_col,
                                             .y_image = l->dsmall->size};
        planes_conv(&p, l->kernels, plane_image(l->dsmall, w, 0) + s->whole, dy,
                    &(const float *){l->decode_dx_few}, zeros, &images, planes);
    }
    for (size_t m = 0; m < w->count; m++, dy += dy_image) {
        if (!s->planes)
            l->kernels->conv_dot(plane_image(l->dsmall, w, m) + s->whole, dy, l->decode_dx_few,
                                 zeros, &g);
        for (int band = 0; band < l->h; band += l->band)
            for (int k = 0; k < s->few; k++) {
                size_t n = 0;
                for (int i = band; i < l->h && i < band + l->band; i++) {
                    const float *from =
                        plane_image(l->small, w, m) + i * l->small->row + s->whole + k;
                    for (int j = 0; j < l->w; j++) {
                        const float v = from[(size_t)j * l->K];
                        w->entries[n] = (struct entry){(int32_t)(i * g.x_row + j * g.x_col), v};
                        n += v != 0;
                    }
                }
                l->kernels->sparse_sum(dw + k * g.taps * l->back_window, l->back_window, dy,
                                       g.x_tap, g.taps, g.run, w->entries, n);
            }
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
    if (l->back.split.few > 0)
        decode_backward_few(l, w, dy, dy_image, w->scratch + squares_size(l, w->count));
    if (l->back.winograd.points > 0) {
        struct winograd g = l->back.winograd;
        g.x_row = l->dy.row, g.y_row = dsmall->row;
        l->kernels->winograd_backward(plane_image(dsmall, w, 0), dw, dy, plane_image(small, w, 0),
                                      l->decode_dx_w, &g, w->count, l->dy.size, small->row,
                                      small->size, dsmall->size, w->scratch);
    } else if (l->back.split.whole > 0) {
        struct conv g = decoder_back_conv(l, l->back.split.whole);
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

/* Likewise of small windows, which are packed. */
static void packed_dw(const struct layer *l, const struct work *w)
{
    const struct pooled row = pooled_row(l);
    for (size_t m = 0; m < w->count; m++)
        for (int i = 0; i < l->h; i++)
            l->kernels->pooled_dw(w->gradients + l->at_encode_dw,
                                  layer_encoder_input(l, w, m) + 2 * i * l->in.row,
                                  plane_image(&l->dcode, w, m) + i * l->dcode.row,
                                  layer_argmax(l, w, m) + (size_t)i * l->w * l->K, &row, l->R,
                                  l->R * l->C, l->in.row);
}

void layer_encode_backward(struct layer *l, const struct work *w)
{
    (l->packed > 0 ? packed_dw : sparse_dw)(l, w);
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
        const size_t row = l->packed > 0 ? run : l->window,
                     channel = l->packed > 0 ? l->packed : l->R * row;
        for (size_t r = 0; r < (size_t)l->R; r++)
            for (size_t q = 0; q < run; q++)
                for (size_t o = 0; o < K; o++)
                    to[(r * run + q) * K + o] = dw[o * channel + r * row + q];
    }
    memcpy(db, slice + l->at_encode_db, K * sizeof *db);
    for (size_t o = 0; o < K && l->packed > 0; o++)
        db[o] = dw[o * l->packed + l->R * run];
}

void layer_fold_decoder(const struct layer *l, float *gradients, const float *slice)
{
    const float *columns = slice + l->at_decode_db;
    float *db = gradients + l->back_bias->offset;
    const struct split *s = &l->back.split;
    const size_t whole = layer_padded(l, s->whole), pixel = l->C * whole;
    const ptrdiff_t taps = l->back_taps;
    const float *dbox = slice + l->at_decode_dw, *few = slice + l->at_decode_few;
    float *dw = gradients + l->back_kernel->offset, *dw_few = dw + (size_t)s->whole * l->C;

    memset(db, 0, l->C * sizeof *db);
    for (int j = 0; j < l->W; j++)
        for (int c = 0; c < l->C; c++)
            db[c] += columns[(size_t)j * l->C + c];
    if (l->R == 1) {
        kernels_pack(dw, dbox, NULL, &(struct packing){1, 1, l->C, s->whole, 1, 0, 0, whole, 1}, 1);
        kernels_pack(dw_few, few, NULL,
                     &(struct packing){1, 1, l->C, s->few, 1, 0, 0, 1, l->back_window}, 1);
        return;
    }
    if (l->back.winograd.points > 0) {
        l->kernels->winograd_fold(l->dblocks, dbox, l->back.winograd.points, l->P + 1, 4 * pixel);
        kernels_unblock(l->dbox, l->dblocks, l->R, l->C, whole);
        dbox = l->dbox;
    }
    kernels_box_fold(
        dw, l->K, dbox,
        &(struct packing){l->R, l->R, l->C, s->whole, 1, taps * pixel, pixel, whole, 1});
    kernels_box_fold(dw_few, l->K, few,
                     &(struct packing){l->R, l->R, l->C, s->few, 1, l->back_window, l->C, 1,
                                       taps * l->back_window});
}
