#include "net/dataset.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"
#include "net/share.h"
#include "base/profile.h"
#include "base/progress.h"
#include "base/ranks.h"
#include "base/report.h"
#include "base/rng.h"
#include "base/scratch.h"
#include "base/sizes.h"
#include "files/tensor.h"
#include "base/vectors.h"

enum { PIECE = 4096 }; /* numbers looked at at once */

struct dataset {
    struct tensor_reader *tensor;
    char *path;
    size_t n, items, row_bytes, memory;
    size_t shape[3];
    bool image; /* uint8 */
    enum dataset_outside outside;

    bool loaded;
    unsigned char *rows; /* (n,row_bytes) in memory, or NULL and */
    int scratch;         /* the same bytes in a scratch file */
    unsigned char *raw;  /* one row on its way from there */

    uint32_t *order;    /* (n) rows of this epoch */
    size_t images;      /* that the net sees of a row; 0: all rows are wanted */
    size_t batch, next; /* next: position in the order of the batch to be made */
    float *made[2];     /* (batch,items): the one in use and the one being made */
    size_t n_made;      /* rows in the one being made */
    int current;
    pthread_t maker;
    bool making;
};

struct dataset *dataset_open(const char *path)
{
    struct dataset *d = xcalloc(1, sizeof *d);

    d->tensor = tensor_open(path);
    tensor_want(d->tensor, -1, 4, (size_t[4]){0});
    d->path = xstrdup(path);
    d->n = d->tensor->n_rows;
    d->items = d->tensor->row_items;
    d->row_bytes = d->tensor->row_bytes;
    d->image = d->tensor->header.dtype == NPY_U8;
    d->scratch = -1;
    memcpy(d->shape, d->tensor->header.shape + 1, sizeof d->shape);
    if (d->n == 0)
        die_file(path, "no rows");
    if (d->n > UINT32_MAX)
        die_file(path, "%zu rows, want at most %u", d->n, UINT32_MAX);
    return d;
}

static size_t block_rows(const struct dataset *d)
{
    return d->row_bytes < (1 << 20) ? (1 << 20) / d->row_bytes : 1;
}

bool dataset_is_piped(const struct dataset *d)
{
    return !tensor_is_seekable(d->tensor);
}

size_t dataset_memory(const struct dataset *d, size_t batch)
{
    size_t rows = smaller(batch, d->n);

    return 2 * rows * d->items * sizeof(float) + d->n * sizeof *d->order
        + block_rows(d) * d->row_bytes + d->row_bytes + tensor_memory(d->row_bytes);
}

void dataset_limit(struct dataset *d, size_t memory)
{
    d->memory = memory;
}

size_t dataset_n(const struct dataset *d)
{
    return d->n;
}
const char *dataset_path(const struct dataset *d)
{
    return d->path;
}
bool dataset_is_image(const struct dataset *d)
{
    return d->image;
}

void dataset_shape(const struct dataset *d, size_t shape[3])
{
    memcpy(shape, d->shape, sizeof d->shape);
}

void dataset_want_unit(struct dataset *d, enum dataset_outside outside)
{
    d->outside = outside;
}

/* --- the rows, in memory or on disk --- */

VECTORS static bool all_within(const float *x, size_t n, float low, float high)
{
    int within = 1;

    for (size_t i = 0; i < n; i++)
        within &= (x[i] >= low) & (x[i] <= high);
    return within;
}

/* The position of the first of x[0..n-1] that is not from LOW to HIGH; n where all are. */
static size_t find_outside(const float *x, size_t n, float low, float high)
{
    size_t first = 0;

    while (first < n && all_within(x + first, smaller(n - first, PIECE), low, high))
        first += PIECE;
    while (first < n && x[first] >= low && x[first] <= high)
        first++;
    return smaller(first, n);
}

size_t dataset_not_finite(const float *x, size_t n)
{
    return find_outside(x, n, -FLT_MAX, FLT_MAX);
}

static void check_unit(struct dataset *d, const float *x, size_t n, size_t first_row)
{
    size_t bad = find_outside(x, n, 0, 1), row = first_row + bad / d->items;

    if (bad == n)
        return;
    if (d->outside == DATASET_REFUSE)
        die_file(d->path,
                 "row %zu holds %.9g, and binary cross-entropy wants values from 0 to 1: divide "
                 "images by 255 or give uint8, train codes with mean squared error",
                 row, x[bad]);
    warn_file(d->path,
              "row %zu holds %.9g, but a sigmoid gives values from 0 to 1 only; a linear output "
              "gives any",
              row, x[bad]);
    d->outside = DATASET_TAKE;
}

static void check_values(struct dataset *d, const float *x, size_t n, size_t first_row)
{
    size_t bad = dataset_not_finite(x, n * d->items);

    if (bad < n * d->items)
        die_file(d->path, "row %zu holds a value that is not finite", first_row + bad / d->items);
    if (d->outside != DATASET_TAKE)
        check_unit(d, x, n * d->items, first_row);
}

void dataset_load(struct dataset *d)
{
    size_t bytes, n = block_rows(d);
    unsigned char *block = NULL;
    enum profile_part before;

    if (d->loaded)
        return;
    before = profile_enter(PROFILE_READING);
    if (!__builtin_mul_overflow(d->n, d->row_bytes, &bytes) && bytes <= d->memory) {
        d->rows = xlarge(bytes);
    } else {
        d->scratch = scratch_open();
        d->raw = xmalloc(d->row_bytes);
        block = xaligned(n * d->row_bytes);
    }
    for (size_t row = 0, got; row < d->n; row += got) {
        unsigned char *to = d->rows ? d->rows + row * d->row_bytes : block;
        got = tensor_read(d->tensor, to, n);
        if (!d->image)
            check_values(d, (float *)to, got, row);
        if (!d->rows)
            scratch_write(d->scratch, to, got * d->row_bytes);
        progress_show(row + got, d->n, "reading %s: %zu of %zu rows", d->path, row + got, d->n);
    }
    progress_end();
    free(block);
    d->loaded = true;
    profile_leave(before);
}

void dataset_add_to_history(struct dataset *d, struct history *h)
{
    if (!tensor_is_seekable(d->tensor))
        dataset_load(d);
    tensor_add_to_history(d->tensor, h);
}

static const unsigned char *row(struct dataset *d, size_t i)
{
    if (d->rows)
        return d->rows + i * d->row_bytes;
    scratch_read(d->scratch, d->raw, d->row_bytes, i * d->row_bytes);
    return d->raw;
}

/* --- batches --- */

/* Whether row I of the batch that is made is of this rank's share. */
static bool is_wanted(const struct dataset *d, size_t i)
{
    const size_t n = d->images * d->n_made, first = share_image(n, ranks_own()),
                 end = share_image(n, ranks_own() + 1);
    bool wanted = d->images == 0;

    for (size_t at = i; at < n; at += d->n_made)
        wanted = wanted || (at >= first && at < end);
    return wanted;
}

static void *make_batch(void *argument)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    struct dataset *d = argument;
    float *x = d->made[!d->current];

    for (size_t i = 0; i < d->n_made; i++, x += d->items) {
        const unsigned char *from;
        if (!is_wanted(d, i))
            continue;
        from = row(d, d->order[d->next + i]);
        if (d->image)
            net_scale(x, from, d->items);
        else
            memcpy(x, from, d->row_bytes);
    }
    profile_leave(before);
    return NULL;
}

static void start_making(struct dataset *d)
{
    d->n_made = smaller(d->n - d->next, d->batch);
    d->making = d->n_made > 0;
    if (d->making && pthread_create(&d->maker, NULL, make_batch, d) != 0)
        die("no thread to read ahead with: %s", strerror(errno));
}

static void wait_made(struct dataset *d)
{
    enum profile_part before = profile_enter(PROFILE_WAITING);

    if (d->making)
        pthread_join(d->maker, NULL);
    d->making = false;
    profile_leave(before);
}

void dataset_share(struct dataset *d, size_t images)
{
    d->images = images;
}

void dataset_start(struct dataset *d, size_t batch, bool shuffle, uint64_t seed, uint64_t epoch,
                   size_t first)
{
    assert(first <= d->n && (!d->order || d->batch == smaller(batch, d->n)));
    dataset_load(d);
    wait_made(d);
    if (!d->order) {
        d->order = xcalloc(d->n, sizeof *d->order);
        d->batch = smaller(batch, d->n);
        for (int i = 0; i < 2; i++)
            d->made[i] = xaligned(d->batch * d->items * sizeof(float));
    }
    if (shuffle) {
        struct rng r;
        rng_init(&r, seed, RNG_SHUFFLE, epoch);
        rng_permutation(&r, d->order, (uint32_t)d->n);
    } else {
        for (size_t i = 0; i < d->n; i++)
            d->order[i] = (uint32_t)i;
    }
    d->next = first;
    start_making(d);
}

size_t dataset_next(struct dataset *d, const float **x)
{
    size_t n = d->n_made;

    wait_made(d);
    d->current = !d->current;
    d->next += n;
    *x = d->made[d->current];
    if (n > 0)
        start_making(d);
    return n;
}
