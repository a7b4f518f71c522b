#include "net/passes.h"

#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/ranks.h"
#include "base/sizes.h"
#include "net/loss.h"
#include "net/norm.h"
#include "net/share.h"

/* --- the steps that are no layer's --- */

static void load_input(struct layer *l, const struct work *w)
{
    const size_t good = padded_load(&l->in, w, w->batch->x), image = w->first + good;
    size_t before;
    if (good == w->count || w->batch->not_finite == NULL)
        return;
    before = atomic_load(w->batch->not_finite);
    while (image < before && !atomic_compare_exchange_weak(w->batch->not_finite, &before, image))
        continue;
}

static void store_code(struct layer *l, const struct work *w)
{
    if (w->batch->code != NULL)
        padded_store(w->batch->code, l->code, w);
}

/* A sigmoid at the end was left out for the loss. */
static void store_output(struct layer *l, const struct work *w)
{
    const size_t items = (size_t)l->H * l->W * l->C;
    float *y = w->batch->y;
    if (y == NULL)
        return;
    padded_store(y, &l->y, w);
    for (size_t m = w->first; m < w->first + w->count && l->activation == NET_SIGMOID; m++)
        l->kernels->sigmoid(y + m * items, y + m * items, items);
}

/* To the decoder's, where there is one. */
static void add_dcode(struct layer *l, const struct work *w)
{
    const struct batch *b = w->batch;
    if (b->dcode != NULL && b->loss_weight > 0)
        padded_add(&l->dcode, w, b->dcode);
    else if (b->dcode != NULL)
        padded_load(&l->dcode, w, (struct net_rows){b->dcode, NULL});
}

/* --- which steps --- */

static void plan_inference(struct steps *s, struct layer *first, struct layer *last)
{
    struct step *to = s->list;
    *to++ = (struct step){load_input, NULL, first};
    for (struct layer *l = first; l <= last; l++)
        *to++ = (struct step){layer_encode, NULL, l};
    s->code = (int)(to - s->list);
    for (struct layer *l = last; l >= first; l--)
        *to++ = (struct step){layer_decode, NULL, l};
    *to++ = (struct step){store_output, NULL, first};
    *to++ = (struct step){loss_reconstruction, NULL, first};
    *to++ = (struct step){loss_code, NULL, last};
    s->n = (int)(to - s->list);
}

static void plan_training(struct steps *s, struct layer *first, struct layer *last)
{
    struct step *to = s->list;
    *to++ = (struct step){load_input, NULL, first};
    for (struct layer *l = first; l <= last; l++)
        if (l->norm) {
            *to++ = (struct step){norm_encode, norm_statistics, l};
            *to++ = (struct step){norm_relu_pool, NULL, l};
        } else {
            *to++ = (struct step){layer_encode, NULL, l};
        }
    *to++ = (struct step){store_code, NULL, last};
    s->code = (int)(to - s->list);
    for (struct layer *l = last; l >= first; l--)
        *to++ = (struct step){layer_decode, NULL, l};
    *to++ = (struct step){loss_reconstruction, NULL, first};
    *to++ = (struct step){loss_code, NULL, last};
    for (struct layer *l = first; l <= last; l++)
        *to++ = (struct step){layer_decode_backward, NULL, l};
    s->dcode = (int)(to - s->list);
    *to++ = (struct step){add_dcode, NULL, last};
    for (struct layer *l = last; l >= first; l--)
        if (l->norm) {
            *to++ = (struct step){norm_sums, norm_gradients, l};
            *to++ = (struct step){norm_encode_backward, NULL, l};
        } else {
            *to++ = (struct step){layer_encode_backward, NULL, l};
        }
    s->n = (int)(to - s->list);
}

void passes_init(struct passes *p, struct layer *layers, int n_layers, bool train, bool keeps)
{
    struct layer *last = layers + n_layers - 1;
    *p = (struct passes){.layers = layers,
                         .n_layers = n_layers,
                         .threads = omp_get_max_threads(),
                         .train = train,
                         .keeps = keeps};
    for (const struct layer *l = layers; l <= last; l++)
        p->keeps |= train && l->norm;
    plan_inference(&p->inference, layers, last);
    plan_training(&p->training, layers, last);
}

/* --- memory --- */

/* Images of a batch that keep their places, in training by several ranks. */
static size_t most_kept(const struct passes *p, size_t max_batch)
{
    const size_t most = share_most(max_batch);
    return !p->train || ranks_count() == 1
        ? 0
        : smaller(most, slices_late(p->threads, most) * NET_SLICE_ROWS);
}

void passes_lay_out(struct passes *p, struct arena *arena, size_t max_batch)
{
    const size_t threads = (size_t)p->threads, thread_places = threads * MICRO_BATCH,
                 batch_places = p->keeps ? larger(thread_places, share_most(max_batch))
                                         : thread_places + most_kept(p, max_batch),
                 slices = net_slices(max_batch);
    size_t size = 0;
    for (struct layer *l = p->layers; l < p->layers + p->n_layers; l++) {
        layer_lay_out(l, arena, batch_places, thread_places, slices, p->train);
        p->scratch_size = larger(p->scratch_size, layer_scratch(l));
        p->n_entries = larger(p->n_entries, layer_entries(l));
    }
    p->kept_place = p->keeps ? 0 : thread_places;
    p->scratch = arena_floats(arena, threads * p->scratch_size);
    if (!p->train)
        return;
    for (int k = 0; k < p->n_layers; k++)
        layer_place_decoder(&p->layers[k], &size);
    for (int k = p->n_layers - 1; k >= 0; k--)
        layer_place_encoder(&p->layers[k], &size);
    p->entries = arena_take(arena, threads * p->n_entries, sizeof *p->entries);
    slices_lay_out(&p->slices, arena, max_batch, size, p->threads, p->keeps);
    p->begun = arena_take(arena, slices, sizeof *p->begun);
}

/* --- running --- */

/* The micro-batch W through the steps FROM to TO. */
static void run(struct passes *p, const struct step *from, const struct step *to, struct work w)
{
    const size_t thread = (size_t)omp_get_thread_num();
    w.thread_place = thread * MICRO_BATCH;
    w.batch_place =
        w.batch->train && w.first >= p->kept ? p->kept_place + w.first - p->kept : w.thread_place;
    w.scratch = p->scratch + thread * p->scratch_size;
    w.entries = p->entries + thread * p->n_entries;
    for (const struct step *s = from; s < to; s++) {
        s->run(s->layer, &w);
        if (thread == 0)
            slices_progress(&p->slices);
    }
}

void passes_infer(struct passes *p, const struct batch *b, int n_steps,
                  void (*meanwhile)(void *context), void *context)
{
    const size_t first = share_image(b->n, ranks_own()), end = share_image(b->n, ranks_own() + 1),
                 share = divide_up(end - first, p->threads),
                 each = share == 0 ? 1 : smaller(share, MICRO_BATCH);
    const struct step *steps = p->inference.list;
#pragma omp parallel num_threads(p->threads)
    {
#pragma omp master
        if (meanwhile != NULL)
            meanwhile(context);
#pragma omp for schedule(dynamic, 1)
        for (size_t i = first; i < end; i += each)
            run(p, steps, steps + n_steps,
                (struct work){.batch = b, .first = i, .count = smaller(each, end - i)});
    }
}

/* Images FIRST to END of a slice, in their order. */
static void run_images(struct passes *p, const struct batch *b, const struct step *from,
                       const struct step *to, size_t slice, size_t first, size_t end)
{
    for (size_t i = first; i < end; i += MICRO_BATCH)
        run(p, from, to,
            (struct work){.batch = b,
                          .first = i,
                          .count = smaller(MICRO_BATCH, end - i),
                          .slice = slice,
                          .gradients = slices_take(&p->slices, slice)});
}

/* Where the last micro-batch of a slice begins. */
static size_t last_start(size_t n, size_t slice)
{
    const size_t start = net_slice_start(n, slice), end = net_slice_start(n, slice + 1);
    return end == start ? end : end - 1 - (end - 1 - start) % MICRO_BATCH;
}

/* The first of the COUNT slices up to END whose last micro-batches come last. */
static size_t late_start(const struct passes *p, size_t first, size_t end)
{
    return end - slices_late(p->threads, end - first);
}

/* This rank's slices from FIRST on through the steps FROM to TO, those before KEPT through all. The
 * last micro-batches of the late slices come when all else is taken: threads that are not equally
 * fast then share out little work, and end nearly at the same time. */
static void run_slices(struct passes *p, const struct batch *b, const struct step *from,
                       const struct step *to, size_t first, size_t kept)
{
    const size_t n = b->n, end = share_slice(n, ranks_own() + 1), late = late_start(p, first, end);
    const struct step *last = p->training.list + p->training.n;
    for (size_t s = late; s < end; s++)
        atomic_store_explicit(&p->begun[s], false, memory_order_relaxed);
#pragma omp parallel num_threads(p->threads)
    {
#pragma omp for schedule(monotonic : dynamic, 1) nowait
        for (size_t s = first; s < end; s++) {
            run_images(p, b, from, s < kept ? last : to, s, net_slice_start(n, s),
                       s < late ? net_slice_start(n, s + 1) : last_start(n, s));
            if (s >= late)
                atomic_store_explicit(&p->begun[s], true, memory_order_release);
            else if (s < kept || to == last)
                slices_done(&p->slices, s);
        }
#pragma omp for schedule(dynamic, 1) nowait
        for (size_t s = late; s < end; s++) {
            while (!atomic_load_explicit(&p->begun[s], memory_order_acquire))
                sched_yield();
            run_images(p, b, from, to, s, last_start(n, s), net_slice_start(n, s + 1));
            if (to == last)
                slices_done(&p->slices, s);
        }
    }
}

/* How many floats of a slice's gradients are complete after step S; 0: no more than before. */
static size_t complete(const struct passes *p, const struct step *s)
{
    const struct layer *l = s->layer;
    if (s->run == layer_decode_backward && l->upper == NULL)
        return l->at_encode_dw;
    if (s->run == layer_encode_backward || s->run == norm_encode_backward)
        return l->lower == NULL ? p->slices.size : l->lower->at_encode_dw;
    return 0;
}

/* Whether the threads meet after step S. */
static bool meet(const struct passes *p, const struct step *s)
{
    return s->reduce != NULL || (ranks_count() > 1 && complete(p, s) > 0);
}

void passes_train(struct passes *p, const struct batch *b, int from, int to)
{
    const struct step *step = p->training.list + from, *last = p->training.list + to;
    const size_t end = share_slice(b->n, ranks_own() + 1);
    size_t first = share_slice(b->n, ranks_own()), kept = end;
    if (p->keeps)
        kept = first;
    else if (ranks_count() > 1)
        kept = late_start(p, first, end);
    p->kept = kept < end ? net_slice_start(b->n, kept) : SIZE_MAX;
    if (from == 0)
        slices_begin(&p->slices, b->n);
    for (const struct step *next; step < last; step = next, first = kept) {
        for (next = step + 1; next < last && !meet(p, next - 1);)
            next++;
        run_slices(p, b, step, next, first, kept);
        if (next[-1].reduce != NULL)
            next[-1].reduce(next[-1].layer, p->weights, p->gradients, b->n);
        if (complete(p, next - 1) > 0)
            slices_share(&p->slices, complete(p, next - 1));
    }
}
