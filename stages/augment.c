/* augment IMAGES -o OUT: images (N,H,W,3) become training images (6N,H,W,3): first all as they are,
 * then of image 0, of image 1, ... the five crops [m:,m:] [:-m,m:] [:-m,:-m] [m:,:-m]
 * [m/2:-m/2,m/2:-m/2], m the margin, each resized back. With margin 0 only the images themselves.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/start.h"
#include "files/history.h"
#include "base/profile.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"
#include "pictures/resize.h"
#include "analysis/selection.h"
#include "base/scratch.h"
#include "files/shard.h"
#include "files/tensor.h"

enum { REVISION = 1, RGB = 3, CROPS = 5, BLOCK_BYTES = 4 << 20 };

/* The chosen rows, or a range of them, read twice: first as they are, then for the crops. A file is
 * read again; what comes through a pipe is kept. */
struct source {
    struct tensor_reader *t;
    const struct selection *chosen;
    size_t block;           /* rows read at a time */
    size_t row;             /* of the tensor, the next to be read */
    size_t done;            /* chosen rows given */
    size_t end;             /* chosen rows to give */
    uint8_t *kept;          /* a pipe's chosen rows, in memory or */
    int scratch;            /* in a scratch file; -1: none */
    size_t written, wanted; /* rows of the output */
};

/* TWICE: whether the rows will be read again; then up to half of MEMORY may be used to keep them.
 */
static void source_init(struct source *s, struct tensor_reader *t, const struct selection *chosen,
                        bool twice, size_t memory)
{
    *s = (struct source){.t = t,
                         .chosen = chosen,
                         .block = BLOCK_BYTES / t->row_bytes,
                         .scratch = -1,
                         .end = chosen->n};
    s->block = s->block ? s->block : 1;
    if (!twice || tensor_is_seekable(t))
        return;
    if (chosen->n <= memory / 2 / t->row_bytes)
        s->kept = xmalloc(chosen->n * t->row_bytes);
    else
        s->scratch = scratch_open();
}

/* Moves the chosen ones of N rows that start at s->row to the front; returns how many. */
static size_t choose(struct source *s, uint8_t *rows, size_t n)
{
    size_t row_bytes = s->t->row_bytes, m = 0;
    if (s->chosen->rows) {
        for (; s->done < s->end && s->chosen->rows[s->done] < s->row + n; s->done++)
            memmove(rows + m++ * row_bytes, rows + (s->chosen->rows[s->done] - s->row) * row_bytes,
                    row_bytes);
    } else {
        s->done += m = n;
    }
    s->row += n;
    return m;
}

/* The chosen ones of the next block, *n of them; those of a pipe are kept. False at the end, to
 * which a pipe must be read. */
static bool source_read(struct source *s, uint8_t *rows, size_t *n)
{
    size_t row_bytes = s->t->row_bytes, before = s->done, got = tensor_read(s->t, rows, s->block);
    *n = choose(s, rows, got);
    if (s->kept)
        memcpy(s->kept + before * row_bytes, rows, *n * row_bytes);
    else if (s->scratch >= 0)
        scratch_write(s->scratch, rows, *n * row_bytes);
    return got > 0;
}

/* From here on source_read_again gives the chosen rows FIRST to END-1. */
static void source_range(struct source *s, size_t first, size_t end)
{
    s->done = first;
    s->end = end;
    s->row = s->chosen->rows && first < end ? s->chosen->rows[first] : first;
}

/* The same once more, of the range. */
static bool source_read_again(struct source *s, uint8_t *rows, size_t *n)
{
    size_t row_bytes = s->t->row_bytes, left = s->end - s->done, got;
    bool is_kept = s->kept || s->scratch >= 0;
    if (!is_kept && s->chosen->rows && left > 0) /* with others between them */
        left = s->t->n_rows - s->row;
    *n = got = smaller(s->block, left);
    if (s->kept)
        memcpy(rows, s->kept + s->done * row_bytes, got * row_bytes);
    else if (s->scratch >= 0)
        scratch_read(s->scratch, rows, got * row_bytes, s->done * row_bytes);
    else if (got > 0)
        tensor_read_at(s->t, rows, s->row, got);
    if (is_kept)
        s->done += got;
    else
        *n = choose(s, rows, got);
    return got > 0;
}

static void source_release(struct source *s)
{
    free(s->kept);
    if (s->scratch >= 0)
        close(s->scratch);
}

/* crops (5,H,W,3) of image (H,W,3). */
static void crop_image(uint8_t *crops, const uint8_t *image, size_t H, size_t W, size_t margin)
{
    enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
    const size_t corner[CROPS][2] = {
        {margin, margin}, {0, margin}, {0, 0}, {margin, 0}, {margin / 2, margin / 2}};
    for (int k = 0; k < CROPS; k++)
        resize_bilinear(crops + (size_t)k * H * W * RGB, H, W,
                        image + (corner[k][0] * W + corner[k][1]) * RGB, H - margin, W - margin,
                        W * RGB);
    profile_leave(before);
}

static void write_block(struct tensor_writer *w, struct source *s, const uint8_t *rows, size_t n)
{
    tensor_write(w, rows, n);
    s->written += n;
    progress_show(s->written, s->wanted, "%zu of %zu images", s->written, s->wanted);
}

static void write_images(struct tensor_writer *w, struct source *s,
                         bool read(struct source *s, uint8_t *rows, size_t *n))
{
    uint8_t *rows = xmalloc(s->block * s->t->row_bytes);
    for (size_t n = 0; read(s, rows, &n);)
        write_block(w, s, rows, n);
    free(rows);
}

/* Crops a block on all threads while one of them writes the block before. Of the crops of the range
 * SKIP are left out, and then COUNT written. */
static void write_crops(struct tensor_writer *w, struct source *s, size_t margin, size_t skip,
                        size_t count)
{
    size_t H = s->t->header.shape[1], W = s->t->header.shape[2], row_bytes = s->t->row_bytes,
           n[2] = {0, 0};
    uint8_t *rows = xmalloc(s->block * row_bytes);
    uint8_t *crops[2] = {xmalloc(CROPS * s->block * row_bytes),
                         xmalloc(CROPS * s->block * row_bytes)};
    bool more = true;
    enum profile_part before;
    before = profile_enter(PROFILE_WAITING);
#pragma omp parallel
    for (int k = 0; more; k = !k) {
#pragma omp barrier
#pragma omp single
        more = source_read_again(s, rows, &n[k]);
#pragma omp single nowait
        if (n[!k] > 0) {
            const size_t m = smaller(CROPS * n[!k] - skip, count);
            write_block(w, s, crops[!k] + skip * row_bytes, m);
            count -= m;
            skip = 0;
        }
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < n[k]; i++)
            crop_image(crops[k] + i * CROPS * row_bytes, rows + i * row_bytes, H, W, margin);
    }
    profile_leave(before);
    free(rows);
    free(crops[0]);
    free(crops[1]);
}

/* The rows FIRST to FIRST+N-1 of the output, or all, that there are: images, then crops. */
static void write_rows(struct tensor_writer *w, struct source *s, size_t margin, size_t first,
                       size_t n)
{
    size_t images = s->chosen->n, end = first + n, crop = first > images ? first - images : 0;
    if (!shard_is_wanted()) {
        write_images(w, s, source_read);
    } else {
        source_range(s, smaller(first, images), smaller(end, images));
        write_images(w, s, source_read_again);
    }
    if (end <= images)
        return;
    source_range(s, crop / CROPS, divide_up(end - images, CROPS));
    write_crops(w, s, margin, crop % CROPS, end - images - crop);
}

static void check_margin(const struct tensor_reader *t, int64_t margin)
{
    if ((size_t)margin >= t->header.shape[1] || (size_t)margin >= t->header.shape[2])
        die_file(tensor_path(t), "images of %zux%zu, want more than the margin of %lld",
                 t->header.shape[1], t->header.shape[2], (long long)margin);
}

int main(int argc, char **argv)
{
    struct selection_options chosen_by = {.split = INDEX_ALL};
    int64_t margin = 20;
    const struct cli_option options[] = {
        {"margin", CLI_INT, &margin, 0, 1 << 20, NULL, CLI_SETTING,
         "rows and columns that a crop leaves out; 0: no crops"},
        {"split", CLI_CHOICE, &chosen_by.split, 0, 0, "train|test|all", CLI_SETTING,
         "only images of this split"},
        {"index", CLI_TEXT, &chosen_by.index, 0, 0, "FILE", CLI_INPUT,
         "index of the images: for --split"},
        shard_option(),
        tensor_option(),
        {0},
    };
    struct cli cli = {
        .tool = "augment",
        .synopsis = "IMAGES -o OUT",
        .options = options,
        .summary = "Makes training images: IMAGES (N,H,W,3) first, then five crops of each, "
                   "resized back: (6N,H,W,3), uint8.",
        .example = "augment images.npy.zst --index images.tsv --split train -o train-0.npy.zst",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct history *h;
    struct tensor_reader *t;
    struct selection chosen;
    struct source s;
    struct npy_header header;
    struct tensor_writer *w;
    size_t first, n;
    cli_parse(&cli, argc, argv);
    h = shard_history(&cli, REVISION);
    t = tensor_open(cli.arguments[0]);
    tensor_want(t, NPY_U8, 4, (size_t[]){0, 0, 0, RGB});
    shard_want_file(t);
    check_margin(t, margin);
    chosen = selection_read(&chosen_by, t);
    if (selection_is_current(&chosen, t, h, cli.output))
        return 0;
    source_init(&s, t, &chosen, margin > 0, (size_t)cli.memory);
    header = t->header;
    header.shape[0] = chosen.n * (margin ? 1 + CROPS : 1);
    w = shard_create(cli.output, &header, &first, &n);
    s.wanted = n;
    write_rows(w, &s, (size_t)margin, first, n);
    progress_end();
    source_release(&s);
    selection_finish(&chosen, t, h);
    tensor_commit(w, h);
    selection_release(&chosen);
    tensor_close(t);
    history_free(h);
    return 0;
}
