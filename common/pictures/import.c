#include "pictures/import.h"

#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"
#include "files/index.h"
#include "files/keep.h"
#include "files/whole.h"

enum { RGB = 3, MAX_BATCH = 256, BATCH_BYTES = 16 << 20, MANY_THREADS = 1 << 16 };

/* What is recorded as derived, beside the libraries of the formats. */
static const char memory_key[] = "memory", icc_key[] = "ICC";

/* Files of the folder on their way to becoming rows. */
struct batch {
    size_t first, n;
    uint8_t *rows;       /* (n,size,size,3) */
    struct found *found; /* (n) without a reason: the row is there */
};

/* Memory for pictures being decoded, which threads take and give back. */
struct budget {
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    uint64_t left; /* bytes */
};

/* What the threads share. */
struct run {
    struct import *import;
    struct tensor_writer *images;
    struct folder_digest *digest;
    struct budget budget;
};

/* --- memory --- */

static size_t row_bytes(const struct import *im)
{
    return im->settings->fit.size * im->settings->fit.size * RGB;
}

/* What is held beside pictures being decoded. */
static size_t fixed_memory(const struct import *im)
{
    return PROCESS_MEMORY + tensor_memory(row_bytes(im)) + 2 * im->batch * row_bytes(im);
}

static size_t fixed_memory_of(const struct import *im, int threads)
{
    int before = omp_get_max_threads();
    size_t bytes;

    omp_set_num_threads(threads);
    bytes = fixed_memory(im);
    omp_set_num_threads(before);
    return bytes;
}

/* What one picture may take: the least that import_new leaves, with any number of threads, in whole
 * MiB. */
static size_t most_memory(const struct import *im, size_t memory)
{
    size_t one = fixed_memory_of(im, 1),
           any = smaller(fixed_memory_of(im, MANY_THREADS), memory / 2);

    return (memory - larger(one, any)) >> 20 << 20;
}

struct import import_new(const struct import_settings *s, size_t memory)
{
    struct import im = {.settings = s};

    im.batch = smaller(memory / 32, BATCH_BYTES) / row_bytes(&im);
    im.batch = larger(1, smaller(im.batch, MAX_BATCH));
    for (int n = omp_get_max_threads(); n > 1 && fixed_memory(&im) > memory / 2;)
        omp_set_num_threads(--n);
    if (fixed_memory(&im) > memory - memory / 8)
        die("images of %zu x %zu want %zu MiB, --memory is %zu MiB", s->fit.size, s->fit.size,
            (fixed_memory(&im) / 7 * 8 >> 20) + 1, memory >> 20);
    im.memory = memory - fixed_memory(&im);
    im.most = most_memory(&im, memory);
    im.others = tally_new();
    im.disguised = tally_new();
    return im;
}

void import_release(struct import *im)
{
    for (size_t i = 0; i < im->n_bad + im->n_misnamed; i++)
        free(im->skipped[i].reason);
    free(im->skipped);
    free(im->is_row);
    tally_free(im->others);
    tally_free(im->disguised);
    *im = (struct import){0};
}

/* Waits until BYTES are to be had; there are never fewer in all. */
static void budget_take(struct budget *b, uint64_t bytes)
{
    pthread_mutex_lock(&b->mutex);
    while (bytes > b->left)
        pthread_cond_wait(&b->returned, &b->mutex);
    b->left -= bytes;
    pthread_mutex_unlock(&b->mutex);
}

static void budget_return(struct budget *b, uint64_t bytes)
{
    pthread_mutex_lock(&b->mutex);
    b->left += bytes;
    pthread_cond_broadcast(&b->returned);
    pthread_mutex_unlock(&b->mutex);
}

/* --- one picture --- */

static void read_file(struct run *run, struct batch *b, size_t i)
{
    const struct import_settings *s = run->import->settings;
    struct folder *folder = run->import->folder;
    char *path = folder_path(folder, b->first + i);
    enum profile_part before = profile_enter(PROFILE_READING);
    struct found *found = &b->found[i];
    struct picture p;
    struct fit fit;
    uint64_t taken = 0;
    const char *bad, *late;

    if (run->import->found)
        folder_stamp(folder, b->first + i, found->stamp);
    bad = picture_open(&p, path, &s->picture, true);
    folder->kind[b->first + i] = folder_kind(&p, folder->files[b->first + i]);
    found->what = p.format ? NULL : picture_other(&p);
    if (p.format && picture_is_name(path) && !picture_is_name_of(p.format, path))
        found->what = picture_name(picture_number(p.format));
    if (!bad)
        bad = fit_plan(&fit, &p, &s->fit);
    if (!bad && fit.memory > run->import->most) {
        bad = picture_fail(&p, "too large: takes %llu MiB to decode, want at most %zu (--memory)",
                           (unsigned long long)(fit.memory >> 20) + 1, run->import->most >> 20);
        run->import->wants_memory = true;
    }
    if (!bad) {
        profile_enter(PROFILE_WAITING);
        budget_take(&run->budget, taken = fit.memory);
        profile_enter(PROFILE_READING);
        bad = fit_row(&fit, b->rows + i * row_bytes(run->import));
    }
    snprintf(found->reason, sizeof found->reason, "%s", bad ? bad : "");
    late = picture_close(&p, &found->digest);
    if (late && !bad)
        snprintf(found->reason, sizeof found->reason, "%s", late);
    budget_return(&run->budget, taken);
    profile_leave(before);
    free(path);
}

static void skip(struct import *im, const char *file, const char *reason)
{
    size_t n = im->n_bad + im->n_misnamed;

    if ((n & (n - 1)) == 0) /* full at each power of two */
        im->skipped = xrealloc(im->skipped, n > 0 ? 2 * n : 1, sizeof *im->skipped);
    im->skipped[n] = (struct import_skipped){file, xstrdup(reason)};
}

/* Counts file K of the folder, in which this was FOUND; whether it becomes the next row. */
static bool count_file(struct import *im, struct folder_digest *digest, size_t k,
                       const struct found *found)
{
    const char *file = im->folder->files[k];

    if (im->folder->kind[k] != FOLDER_OTHER)
        folder_digest_add(digest, file, found->digest);
    if (im->folder->kind[k] < FOLDER_LOST) {
        tally_add(im->others, file, found->what);
        if (im->folder->kind[k] == FOLDER_MISNAMED) {
            skip(im, file, found->what ? found->what : "no picture");
            im->n_misnamed++;
        }
        return false;
    }
    if (found->reason[0]) {
        skip(im, file, found->reason);
        im->n_bad++;
        return false;
    }
    if (found->what)
        tally_add(im->disguised, file, found->what);
    im->is_row[k] = true;
    im->n_rows++;
    return true;
}

static void write_file(struct run *run, const struct batch *b, size_t i)
{
    struct import *im = run->import;
    size_t k = b->first + i, n_bad = im->n_bad;
    char *path;

    if (count_file(im, run->digest, k, &b->found[i]))
        tensor_write(run->images, b->rows + i * row_bytes(im), 1);
    if (im->n_bad > n_bad) {
        path = folder_path(im->folder, k);
        warn_file(path, "skipped: %s", b->found[i].reason);
        free(path);
    }
    if (im->found)
        found_add(im->found, im->folder, k, &b->found[i]);
}

/* --- all of them --- */

static struct batch batch_new(const struct import *im)
{
    return (struct batch){0, 0, xcalloc(im->batch, row_bytes(im)),
                          xcalloc(im->batch, sizeof(struct found))};
}

static void batch_free(struct batch *b)
{
    free(b->rows);
    free(b->found);
}

static void write_batch(struct run *run, const struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        write_file(run, b, i);
    progress_show(b->first + b->n, run->import->folder->n, "%zu of %zu files", b->first + b->n,
                  run->import->folder->n);
}

static void start(struct import *im, struct folder *f)
{
    im->folder = f;
    im->is_row = xcalloc(f->n + 1, sizeof *im->is_row);
}

/* A batch at a time on all threads, while one of them writes the batch before. */
void import_run(struct import *im, struct folder *f, struct tensor_writer *images,
                struct folder_digest *digest)
{
    struct run run = {im, images, digest, {.left = im->memory}};
    struct batch batches[2] = {batch_new(im), batch_new(im)};
    size_t n = f->n, size = im->batch;
    enum profile_part before = profile_enter(PROFILE_WAITING);

    start(im, f);
    pthread_mutex_init(&run.budget.mutex, NULL);
    pthread_cond_init(&run.budget.returned, NULL);
#pragma omp parallel
    for (size_t k = 0; k * size < n + size; k++) {
        struct batch *b = &batches[k % 2];
#pragma omp single
        {
            b->first = k * size;
            b->n = b->first >= n ? 0 : smaller(n - b->first, size);
        }
#pragma omp single nowait
        if (k > 0)
            write_batch(&run, &batches[(k + 1) % 2]);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < b->n; i++)
            read_file(&run, b, i);
    }
    profile_leave(before);
    progress_end();
    for (int k = 0; k < 2; k++)
        batch_free(&batches[k]);
    pthread_cond_destroy(&run.budget.returned);
    pthread_mutex_destroy(&run.budget.mutex);
}

/* --- from parts --- */

static char *memory_value(const struct import *im)
{
    return xformat("%zu MiB", im->most >> 20);
}

/* Dies where the part at PATH records something else as KEY; whether it records it. */
static bool want_same(const char *path, const char *key, const char *own)
{
    char *recorded = key ? history_recorded(path, key) : NULL;
    bool found = recorded;

    if (found && (!own || strcmp(recorded, own) != 0))
        die_file(path, "made with %s %s, here is %s", key, recorded, own ? own : "none");
    free(recorded);
    return found;
}

/* Dies unless the part at PATH, with its table BESIDE, is part I of N of what H records, and was
 * decoded as it would be here. */
static void check_part(struct import *im, const char *path, const char *beside, size_t i, size_t n,
                       const struct history *h)
{
    char *text = keep_read(path), *difference = history_part_difference(h, text, i, n),
         *memory = memory_value(im);

    if (difference)
        die_file(path, "%s", difference);
    if (whole_is_unfinished(path) || index_state(beside) != INDEX_WRITTEN)
        die_file(beside, "not as it was written with '%s'", path);
    for (size_t k = 0; k < PICTURE_FORMATS; k++)
        want_same(path, picture_name(k), picture_library(k));
    want_same(path, icc_key, colour_library());
    if (want_same(path, memory_key, memory))
        im->wants_memory = true;
    free(memory);
    free(text);
}

/* Counts the files of the part at PATH, from *K on. */
static void count_part(struct import *im, struct folder_digest *digest, const char *path,
                       const char *beside, size_t *k)
{
    struct found_reader *r = found_open(beside);
    size_t before = im->n_rows;
    struct tensor_reader *t = tensor_open(path);
    struct found found;
    char *bad;

    for (; found_next(r, im->folder, *k, &found, &bad); ++*k) {
        if (bad)
            die_file(beside, "%s: this part is to be made again", bad);
        count_file(im, digest, *k, &found);
    }
    if (im->n_rows - before != t->n_rows)
        die_file(path, "%zu rows, '%s' tells of %zu", t->n_rows, beside, im->n_rows - before);
    tensor_close(t);
    found_close(r);
}

void import_count(struct import *im, struct folder *f, char *const *parts, size_t n,
                  const struct history *h, struct folder_digest *digest)
{
    size_t k = 0;

    start(im, f);
    for (size_t i = 0; i < n; i++) {
        char *beside = found_beside(parts[i]);

        check_part(im, parts[i], beside, i, n, h);
        count_part(im, digest, parts[i], beside, &k);
        free(beside);
    }
    if (k < f->n)
        die_file(f->path, "'%s' is in none of the parts: the last is to be made again",
                 f->files[k]);
}

void import_join(struct tensor_writer *images, char *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tensor_reader *t = tensor_open(parts[i]);

        tensor_append(images, t);
        tensor_close(t);
        progress_show(i + 1, n, "%zu of %zu parts", i + 1, n);
    }
    progress_end();
}

void import_write_skipped(const struct import *im, const char *path, const struct history *h)
{
    struct zio_writer *file = zio_create(path, ZIO_TEXT);

    zio_write(file, "path\treason\n", 12);
    for (size_t i = 0; i < im->n_bad + im->n_misnamed; i++) {
        char *reason = printable(im->skipped[i].reason);

        index_write_text(file, im->skipped[i].file);
        zio_write(file, reason, strlen(reason));
        zio_write(file, "\n", 1);
        free(reason);
    }
    history_commit_table(h, file, path);
}

void import_check(const struct import *im, double max_bad)
{
    const char *path = im->folder->path;
    size_t n_bad = im->n_bad + im->n_misnamed, n = im->n_rows + n_bad;

    if (n == 0)
        die_file(path, "no pictures in this folder or below");
    if (im->n_rows == 0)
        die_file(path, "none of the %zu pictures can be read", n);
    if ((double)n_bad > max_bad * (double)n)
        die_file(path, "%zu of %zu pictures cannot be read, want at most %g of them (--max-bad)",
                 n_bad, n, max_bad);
}

/* --- what else decides the rows --- */

void import_record_libraries(const struct import *im, const struct folder *f, struct history *h)
{
    bool seen[PICTURE_FORMATS] = {false};

    for (size_t i = 0; i < f->n; i++)
        if (f->kind[i] >= FOLDER_PICTURE)
            seen[f->kind[i] - FOLDER_PICTURE] = true;
    for (size_t i = 0; i < PICTURE_FORMATS; i++)
        if (seen[i] && picture_library(i))
            history_setting(h, picture_name(i), picture_library(i));
    if (im->settings->picture.to_srgb)
        history_setting(h, icc_key, colour_library());
}

void import_record_memory(const struct import *im, struct history *h)
{
    char *memory = im->wants_memory ? memory_value(im) : NULL;

    history_setting(h, memory_key, memory);
    free(memory);
}

void import_if_recorded(const struct import *im, struct history *h, const char *path, bool is_audit)
{
    char *recorded = history_recorded(path, memory_key), *memory = memory_value(im);

    for (size_t i = 0; i < PICTURE_FORMATS; i++)
        if (picture_library(i))
            history_if_recorded(h, picture_name(i), picture_library(i));
    history_if_recorded(h, icc_key, colour_library());
    if (recorded && !is_audit && im->most >> 20 > strtoull(recorded, NULL, 10))
        history_if_recorded(h, memory_key, memory);
    else
        history_setting(h, memory_key, recorded);
    free(recorded);
    free(memory);
}
