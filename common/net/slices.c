#include "net/slices.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "base/ranks.h"
#include "base/report.h"
#include "base/sizes.h"
#include "base/vectors.h"
#include "net/share.h"

enum { PART = 1024 }; /* floats whose sums stay in the first-level cache */

/* --- memory --- */

size_t slices_late(int threads, size_t count)
{
    return smaller(count, larger((size_t)threads, 8));
}

static size_t levels(size_t slices)
{
    size_t n = 0;
    for (; slices > 1; slices = net_half(slices))
        n++;
    return n;
}

/* For the late slices, for those at work, and for the sums in which those before them can be held:
 * one a level of the tree, two where a rank's slices start in its midst. */
static size_t blocks_needed(const struct slices *s, size_t slices, bool all)
{
    const size_t ranks = (size_t)ranks_count(), own = divide_up(slices, ranks),
                 some = slices_late(s->threads, own) + s->threads + 1
        + (ranks > 1 ? 2 : 1) * levels(slices);
    return all ? own : smaller(own, some);
}

/* Sums of others, see exchange: each border between two ranks divides one sum a level. Of each
 * there is a part of each piece. They stand behind the blocks, further from the start of the arena
 * than any part from the start of a block. */
static void lay_out_others(struct slices *s, struct arena *arena, size_t slices)
{
    const size_t ranks = (size_t)ranks_count(),
                 sums = smaller(slices, 1 + (ranks - 1) * levels(slices));
    if (ranks == 1)
        return;
    s->others = arena_floats(arena, sums * (s->size / ranks + 16 * SLICES_PIECES));
    s->total = arena_floats(arena, s->size);
    for (int i = 0; i < SLICES_PIECES; i++)
        s->pieces[i].slices = arena_take(arena, slices, sizeof *s->slices);
}

void slices_lay_out(struct slices *s, struct arena *arena, size_t max_batch, size_t size,
                    int threads, bool all)
{
    const size_t slices = net_slices(max_batch);
    *s = (struct slices){.threads = threads, .size = size};
    s->n_blocks = blocks_needed(s, slices, all);
    s->blocks = arena_floats(arena, s->n_blocks * size);
    lay_out_others(s, arena, slices);
    s->slices = arena_take(arena, slices, sizeof *s->slices);
}

/* --- the slices of a rank --- */

VECTORS static void add(float *restrict to, const float *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

void slices_begin(struct slices *s, size_t n)
{
    s->n = n;
    s->used = 0;
    s->n_pieces = s->n_summed = 0;
    s->others_end = s->others;
    s->began = s->set_out = profile_seconds();
    memset(s->slices, 0, net_slices(n) * sizeof *s->slices);
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

/* A block. Where all are in use, two that are done are added: there are such, or slices at work
 * that will be. */
static float *take_block(struct slices *s)
{
    float *block = NULL;
    while (block == NULL) {
        struct slice *pair = NULL;
        size_t half, sum = 0;
#pragma omp critical(slices)
        {
            if (s->used < s->n_blocks)
                block = s->blocks + s->used++ * s->size;
            else if ((pair = ready_pair(s->slices, 0, net_slices(s->n), &half)) != NULL) {
                sum = half + pair[half].count;
                block = pair[half].gradients;
                pair->count = pair[half].count = 0;
                pair[half].gradients = NULL;
            }
        }
        if (pair != NULL) {
            add(pair->gradients, block, s->size);
#pragma omp critical(slices)
            pair->count = sum;
        } else if (block == NULL) {
            sched_yield();
        }
    }
    return block;
}

float *slices_take(struct slices *s, size_t i)
{
    struct slice *slice = &s->slices[i];
    if (slice->gradients == NULL) {
        slice->gradients = take_block(s);
        memset(slice->gradients, 0, s->size * sizeof *slice->gradients);
    }
    return slice->gradients;
}

void slices_done(struct slices *s, size_t i)
{
#pragma omp critical(slices)
    s->slices[i].count = 1;
}

/* Floats AT to AT+SIZE of the slices FIRST to FIRST+COUNT, added. Returns the block with the sum;
 * NULL where all are empty. */
static float *add_part(const struct slice *slices, size_t first, size_t count, size_t at,
                       size_t size)
{
    const size_t half = net_half(count);
    float *sum, *other;
    if (slices[first].count == count || count == 1)
        return slices[first].gradients;
    sum = add_part(slices, first, half, at, size);
    other = add_part(slices, first + half, count - half, at, size);
    if (sum == NULL || other == NULL)
        return sum == NULL ? other : sum;
    add(sum + at, other + at, size);
    return sum;
}

/* The same of floats FROM to TO, on all threads; on one while they are at work. */
static float *add_parts(const struct slices *s, const struct slice *slices, size_t first,
                        size_t count, size_t from, size_t to)
{
    float *sum = NULL;
#pragma omp parallel for num_threads(s->threads) schedule(static) lastprivate(sum)
    for (size_t i = from; i < to; i += PART)
        sum = add_part(slices, first, count, i, smaller(to - i, PART));
    return sum;
}

/* --- several ranks --- */

/* Where rank R's part of a piece begins. */
static size_t part_start(const struct piece *p, int r)
{
    return r == ranks_count()
        ? p->to
        : p->from + (p->to - p->from) / 16 * (size_t)r / (size_t)ranks_count() * 16;
}

static size_t part_size(const struct piece *p, int r)
{
    return part_start(p, r + 1) - part_start(p, r);
}

/* Piece i has two groups of messages: 2i, sums to who adds them, and 2i+1, totals to all. */
enum { SUMS, TOTALS };

/* Each rank adds a part of the floats of piece I, for all: it gets that part of those sums of the
 * tree, of slices FIRST to FIRST+COUNT, that other ranks have, and gives them theirs of its own. A
 * part that was received stands as if within a block. */
static void exchange(struct slices *s, int i, size_t first, size_t count)
{
    const struct piece *p = &s->pieces[i];
    const int owner = share_owner(s->n, first), own = ranks_own();
    struct slice *slice = &p->slices[first];
    if (net_slice_start(s->n, first) == net_slice_start(s->n, first + count))
        return;
    if (share_owner(s->n, first + count - 1) != owner) {
        const size_t half = net_half(count);
        exchange(s, i, first, half);
        exchange(s, i, first + half, count - half);
        return;
    }
    if (owner == own) {
        slice->gradients = add_parts(s, p->slices, first, count, p->from, p->to);
        for (int r = 0; r < ranks_count(); r++)
            if (r != own)
                ranks_send(2 * i + SUMS, r, slice->gradients + part_start(p, r),
                           part_size(p, r) * sizeof(float));
    } else {
        slice->gradients = s->others_end - part_start(p, own);
        ranks_receive(2 * i + SUMS, owner, s->others_end, part_size(p, own) * sizeof(float));
        s->others_end += part_size(p, own);
    }
    slice->count = count;
}

/* Whether any slice of this rank is. */
static bool at_work(const struct slices *s)
{
    for (size_t i = share_slice(s->n, ranks_own()); i < share_slice(s->n, ranks_own() + 1); i++)
        if (s->slices[i].count == 0 && s->slices[i].gradients != NULL)
            return true;
    return false;
}

void slices_share(struct slices *s, size_t until)
{
    const int i = s->n_pieces;
    struct piece *p = &s->pieces[i];
    if (ranks_count() == 1)
        return;
    p->from = i == 0 ? 0 : p[-1].to;
    p->to = until;
    memcpy(p->slices, s->slices, net_slices(s->n) * sizeof *p->slices);
    exchange(s, i, 0, net_slices(s->n));
    for (int r = 0; r < ranks_count(); r++)
        if (r != ranks_own())
            ranks_receive(2 * i + TOTALS, r, s->total + part_start(p, r),
                          part_size(p, r) * sizeof(float));
    if (s->n_pieces++ == 0)
        s->set_out = profile_seconds();
    s->all++;
    s->early += at_work(s);
}

/* This rank's part of the total of piece I, to all. */
static void pass_on(struct slices *s, int i)
{
    const struct piece *p = &s->pieces[i];
    const int own = ranks_own();
    const size_t start = part_start(p, own), size = part_size(p, own);
    const float *sum = add_parts(s, p->slices, 0, net_slices(s->n), start, start + size);
    if (sum != NULL)
        memcpy(s->total + start, sum + start, size * sizeof *sum);
    for (int r = 0; r < ranks_count(); r++)
        if (r != own)
            ranks_send(2 * i + TOTALS, r, s->total + start, size * sizeof *sum);
}

/* Any request that is asked for moves all. */
void slices_progress(struct slices *s)
{
    while (s->n_summed < s->n_pieces && ranks_done(2 * s->n_summed + SUMS))
        pass_on(s, s->n_summed++);
    if (s->n_pieces > 0)
        ranks_done(2 * (s->n_pieces - 1) + TOTALS);
}

const float *slices_total(struct slices *s)
{
    if (ranks_count() == 1)
        return add_parts(s, s->slices, 0, net_slices(s->n), 0, s->size);
    s->overlap += profile_seconds() - s->set_out;
    s->passes += profile_seconds() - s->began;
    for (; s->n_summed < s->n_pieces; s->n_summed++) {
        ranks_wait(2 * s->n_summed + SUMS);
        pass_on(s, s->n_summed);
    }
    for (int i = 0; i < s->n_pieces; i++)
        ranks_wait(2 * i + TOTALS);
    return s->total;
}

void slices_profile(const struct slices *s)
{
    char *line;
    if (s->all == 0)
        return;
    line = xformat("exchange: %zu of %zu pieces set out during the passes, "
                   "the first when %.0f %% of their time was left",
                   s->early, s->all, 100 * s->overlap / s->passes);
    profile_note(line);
    free(line);
}

/* --- sums of numbers --- */

static void add_numbers(double *sums, size_t width, size_t count)
{
    const size_t half = net_half(count);
    if (count == 1)
        return;
    add_numbers(sums, width, half);
    add_numbers(sums + half * width, width, count - half);
    for (size_t i = 0; i < width; i++)
        sums[i] += sums[half * width + i];
}

void slices_add(double *total, double *sums, size_t width, size_t n)
{
    share_gather_slices(sums, width * sizeof *sums, n);
    add_numbers(sums, width, net_slices(n));
    memcpy(total, sums, width * sizeof *sums);
    memset(sums, 0, net_slices(n) * width * sizeof *sums);
}

static double add_images(const double *numbers, size_t n, size_t first, size_t count)
{
    const size_t half = net_half(count);
    double sum = 0;
    if (count > 1)
        return add_images(numbers, n, first, half)
            + add_images(numbers, n, first + half, count - half);
    for (size_t i = net_slice_start(n, first); i < net_slice_start(n, first + 1); i++)
        sum += numbers[i];
    return sum;
}

double slices_add_images(double *numbers, size_t n)
{
    share_gather_images(numbers, sizeof *numbers, n);
    return add_images(numbers, n, 0, net_slices(n));
}
