/* Algorithms and memory of a layer. */
#include "net/layer.h"

#include <stdlib.h>

#include "base/profile.h"
#include "base/report.h"
#include "base/sizes.h"

/* Columns of dy from one position of the decoder's adjoint to the next; rows likewise. */
static int back_step(const struct layer *l)
{
    return l->R == 1 ? 1 : 2;
}

/* A convolution's plan; STRIDE: see algorithm.h. */
static struct plan plan(const struct layer *l, enum convolution_role role, bool pooled, int R,
                        int stride, int C, int K, int H, int W)
{
    const struct conv_shape c = {
        .role = role, .pooled = pooled, .R = R, .stride = stride, .C = C, .K = K, .H = H, .W = W};
    return plan_convolution(&c, l->kernels);
}

/* Windows that are equal must tie in the pool, whose gradient goes to the first, or the gradient to
 * the input comes out at another pixel. A net of one layer does not need that gradient, and its
 * kernel's is the same whichever of equal windows takes it. */
static void plan_layer(struct layer *l, bool train)
{
    const int R = l->R, C = l->C, K = l->K;
    const bool only = l->lower == NULL && l->upper == NULL;
    l->infer = plan(l, CONVOLUTION_CODE, true, R, 1, C, K, l->H, l->W);
    l->phase = plan(l, CONVOLUTION_PHASE, false, l->P + 1, 1, K, C, l->h, l->w);
    if (!train)
        return;
    l->learn =
        plan(l, only ? CONVOLUTION_CODE : CONVOLUTION_CODE_TIES, !l->norm, R, 1, C, K, l->H, l->W);
    l->back = plan(l, CONVOLUTION_GRADIENTS, false, l->back_taps, back_step(l), C, K, l->h, l->w);
    if (!l->norm)
        l->sparse = sparse_new(l->kernels, R, C, K, l->h, l->w);
    else if (l->lower == NULL)
        l->dense = plan(l, CONVOLUTION_KERNEL, false, R, 1, C, K, l->H, l->W);
    else
        l->dense = plan(l, CONVOLUTION_GRADIENTS, false, R, 1, K, C, l->H, l->W);
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
    if (l->R != 1)
        return 0;
    return (divide_up(images * l->h * l->w * l->C, KERNELS_MAX_LANES) + 1) * KERNELS_MAX_LANES;
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

size_t layer_scratch(const struct layer *l)
{
    const struct plan *const all[] = {&l->infer, &l->phase, &l->learn, &l->back, &l->dense};
    size_t most = squares_size(l, MICRO_BATCH);
    for (int i = 0; i < 5; i++)
        most = larger(most, all[i]->scratch);
    return most;
}

size_t layer_entries(const struct layer *l)
{
    return l->learn.algorithm == NULL || l->norm ? 0 : sparse_entries(&l->sparse);
}

/* A plain kernel's floats, and its gradient's, K in full channel blocks. */
static size_t plain_size(const struct plan *p)
{
    return (size_t)p->of.R * p->of.R * p->of.C * kernels_round_up(p->of.K, p->kernels->lanes);
}

static void lay_out_backward(struct layer *l, struct arena *arena, size_t batch_places,
                             size_t thread_places, size_t slices)
{
    const size_t K = l->K;

    padded_take(&l->dy, arena, l->H, l->W, l->C, l->P, thread_places, false);
    if (l->lower == NULL)
        l->y = l->dy;
    if (l->upper == NULL || !l->upper->norm)
        padded_take(&l->dcode, arena, l->h, l->w, l->K, l->upper == NULL ? 0 : l->upper->P,
                    batch_places, true);
    if (l->norm)
        padded_take(&l->z, arena, l->H, l->W, l->K, l->lower == NULL ? 0 : l->P, batch_places,
                    true);
    l->argmax = arena_take(arena, batch_places * l->h * l->w * K + KERNELS_MAX_LANES, 1);
    l->decode_dx_w = arena_floats(arena, l->back.packed);
    if (l->norm)
        l->encode_plain = arena_floats(arena, plain_size(&l->dense));
    else
        sparse_bands(&l->sparse, l->in.row, MICRO_BATCH);
    if (l->lower != NULL)
        l->encode_dx_w = arena_floats(arena, l->norm ? l->dense.packed : sparse_size(&l->sparse));
    if (l->norm) {
        float **const vectors[] = {&l->scale,   &l->shift, &l->batch_mean,
                                   &l->inverse, &l->dz_a,  &l->dz_b};
        l->sums = arena_take(arena, slices * 2 * K, sizeof *l->sums);
        for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
            *vectors[i] = arena_floats(arena, kernels_round_up(l->K, l->kernels->lanes));
    }
}

void layer_lay_out(struct layer *l, struct arena *arena, size_t batch_places, size_t thread_places,
                   size_t slices, bool train)
{
    const size_t box = (size_t)(l->R + 1) * (l->R + 1) * l->C * l->K;

    l->encode_w = arena_floats(arena, larger(l->infer.packed, l->learn.packed));
    l->encode_b = arena_floats(arena, kernels_round_up(l->K, l->kernels->lanes));
    l->box = arena_floats(arena, box);
    l->decode_plain = arena_floats(arena, larger(box, train ? plain_size(&l->back) : 0));
    for (int phase = 0; phase < 4; phase++)
        l->decode_w[phase / 2][phase % 2] = arena_floats(arena, l->phase.packed);
    l->decode_b = arena_floats(arena, kernels_round_up(l->C, l->kernels->lanes));

    padded_take(&l->in, arena, l->H, l->W, l->C, l->P, batch_places, true);
    if (l->upper == NULL)
        padded_take(&l->last, arena, l->h, l->w, l->K, small_margin(l), batch_places, true);
    if (!train || l->lower != NULL)
        padded_take(&l->y, arena, l->H, l->W, l->C, l->lower == NULL ? 0 : small_margin(l->lower),
                    thread_places, false);
    if (train)
        lay_out_backward(l, arena, batch_places, thread_places, slices);
    if (l->lower != NULL
        && l->norm) /* its conv is done with an image before that image's dcode is written */
        l->lower->dcode = l->in;
    l->code = l->upper == NULL ? &l->last : &l->upper->in;
    l->small = l->upper == NULL ? &l->last : &l->upper->y;
    l->dsmall = l->upper == NULL ? &l->dcode : &l->upper->dy;
}

/* N floats of a slice's gradients, behind the *SIZE that are taken. */
static size_t in_slice(size_t *size, size_t n)
{
    const size_t at = *size;
    *size += (n + 15) / 16 * 16;
    return at;
}

void layer_place_decoder(struct layer *l, size_t *size)
{
    l->at_decode_dw = in_slice(size, l->back.packed);
    l->at_decode_db = in_slice(size, (size_t)l->W * l->C);
}

void layer_place_encoder(struct layer *l, size_t *size)
{
    l->at_encode_dw = in_slice(size, l->norm ? l->dense.packed : sparse_size(&l->sparse));
    l->at_encode_db = in_slice(size, l->K);
}
