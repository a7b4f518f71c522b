#include "files/tensor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"
#include "files/record.h"

static int64_t level_wanted = TENSOR_LEVEL;

enum { BLOCK = 1 << 20, FRAME_CONTENT = 2 << 20, MAX_FRAME_CONTENT = (64 << 20) - 2 * NPY_FIXED };

static size_t rows_per_frame(size_t row_bytes)
{
    if (row_bytes == 0)
        return SIZE_MAX;
    return row_bytes < FRAME_CONTENT ? FRAME_CONTENT / row_bytes : 1;
}

/* --- reading --- */

/* Reads the header's LEN bytes, of which the first 12 are there already. */
static void read_header(struct tensor_reader *t, size_t *header_len)
{
    unsigned char data[NPY_MAX_HEADER];
    const char *bad;
    size_t len;

    len = zio_read(t->file, data, 12);
    if (len == 0)
        die_file(zio_path(t->file), "is empty");
    if (len < 12 || npy_header_length(data) == 0)
        die_file(zio_path(t->file), "not an NPY file");
    len = npy_header_length(data);
    if (len < 12 || len > sizeof data)
        die_file(zio_path(t->file), "damaged NPY header: %zu bytes long", len);
    if (zio_read(t->file, data + 12, len - 12) < len - 12)
        die_file(zio_path(t->file), "cut short: ends inside the NPY header");
    bad = npy_parse(&t->header, &t->stored, data, len);
    if (bad)
        die_file(zio_path(t->file), "%s", bad);
    *header_len = len;
}

/* Of a row in the file; at most row_bytes, unless tensor_want asked for float32. */
static size_t stored_bytes(const struct tensor_reader *t)
{
    return t->row_items * t->stored.size;
}

struct tensor_reader *tensor_from(struct zio_reader *file)
{
    struct tensor_reader *t = xcalloc(1, sizeof *t);
    char shape[NPY_MAX_RANK * 21 + 4];
    const char *path = zio_path(file);
    uint64_t want;

    t->file = file;
    read_header(t, &t->data_start);
    if (t->header.rank == 0)
        die_file(path, "a single number, want rows");
    t->n_rows = t->end_row = t->header.shape[0];
    t->row_items = npy_count(&t->header, 1);
    t->row_bytes = t->row_items * npy_item_size(t->header.dtype);
    npy_format_shape(&t->header, shape, sizeof shape);
    if (t->row_items == 0)
        die_file(path, "shape %s: rows without numbers", shape);
    if (t->row_bytes > MAX_FRAME_CONTENT)
        die_file(path, "rows of %zu bytes, at most 64 MiB", t->row_bytes);
    want = t->data_start + (uint64_t)t->n_rows * stored_bytes(t);
    if (zio_is_seekable(t->file) && zio_length(t->file) != want)
        die_file(path, "%llu bytes of content, shape %s wants %llu",
                 (unsigned long long)zio_length(t->file), shape, (unsigned long long)want);
    return t;
}

size_t tensor_memory(size_t row_bytes)
{
    return zio_memory(larger(FRAME_CONTENT, row_bytes));
}

struct tensor_reader *tensor_open(const char *path)
{
    return tensor_from(zio_open(path));
}

/* "(N,80,80,3)": N for the number of rows where it does not matter, * where another dimension does
 * not. */
static void format_sizes(const size_t *sizes, int rank, bool any_rows, bool exact, char *text,
                         size_t size)
{
    size_t used = 0;

    for (int i = 0; i < rank && used < size; i++) {
        used += snprintf(text + used, size - used, "%s", i ? "," : "(");
        if (used < size && i == 0 && any_rows)
            used += snprintf(text + used, size - used, "N");
        else if (used < size && sizes && (sizes[i] || exact))
            used += snprintf(text + used, size - used, "%zu", sizes[i]);
        else if (used < size)
            used += snprintf(text + used, size - used, "*");
    }
    if (used < size)
        snprintf(text + used, size - used, rank == 1 ? ",)" : ")");
}

void tensor_want(struct tensor_reader *t, int dtype, int rank, const size_t *want)
{
    struct npy_header *h = &t->header;
    bool any_rows = !want || want[0] == 0;
    bool fits = h->rank == rank;
    char got_shape[NPY_MAX_RANK * 21 + 4], want_shape[NPY_MAX_RANK * 21 + 4];

    if (dtype < 0 && h->dtype != NPY_U8) {
        h->dtype = NPY_F32;
        t->row_bytes = t->row_items * sizeof(float);
    }
    if (dtype >= 0 && h->dtype != (enum npy_dtype)dtype)
        die_file(tensor_path(t), "dtype %s, want %s", npy_dtype_name(h->dtype),
                 npy_dtype_name(dtype));
    for (int i = 0; fits && want && i < rank; i++)
        fits = want[i] == 0 || want[i] == h->shape[i];
    if (fits)
        return;
    format_sizes(h->shape, h->rank, any_rows, true, got_shape, sizeof got_shape);
    format_sizes(want, rank, any_rows, false, want_shape, sizeof want_shape);
    die_file(tensor_path(t), "shape %s, want %s", got_shape, want_shape);
}

size_t tensor_block(const struct tensor_reader *t)
{
    return t->row_bytes > BLOCK ? 1 : BLOCK / (t->row_bytes ? t->row_bytes : 1);
}

/* N rows, from FIRST on, that stand at FROM as the file has them. */
static void convert(const struct tensor_reader *t, void *rows, const void *from, size_t first,
                    size_t n)
{
    size_t items = n * t->row_items,
           fit = npy_convert(rows, t->header.dtype, from, &t->stored, items);

    if (fit < items)
        die_file(tensor_path(t), "row %zu holds a number that int64 does not hold",
                 first + fit / t->row_items);
}

size_t tensor_read(struct tensor_reader *t, void *rows, size_t n)
{
    const size_t left = t->end_row - t->next_row, bytes = stored_bytes(t);
    const bool same = npy_is(&t->stored, t->header.dtype);
    void *to;
    size_t got;
    char beyond;

    n = smaller(n, left);
    to = same ? rows : xmalloc(n * bytes);
    got = zio_read(t->file, to, n * bytes);
    if (got < n * bytes)
        die_file(tensor_path(t), "cut short: ends in row %zu of %zu", t->next_row + got / bytes,
                 t->n_rows);
    if (!same) {
        convert(t, rows, to, t->next_row, n);
        free(to);
    }
    t->next_row += n;
    if (t->next_row == t->n_rows && zio_read(t->file, &beyond, 1) > 0)
        die_file(tensor_path(t), "more data than its shape says");
    return n;
}

void tensor_read_at(struct tensor_reader *t, void *rows, size_t first, size_t n)
{
    const size_t bytes = stored_bytes(t);
    const bool same = npy_is(&t->stored, t->header.dtype);
    void *to = same ? rows : xmalloc(n * bytes);

    assert(first <= t->n_rows && n <= t->n_rows - first);
    zio_read_at(t->file, to, n * bytes, t->data_start + (uint64_t)first * bytes);
    if (!same) {
        convert(t, rows, to, first, n);
        free(to);
    }
}

void tensor_range(struct tensor_reader *t, size_t first, size_t n)
{
    const uint64_t from = t->data_start + (uint64_t)first * stored_bytes(t);

    assert(t->next_row == 0 && first <= t->n_rows && n <= t->n_rows - first);
    zio_range(t->file, from, from + (uint64_t)n * stored_bytes(t));
    t->next_row = first;
    t->end_row = first + n;
}

bool tensor_is_seekable(const struct tensor_reader *t)
{
    return zio_is_seekable(t->file);
}

const char *tensor_path(const struct tensor_reader *t)
{
    return zio_path(t->file);
}

void tensor_digest(struct tensor_reader *t, char digest[DIGEST_SIZE])
{
    const char *text = zio_history(t->file);

    if (!text || !record_digest(text, digest, DIGEST_SIZE))
        zio_reader_digest(t->file, digest);
}

void tensor_add_to_history(struct tensor_reader *t, struct history *h)
{
    const char *text = zio_history(t->file);
    char digest[DIGEST_SIZE];

    if (history_audits(h) || !text || !record_digest(text, digest, sizeof digest)) {
        zio_reader_digest(t->file, digest);
        text = zio_history(t->file);
    }
    history_input(h, digest, text);
    if (tensor_is_seekable(t))
        zio_spare_digest(t->file);
}

const char *tensor_history(struct tensor_reader *t)
{
    return zio_history(t->file);
}

void tensor_close(struct tensor_reader *t)
{
    zio_close(t->file);
    free(t);
}

/* --- writing --- */

struct tensor_writer {
    struct npy_header header;
    struct zio_writer *file;
    bool may_differ; /* the number of rows from that of the header */
    bool held;       /* on the way to a pipe */
    bool plain;      /* without frames */
    size_t row_bytes;
    size_t frame_rows; /* rows a frame holds */
    size_t rows;       /* written so far */
};

static void write_header(struct tensor_writer *w, unsigned char *data, size_t *len)
{
    *len = npy_format(&w->header, data, NPY_FIXED * 2);
    assert(*len <= NPY_FIXED * 2);
}

struct cli_option tensor_option(void)
{
    return (struct cli_option){"level",
                               CLI_INT,
                               &level_wanted,
                               -50,
                               19,
                               NULL,
                               0,
                               "zstd level of the output: 0 stores it as it is, -50 is fast, 19 is "
                               "small; default: by its kind"};
}

/* By the header alone, so that parts of a tensor and their whole are compressed alike. */
static int level_of(const struct npy_header *header)
{
    return header->dtype == NPY_F32 && header->rank == 4 ? ZIO_STORED : ZIO_LEVEL;
}

static bool is_plain(const char *path)
{
    size_t len = path ? strlen(path) : 0;

    return len >= 4 && strcmp(path + len - 4, ".npy") == 0;
}

static struct tensor_writer *create(const char *path, const struct npy_header *header, int level,
                                    bool may_differ)
{
    struct tensor_writer *w = xcalloc(1, sizeof *w);
    unsigned char data[NPY_FIXED * 2];
    size_t items, len;

    assert(header->rank >= 1);
    w->header = *header;
    items = npy_count(header, 1);
    if (items > MAX_FRAME_CONTENT / npy_item_size(header->dtype))
        die("a row of %zu numbers is too long, at most 64 MiB", items);
    w->row_bytes = items * npy_item_size(header->dtype);
    w->frame_rows = rows_per_frame(w->row_bytes);
    w->plain = is_plain(path) || level == ZIO_PLAIN;
    level = level == TENSOR_LEVEL ? (int)level_wanted : level;
    level = level == TENSOR_LEVEL ? level_of(header) : level;
    w->file = zio_create(path, w->plain ? ZIO_PLAIN : level);
    w->may_differ = may_differ;
    w->held = may_differ && zio_hold(w->file);
    write_header(w, data, &len);
    zio_write(w->file, data, len);
    return w;
}

struct tensor_writer *tensor_create(const char *path, const struct npy_header *header, int level)
{
    return create(path, header, level, false);
}

struct tensor_writer *tensor_create_expecting(const char *path, const struct npy_header *header,
                                              int level)
{
    return create(path, header, level, true);
}

struct tensor_writer *tensor_create_part(const char *path, const struct npy_header *header,
                                         int level, bool expecting)
{
    struct tensor_writer *w = create(path, header, level, expecting);

    zio_end_frame(w->file);
    return w;
}

size_t tensor_frame_rows(const struct npy_header *header)
{
    return rows_per_frame(npy_count(header, 1) * npy_item_size(header->dtype));
}

static void write_rows(struct tensor_writer *w, const void *rows, size_t n, bool lasting)
{
    const unsigned char *at = rows;

    while (n > 0) {
        size_t used = w->rows % w->frame_rows;
        size_t take = smaller(n, w->frame_rows - used);

        (lasting ? zio_write_lasting : zio_write)(w->file, at, take * w->row_bytes);
        if (used + take == w->frame_rows)
            zio_end_frame(w->file);
        w->rows += take;
        at += take * w->row_bytes;
        n -= take;
    }
}

void tensor_write(struct tensor_writer *w, const void *rows, size_t n)
{
    write_rows(w, rows, n, false);
}

void tensor_write_lasting(struct tensor_writer *w, const void *rows, size_t n)
{
    write_rows(w, rows, n, true);
}

void tensor_wait(struct tensor_writer *w)
{
    zio_wait(w->file);
}

/* Whether the frames of T behind its header can stand in W as they are. */
static bool is_part(const struct tensor_writer *w, const struct tensor_reader *t)
{
    const size_t frames = t->n_rows / w->frame_rows + (t->n_rows % w->frame_rows > 0);

    return !w->plain && w->rows % w->frame_rows == 0 && zio_n_frames(t->file) == 1 + frames;
}

/* Reads up to MOST rows of T and writes them. */
static void write_rows_of(struct tensor_writer *w, struct tensor_reader *t, size_t most)
{
    const size_t block = tensor_block(t);
    void *rows = xmalloc(block * t->row_bytes);

    for (size_t n; (n = tensor_read(t, rows, smaller(most, block))) > 0; most -= n)
        tensor_write(w, rows, n);
    free(rows);
}

void tensor_append(struct tensor_writer *w, struct tensor_reader *t)
{
    const bool part = is_part(w, t), last = w->rows + t->n_rows == w->header.shape[0];
    size_t left, frames;

    assert(w->row_bytes == t->row_bytes && t->next_row == 0);
    if (part && w->rows == 0) /* the first frame of the whole holds its header too */
        write_rows_of(w, t, w->frame_rows);
    left = t->n_rows - t->next_row;
    frames = part ? left / w->frame_rows : 0;
    if (part && last && left % w->frame_rows > 0) /* of less than a frame the whole has but one */
        frames++;
    if (frames > 0) {
        size_t n = smaller(frames * w->frame_rows, left);

        zio_copy_frames(w->file, t->file, frames);
        w->rows += n;
        t->next_row += n;
    }
    write_rows_of(w, t, t->n_rows);
}

/* The header of the rows that were written instead of that of those expected. */
static void revise_header(struct tensor_writer *w)
{
    unsigned char data[NPY_FIXED * 2];
    size_t len, old_len;

    write_header(w, data, &old_len);
    w->header.shape[0] = w->rows;
    write_header(w, data, &len);
    zio_revise(w->file, data, len, old_len);
}

void tensor_commit(struct tensor_writer *w, const struct history *h)
{
    char digest[DIGEST_SIZE], *text = NULL;

    assert(w->may_differ || w->rows == w->header.shape[0]);
    if (w->held || w->rows != w->header.shape[0])
        revise_header(w);
    if (h) {
        zio_writer_digest(w->file, digest);
        text = history_text(h, digest);
    }
    tensor_commit_text(w, text);
    free(text);
}

void tensor_writer_digest(struct tensor_writer *w, char digest[DIGEST_SIZE])
{
    zio_writer_digest(w->file, digest);
}

void tensor_commit_text(struct tensor_writer *w, const char *text)
{
    zio_commit(w->file, text);
    free(w);
}
