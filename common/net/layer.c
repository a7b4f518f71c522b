#include "net/layer.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "base/report.h"
#include "base/vectors.h"

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

/* The places and, behind the last, room for what kernels read beyond an image. A gap behind each
 * image keeps the vectors of remainder channels out of the next image, which may be another
 * thread's. */
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

/* A convolution's plan; STRIDE: see algorithm.h. */
static struct plan plan(const struct layer *l, enum convolution_role role, int R, int stride, int C,
                        int K, int H, int W)
{
    const struct conv_shape c = {.role = role,
                                 .pooled = role <= CONVOLUTION_CODE_ONLY
                                     && (role == CONVOLUTION_CODE || !l->norm),
                                 .R = R,
                                 .stride = stride,
                                 .C = C,
                                 .K = K,
                                 .H = H,
                                 .W = W};
    return plan_convolution(&c, l->kernels);
}

/* Windows that are equal must tie in the pool, whose gradient goes to the first, or the gradient to
 * the input comes out at another pixel. A net of one layer does not need that gradient, and its
 * kernel's is the same whichever of equal windows takes it. */
static void plan_layer(struct layer *l, bool train)
{
    const int R = l->R, C = l->C, K = l->K;
    const bool only = l->lower == NULL && l->upper == NULL;
    l->infer = plan(l, CONVOLUTION_CODE, R, 1, C, K, l->H, l->W);
    l->phase = plan(l, CONVOLUTION_PHASE, l->P + 1, 1, K, C, l->h, l->w);
    if (!train)
        return;
    l->learn =
        plan(l, only ? CONVOLUTION_CODE_ONLY : CONVOLUTION_CODE_TIES, R, 1, C, K, l->H, l->W);
    l->back = plan(l, CONVOLUTION_GRADIENTS, l->back_taps, back_step(l), C, K, l->h, l->w);
    if (!l->norm)
        l->sparse = sparse_new(l->kernels, R, C, K, l->h, l->w);
    else if (l->lower == NULL)
        l->dense = plan(l, CONVOLUTION_KERNEL, R, 1, C, K, l->H, l->W);
    else
        l->dense = plan(l, CONVOLUTION_GRADIENTS, R, 1, K, C, l->H, l->W);
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
    plan_layer(l, train);
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

void layer_profile(const struct layer *l, int k)
{
    const struct plan *const all[] = {&l->infer, &l->phase, &l->learn, &l->back, &l->dense};
    char name[5][40] = {"", "", "", "", "sparse"}, *line;
    for (int i = 0; i < 5; i++)
        if (all[i]->algorithm != NULL)
            plan_name(name[i], sizeof name[i], all[i]);
    line = xformat("layer %d: code %s, decoder %s", k + 1, name[0], name[1]);
    profile_note(line);
    free(line);
    if (l->learn.algorithm == NULL)
        return;
    line = xformat("layer %d in training: code %s, gradients of the decoder %s, of the encoder %s",
                   k + 1, name[2], name[3], name[4]);
    profile_note(line);
    free(line);
}

size_t layer_scratch(const struct layer *l, int chunk)
{
    const struct plan *const all[] = {&l->infer, &l->phase, &l->learn, &l->back, &l->dense};
    size_t most = squares_size(l, chunk);
    for (int i = 0; i < 5; i++)
        most = larger(most, plan_scratch(all[i]));
    return most;
}

size_t layer_entries(const struct layer *l)
{
    return l->learn.algorithm == NULL || l->norm ? 0 : sparse_entries(&l->sparse);
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
    const size_t K = l->K, C = l->C;

    take_plane(&l->dy, arena, l->H, l->W, l->C, l->P, passing, true);
    if (l->lower == NULL)
        l->y = l->dy;
    if (l->upper == NULL || !l->upper->norm)
        take_plane(&l->dcode, arena, l->h, l->w, l->K, l->upper == NULL ? 0 : l->upper->P, places,
                   false);
    if (l->norm)
        take_plane(&l->z, arena, l->H, l->W, l->K, l->lower == NULL ? 0 : l->P, places, false);
    l->argmax = arena_take(arena, places * l->h * l->w * K + KERNELS_MAX_LANES, 1);
    l->decode_dx_w = arena_floats(arena, plan_packed(&l->back));
    l->decode_temporary = arena_floats(arena, plan_temporary(&l->back));
    l->at_decode_dw = in_slice(slice, plan_packed(&l->back));
    l->at_decode_db = in_slice(slice, (size_t)l->W * C);
    if (l->norm) {
        l->encode_plain = arena_floats(arena, (size_t)l->R * l->R * C * K);
        l->encode_temporary = arena_floats(arena, plan_temporary(&l->dense));
    } else {
        sparse_bands(&l->sparse, l->in.row, chunk);
    }
    if (l->lower != NULL)
        l->encode_dx_w =
            arena_floats(arena, l->norm ? plan_packed(&l->dense) : sparse_size(&l->sparse));
    l->at_encode_dw = in_slice(slice, l->norm ? plan_packed(&l->dense) : sparse_size(&l->sparse));
    l->at_encode_db = in_slice(slice, K);
    if (l->norm) {
        float **const vectors[] = {&l->scale,   &l->shift, &l->batch_mean,
                                   &l->inverse, &l->dz_a,  &l->dz_b};
        l->sums = arena_take(arena, slices * 2 * K, sizeof *l->sums);
        for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
            *vectors[i] = arena_floats(arena, layer_padded(l, l->K));
    }
}

void layer_lay_out(struct layer *l, struct arena *arena, size_t *slice, size_t slices,
                   size_t places, size_t passing, int chunk, bool train)
{
    const size_t box = (size_t)(l->R + 1) * (l->R + 1) * l->C * l->K;

    l->encode_w = arena_floats(arena, larger(plan_packed(&l->infer), plan_packed(&l->learn)));
    l->encode_b = arena_floats(arena, layer_padded(l, l->K));
    l->box = arena_floats(arena, box);
    l->decode_plain = arena_floats(arena, box);
    for (int phase = 0; phase < 4; phase++)
        l->decode_w[phase / 2][phase % 2] = arena_floats(arena, plan_packed(&l->phase));
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
    const struct plan *p = inference ? &l->infer : &l->learn;
    float *scale = NULL;

    if (l->norm && inference) { /* the running statistics go into kernel and bias */
        scale = l->encode_b;
        for (int o = 0; o < l->K; o++)
            scale[o] = (float)(weights[l->gamma->offset + o]
                               / sqrt(weights[l->variance->offset + o] + NORM_EPSILON));
    }
    p->algorithm->pack(p, l->encode_w, kernel, scale, NULL);
    for (int o = 0; o < l->K; o++)
        l->encode_b[o] = scale == NULL
            ? bias[o]
            : (bias[o] - weights[l->mean->offset + o]) * scale[o] + weights[l->beta->offset + o];
    if (inference || l->encode_dx_w == NULL)
        return;
    if (l->norm) { /* turned about */
        kernels_pack(l->encode_plain, kernel + (l->R * l->R - 1) * CK, NULL,
                     &(struct packing){l->R, l->R, l->K, l->C, 1, -l->R * CK, -CK, 1, K}, l->C);
        l->dense.algorithm->pack(&l->dense, l->encode_dx_w, l->encode_plain, NULL,
                                 l->encode_temporary);
    } else {
        sparse_pack(&l->sparse, l->encode_dx_w, kernel);
    }
}

/* floor((a-P)/2): the first row of the small image that rows 2i+a of y see, less i. */
static int phase_origin(int a, int P)
{
    return -((P - a + 1) / 2);
}

bool layer_packs_alike(const struct layer *l)
{
    const struct plan *a = &l->learn, *b = &l->infer;
    return !l->norm && a->algorithm == b->algorithm && a->winograd.points == b->winograd.points
        && a->winograd.both == b->winograd.both;
}

void layer_pack_decoder(struct layer *l, const float *weights, bool inference)
{
    const int R = l->R, P = l->P, taps = l->back_taps;
    const ptrdiff_t C = l->C, KC = (ptrdiff_t)l->K * C, row = (R + 1) * KC;
    const struct plan *phase = &l->phase, *back = &l->back;
    kernels_box(l->box, weights + l->back_kernel->offset, R, l->K, l->C);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            const float *first = l->box + (a + P - 2 * phase_origin(a, P)) * row
                + (b + P - 2 * phase_origin(b, P)) * KC;
            kernels_pack(l->decode_plain, first, NULL,
                         &(struct packing){P + 1, P + 1, l->K, l->C, 1, -2 * row, -2 * KC, C, 1},
                         l->C);
            phase->algorithm->pack(phase, l->decode_w[a][b], l->decode_plain, NULL, NULL);
        }
    memcpy(l->decode_b, weights + l->back_bias->offset, C * sizeof *l->decode_b);
    if (inference || l->decode_dx_w == NULL)
        return;
    kernels_pack(l->decode_plain, l->box, NULL,
                 &(struct packing){taps, taps, l->C, l->K, 1, row, KC, 1, C}, l->K);
    back->algorithm->pack(back, l->decode_dx_w, l->decode_plain, NULL, l->decode_temporary);
}

/* --- forward --- */

struct conv_images layer_images(const struct work *w, const struct plane *x, const struct plane *y,
                                const struct plane *small)
{
    return (struct conv_images){.n = w->count,
                                .x_row = x->row,
                                .x_image = x->size,
                                .y_row = y->row,
                                .y_col = (size_t)y->C,
                                .y_image = y->size,
                                .small_row = small->row,
                                .small_image = small->size};
}

const float *layer_encoder_input(const struct layer *l, const struct work *w, size_t m)
{
    return plane_image(&l->in, w, m) - l->P * l->in.row - (size_t)l->P * l->C;
}

uint8_t *layer_argmax(const struct layer *l, const struct work *w, size_t m)
{
    return l->argmax + (w->place + m) * l->h * l->w * l->K;
}

/* Where codes go: to their places, or straight to who asked. */
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
    const struct plan *p = w->train ? &l->learn : &l->infer;
    const struct codes to = codes_of(l, w);
    struct conv_images g = layer_images(w, &l->in, l->code, l->code);
    g.y_row = to.row, g.y_image = to.size;
    p->algorithm->forward(p, to.data, w->train ? layer_argmax(l, w, 0) : NULL,
                          layer_encoder_input(l, w, 0), l->encode_w, l->encode_b, &g, w->scratch);
}

/* Each pixel of even row and column to the three beside and below it. */
static void repeat_pixels(float *y, const struct plane *p)
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
    struct conv_images g = layer_images(w, small, &l->y, small);
    const int phases = l->R == 1 ? 1 : 2; /* that differ */
    g.y_row *= 2, g.y_col *= 2;
    for (int a = 0; a < phases; a++)
        for (int b = 0; b < phases; b++)
            l->phase.algorithm->forward(
                &l->phase, plane_image(&l->y, w, 0) + a * l->y.row + (size_t)b * l->C, NULL,
                plane_image(small, w, 0) + phase_origin(a, l->P) * (ptrdiff_t)small->row
                    + phase_origin(b, l->P) * (ptrdiff_t)l->K,
                l->decode_w[a][b], l->decode_b, &g, w->scratch);
    for (size_t m = 0; m < w->count; m++) {
        float *y = plane_image(&l->y, w, m);
        if (phases == 1)
            repeat_pixels(y, &l->y);
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
    struct conv_images images = layer_images(w, &l->dy, dsmall, small);
    const float l1 = l->upper == NULL ? (float)(w->penalty->l1 / (double)w->n) : 0;
    if (l->R == 1) {
        dy = w->scratch;
        images.x_row = (size_t)l->w * l->C, images.x_image = images.x_row * l->h;
        for (size_t m = 0; m < w->count; m++)
            sum_squares(w->scratch + m * images.x_image, &l->dy, plane_image(&l->dy, w, m));
    }
    l->back.algorithm->backward(&l->back, plane_image(dsmall, w, 0), w->gradients + l->at_decode_dw,
                                dy, plane_image(small, w, 0), l->decode_dx_w, &images, w->scratch);
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

void layer_encode_backward(struct layer *l, const struct work *w)
{
    const float *g = plane_image(&l->dcode, w, 0);
    const struct sparse_images images = {.n = w->count,
                                         .x_row = l->in.row,
                                         .x_image = l->in.size,
                                         .g_row = l->dcode.row,
                                         .g_image = l->dcode.size};
    const struct plane *dx = l->lower == NULL ? NULL : &l->lower->dcode;
    sparse_dw(&l->sparse, w->gradients + l->at_encode_dw, w->gradients + l->at_encode_db,
              layer_encoder_input(l, w, 0), g, layer_argmax(l, w, 0), &images, w->entries);
    for (size_t m = 0; dx != NULL && m < w->count; m++) {
        float *corner = plane_image(dx, w, m) - l->P * dx->row - (size_t)l->P * l->C;
        memset(corner, 0, dx->size * sizeof *corner);
        sparse_dx(&l->sparse, corner, dx->row, l->encode_dx_w, g + m * l->dcode.size, l->dcode.row,
                  layer_argmax(l, w, m), w->entries);
    }
}

/* --- gradients --- */

void layer_fold_encoder(const struct layer *l, float *gradients, const float *slice)
{
    const float *dw = slice + l->at_encode_dw;
    float *to = gradients + l->kernel->offset, *db = gradients + l->bias->offset;
    const size_t K = l->K, C = l->C, taps = (size_t)l->R * l->R;
    if (!l->norm) {
        sparse_fold(&l->sparse, to, dw);
    } else if (l->lower == NULL) {
        copy_rows(to, K, l->dense.algorithm->fold(&l->dense, dw, l->encode_temporary),
                  layer_padded(l, l->K), (int)(taps * C), K);
    } else { /* turned about */
        const size_t row = layer_padded(l, l->C);
        dw = l->dense.algorithm->fold(&l->dense, dw, l->encode_temporary);
        for (size_t t = 0; t < taps; t++)
            for (size_t c = 0; c < C; c++)
                for (size_t o = 0; o < K; o++)
                    to[((taps - 1 - t) * C + c) * K + o] = dw[(t * K + o) * row + c];
    }
    memcpy(db, slice + l->at_encode_db, K * sizeof *db);
}

void layer_fold_decoder(const struct layer *l, float *gradients, const float *slice)
{
    const float *columns = slice + l->at_decode_db;
    float *db = gradients + l->back_bias->offset;
    const size_t filters = layer_padded(l, l->K);
    const float *dbox =
        l->back.algorithm->fold(&l->back, slice + l->at_decode_dw, l->decode_temporary);
    float *dw = gradients + l->back_kernel->offset;

    memset(db, 0, l->C * sizeof *db);
    for (int j = 0; j < l->W; j++)
        for (int c = 0; c < l->C; c++)
            db[c] += columns[(size_t)j * l->C + c];
    if (l->R == 1) {
        kernels_pack(dw, dbox, NULL, &(struct packing){1, 1, l->C, l->K, 1, 0, 0, filters, 1}, 1);
        return;
    }
    kernels_box_fold(dw, dbox, l->R, l->C, l->K, filters);
}
