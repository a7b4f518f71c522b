/* Algorithms and memory of a layer. */
#include "net/layer.h"

#include <stdlib.h>

#include "base/profile.h"
#include "base/report.h"
#include "base/sizes.h"

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
