#include "zio.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "frames.h"
#include "report.h"
#include "whole.h"

enum { BLOCK = 1 << 20 };            /* plain bytes are written, and pipes read, in such blocks */
enum { WINDOW_LOG_MAX = 25 };        /* what plain zstd asks for up to level 20; 32 MiB */

static void format_digest(XXH3_state_t *state, char digest[ZIO_DIGEST_SIZE])
{
    XXH128_canonical_t bytes;

    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(state));
    strcpy(digest, "xxh128:");
    for (int i = 0; i < 16; i++)
        sprintf(digest + 7 + 2 * i, "%02x", bytes.digest[i]);
}

static XXH3_state_t *new_hash(void)
{
    XXH3_state_t *state = XXH3_createState();

    if (!state)
        die("out of memory: a hash wanted");
    XXH3_128bits_reset(state);
    return state;
}

/* --- writing --- */

struct zio_writer {
    char *path;                      /* NULL: standard output */
    struct whole *file;
    int level;
    unsigned char *buffer;           /* the current frame's content */
    size_t used, capacity;
    unsigned char *stored;           /* a frame as stored */
    size_t stored_capacity;
    ZSTD_CCtx *compressor;
    struct frames frames;
    XXH3_state_t *hash;              /* of all content; while frames are held, of nothing */
    int held;                        /* the scratch file of the frames that are held, or -1 */
};

struct zio_writer *zio_create(const char *path, int level)
{
    struct zio_writer *w = xcalloc(1, sizeof *w);

    w->path = path && strcmp(path, "-") != 0 ? xstrdup(path) : NULL;
    w->file = whole_create(path);
    w->level = level;
    w->held = -1;
    w->hash = new_hash();
    if (level != ZIO_TEXT && whole_is_terminal(w->file)) {
        if (w->path)
            die_usage("'%s': is a terminal", w->path);
        die_usage("standard output is a terminal; use -o FILE");
    }
    if (level > 0) {
        w->compressor = ZSTD_createCCtx();
        if (!w->compressor || ZSTD_isError(ZSTD_CCtx_setParameter(w->compressor, ZSTD_c_compressionLevel, level))
            || ZSTD_isError(ZSTD_CCtx_setParameter(w->compressor, ZSTD_c_checksumFlag, 1)))
            die("zstd: no compression at level %d", level);
    }
    return w;
}

static void put(struct zio_writer *w, const void *data, size_t len)
{
    const char *at = data;

    if (w->held < 0) {
        whole_write(w->file, data, len);
        return;
    }
    while (len > 0) {
        ssize_t n = write(w->held, at, len);

        if (n < 0 && errno != EINTR)
            whole_fail(w->file, strerror(errno));
        at += n > 0 ? n : 0;
        len -= n > 0 ? n : 0;
    }
}

static void put_frame(struct zio_writer *w, const void *data, size_t len)
{
    size_t bound = ZSTD_compressBound(len), stored;

    if (w->stored_capacity < bound) {
        w->stored_capacity = bound;
        w->stored = xrealloc(w->stored, bound, 1);
    }
    stored = ZSTD_compress2(w->compressor, w->stored, bound, data, len);
    if (ZSTD_isError(stored))
        die("zstd: %s", ZSTD_getErrorName(stored));
    frames_add(&w->frames, w->stored, stored, len);
    put(w, w->stored, stored);
}

void zio_write(struct zio_writer *w, const void *data, size_t len)
{
    size_t most = w->level > 0 ? FRAMES_MAX_CONTENT : BLOCK;

    if (w->used + len > most) {
        size_t n = most - w->used;

        zio_write(w, data, n);
        zio_end_frame(w);
        zio_write(w, (const char *)data + n, len - n);
        return;
    }
    if (w->held < 0)
        XXH3_128bits_update(w->hash, data, len);
    if (w->used + len > w->capacity) {
        w->capacity = w->used + len > 2 * w->capacity ? w->used + len : 2 * w->capacity;
        w->buffer = xrealloc(w->buffer, w->capacity, 1);
    }
    if (len)
        memcpy(w->buffer + w->used, data, len);
    w->used += len;
}

void zio_end_frame(struct zio_writer *w)
{
    if (w->used == 0)
        return;
    if (w->level > 0)
        put_frame(w, w->buffer, w->used);
    else
        put(w, w->buffer, w->used);
    w->used = 0;
}

void zio_hold(struct zio_writer *w)
{
    assert(w->held < 0 && w->frames.n == 0 && w->used == 0);
    w->held = whole_scratch(w->path);
}

static void read_held(struct zio_writer *w, int held, void *data, size_t len)
{
    char *at = data;

    while (len > 0) {
        ssize_t n = read(held, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            whole_fail(w->file, n < 0 ? strerror(errno) : "its temporary file is cut short");
        at += n;
        len -= n;
    }
}

/* The digest goes over the content in its final order, so what was held is decompressed once more. */
static void put_held_frame(struct zio_writer *w, int held, const struct frame *frame)
{
    size_t content;

    if (w->capacity < frame->content) {
        w->capacity = frame->content;
        w->buffer = xrealloc(w->buffer, w->capacity, 1);
    }
    read_held(w, held, w->stored, frame->stored);
    content = ZSTD_decompress(w->buffer, frame->content, w->stored, frame->stored);
    if (content != frame->content)
        whole_fail(w->file, "its temporary file is damaged");
    XXH3_128bits_update(w->hash, w->buffer, content);
    frames_append(&w->frames, *frame);
    put(w, w->stored, frame->stored);
}

void zio_write_first(struct zio_writer *w, const void *data, size_t len)
{
    struct frames later;
    off_t left;
    int held = w->held;

    assert(held >= 0);
    zio_end_frame(w);
    left = lseek(held, 0, SEEK_CUR);
    if (left < 0 || lseek(held, 0, SEEK_SET) != 0)
        whole_fail(w->file, strerror(errno));
    later = w->frames;
    w->frames = (struct frames){0};
    w->held = -1;
    zio_write(w, data, len);
    zio_end_frame(w);
    for (size_t i = 0; i < later.n; i++)
        put_held_frame(w, held, &later.list[i]);
    for (; w->level <= 0 && left > 0; left -= left > BLOCK ? BLOCK : left) {
        char *block = xmalloc(BLOCK);
        size_t n = left > BLOCK ? BLOCK : left;

        read_held(w, held, block, n);
        zio_write(w, block, n);
        free(block);
    }
    frames_release(&later);
    close(held);
}

void zio_writer_digest(struct zio_writer *w, char digest[ZIO_DIGEST_SIZE])
{
    format_digest(w->hash, digest);
}

static void release_writer(struct zio_writer *w)
{
    if (w->held >= 0)
        close(w->held);
    frames_release(&w->frames);
    XXH3_freeState(w->hash);
    ZSTD_freeCCtx(w->compressor);
    free(w->buffer);
    free(w->stored);
    free(w->path);
    free(w);
}

void zio_commit(struct zio_writer *w, const char *history)
{
    assert(w->held < 0);
    zio_end_frame(w);
    if (w->level > 0) {
        size_t len;
        unsigned char *tail = frames_format(&w->frames, history, &len);

        put(w, tail, len);
        free(tail);
    }
    whole_commit(w->file);
    release_writer(w);
}

void zio_abandon(struct zio_writer *w)
{
    whole_abandon(w->file);
    release_writer(w);
}

/* --- reading --- */

/* What stands next in a pipe. */
enum place { AT_FRAME, IN_FRAME, AT_END };

struct zio_reader {
    char *path;
    int fd;
    bool framed;                     /* zstd; otherwise plain bytes */
    bool seekable;
    uint64_t length;                 /* of the content; UINT64_MAX: not known */
    struct frames frames;
    char *history;

    uint64_t position;               /* in the content: what zio_read gives next */
    XXH3_state_t *hash;              /* of what zio_read gave */
    bool ended;                      /* zio_read returned 0 */
    struct block { unsigned char *data, *stored; size_t index, capacity, stored_capacity; } block;  /* the frame being read */

    /* of a pipe only */
    unsigned char ahead[16];         /* what zio_peek took */
    size_t n_ahead;
    unsigned char *in;               /* BLOCK bytes */
    size_t in_used, in_len;
    bool in_ended;
    enum place place;
    ZSTD_DCtx *decompressor;
    XXH64_state_t *frame_hash;       /* of the current frame as stored */
    uint64_t frame_stored, frame_content;
    XXH64_state_t *seen;             /* of sizes and hashes of all frames so far, to be held against the record */
    size_t n_seen;
    unsigned char *tail;             /* record frame and seek table */
    size_t tail_len, tail_capacity;
};

static const char *reason(char error[ZIO_ERROR], const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *reason(char error[ZIO_ERROR], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, ZIO_ERROR, format, arguments);
    va_end(arguments);
    return error;
}

static const char *pread_all(int fd, void *data, size_t len, uint64_t offset, char error[ZIO_ERROR])
{
    char *at = data;

    while (len > 0) {
        ssize_t n = pread(fd, at, len, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return reason(error, "%s", n < 0 ? strerror(errno) : "was cut short while being read");
        at += n;
        offset += n;
        len -= n;
    }
    return NULL;
}

/* Record frame and seek table of a regular file of FILE_LEN bytes. */
static const char *read_tail(struct zio_reader *r, uint64_t file_len, char error[ZIO_ERROR])
{
    unsigned char end[FRAMES_END];
    unsigned char *tail;
    uint64_t len = 0;
    const char *bad;

    if (file_len < FRAMES_END)
        return reason(error, "no seek table at its end: cut short, or not written by kasane");
    bad = pread_all(r->fd, end, FRAMES_END, file_len - FRAMES_END, error);
    if (!bad)
        bad = frames_tail_length(&len, end, file_len);
    if (bad)
        return reason(error, "%s", bad);
    tail = xmalloc(len);
    bad = pread_all(r->fd, tail, len, file_len - len, error);
    if (!bad)
        bad = frames_parse(&r->frames, &r->history, tail, len);
    free(tail);
    if (bad)
        return reason(error, "%s", bad);
    if (frames_stored(&r->frames) != file_len - len)
        return reason(error, "%llu bytes before its record, its seek table says %llu: cut, or something was added",
                      (unsigned long long)(file_len - len), (unsigned long long)frames_stored(&r->frames));
    r->length = frames_content(&r->frames);
    return NULL;
}

static const char *open_regular(struct zio_reader *r, uint64_t file_len, char error[ZIO_ERROR])
{
    unsigned char magic[4] = {0};
    const char *bad = pread_all(r->fd, magic, file_len < 4 ? file_len : 4, 0, error);

    r->seekable = true;
    r->length = file_len;
    r->framed = frames_u32(magic) == FRAMES_MAGIC_DATA || frames_u32(magic) == FRAMES_MAGIC_RECORD;
    if (!bad && r->framed)
        bad = read_tail(r, file_len, error);
    return bad;
}

/* Reads until WANTED bytes are there, or the pipe ends. */
static const char *fill(struct zio_reader *r, size_t wanted, char error[ZIO_ERROR])
{
    if (r->in_used > 0 && r->in_len - r->in_used < wanted) {
        memmove(r->in, r->in + r->in_used, r->in_len - r->in_used);
        r->in_len -= r->in_used;
        r->in_used = 0;
    }
    while (r->in_len - r->in_used < wanted && !r->in_ended) {
        ssize_t n = read(r->fd, r->in + r->in_len, BLOCK - r->in_len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return reason(error, "%s", strerror(errno));
        r->in_ended = n == 0;
        r->in_len += n;
    }
    return NULL;
}

static const char *open_pipe(struct zio_reader *r, char error[ZIO_ERROR])
{
    const char *bad;
    uint32_t magic;

    r->length = UINT64_MAX;
    r->in = xmalloc(BLOCK);
    bad = fill(r, 4, error);
    if (bad)
        return bad;
    magic = r->in_len >= 4 ? frames_u32(r->in) : 0;
    r->framed = magic == FRAMES_MAGIC_DATA || (magic & 0xFFFFFFF0) == 0x184D2A50;
    r->decompressor = ZSTD_createDCtx();
    r->frame_hash = XXH64_createState();
    r->seen = XXH64_createState();
    if (!r->decompressor || !r->frame_hash || !r->seen)
        die("out of memory: a decompressor wanted");
    XXH64_reset(r->seen, 0);
    ZSTD_DCtx_setParameter(r->decompressor, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return NULL;
}

const char *zio_try_open(struct zio_reader **reader, const char *path, char error[ZIO_ERROR])
{
    struct zio_reader *r = xcalloc(1, sizeof *r);
    struct stat st;

    *reader = r;
    r->path = xstrdup(path);
    r->hash = new_hash();
    r->block.index = SIZE_MAX;
    r->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return reason(error, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return reason(error, "is a directory");
    if (S_ISREG(st.st_mode) && lseek(r->fd, 0, SEEK_CUR) == 0)
        return open_regular(r, st.st_size, error);
    return open_pipe(r, error);
}

/* Frame I into CONTENT, its whole content. */
static const char *decode_frame(const struct zio_reader *r, size_t i, void *content, void *stored, char error[ZIO_ERROR])
{
    const struct frame *f = &r->frames.list[i];
    const char *bad = pread_all(r->fd, stored, f->stored, f->start, error);
    size_t got;

    if (bad)
        return bad;
    if (XXH64(stored, f->stored, 0) != f->hash)
        return reason(error, "damaged: frame %zu of %zu, at byte %llu", i + 1, r->frames.n, (unsigned long long)f->start);
    got = ZSTD_decompress(content, f->content, stored, f->stored);
    if (got != f->content || frames_u32((unsigned char *)stored + f->stored - 4) != f->checksum)
        return reason(error, "damaged: frame %zu of %zu: %s", i + 1, r->frames.n,
                      ZSTD_isError(got) ? ZSTD_getErrorName(got) : "not what the seek table says");
    return NULL;
}

static const char *load_block(const struct zio_reader *r, struct block *b, size_t i, char error[ZIO_ERROR])
{
    const struct frame *f = &r->frames.list[i];

    if (b->index == i)
        return NULL;
    b->index = SIZE_MAX;
    if (b->capacity < f->content) {
        b->capacity = f->content;
        b->data = xrealloc(b->data, b->capacity, 1);
    }
    if (b->stored_capacity < f->stored) {
        b->stored_capacity = f->stored;
        b->stored = xrealloc(b->stored, b->stored_capacity, 1);
    }
    if (decode_frame(r, i, b->data, b->stored, error))
        return error;
    b->index = i;
    return NULL;
}

static const char *read_frames(const struct zio_reader *r, struct block *b, void *data, size_t len, uint64_t offset, char error[ZIO_ERROR])
{
    char *at = data;

    while (len > 0) {
        size_t i = frames_find(&r->frames, offset);
        size_t skip = offset - r->frames.list[i].offset;
        size_t n = r->frames.list[i].content - skip;

        if (load_block(r, b, i, error))
            return error;
        n = n < len ? n : len;
        memcpy(at, b->data + skip, n);
        at += n;
        offset += n;
        len -= n;
    }
    return NULL;
}

const char *zio_try_read_at(struct zio_reader *r, void *data, size_t len, uint64_t offset, char error[ZIO_ERROR])
{
    struct block b = {.index = SIZE_MAX};
    const char *bad;

    assert(r->seekable);
    if (offset > r->length || len > r->length - offset)
        return reason(error, "cut short: %llu bytes of content, want %llu", (unsigned long long)r->length, (unsigned long long)(offset + len));
    if (!r->framed)
        return pread_all(r->fd, data, len, offset, error);
    bad = read_frames(r, &b, data, len, offset, error);
    free(b.data);
    free(b.stored);
    return bad;
}

static void see_frame(XXH64_state_t *seen, uint64_t stored, uint64_t content, uint64_t hash)
{
    uint64_t values[3] = {stored, content, hash};

    XXH64_update(seen, values, sizeof values);
}

/* Keeps the skippable frame that comes next, record or seek table, for check_tail; passes over those of others. */
static const char *take_skippable(struct zio_reader *r, uint32_t magic, char error[ZIO_ERROR])
{
    bool ours = magic == FRAMES_MAGIC_RECORD || magic == FRAMES_MAGIC_TABLE;
    uint64_t left;

    if (fill(r, 8, error))
        return error;
    if (r->in_len - r->in_used < 8)
        return reason(error, "cut short: ends inside a frame's head");
    left = 8 + (uint64_t)frames_u32(r->in + r->in_used + 4);
    while (left > 0) {
        size_t n;

        if (fill(r, 1, error))
            return error;
        n = r->in_len - r->in_used;
        if (n == 0)
            return reason(error, "cut short: ends inside its %s", ours ? "record or seek table" : "skippable frame");
        n = n < left ? n : left;
        if (ours && r->tail_len + n > r->tail_capacity) {
            r->tail_capacity = 2 * r->tail_capacity + n;
            r->tail = xrealloc(r->tail, r->tail_capacity, 1);
        }
        if (ours) {
            memcpy(r->tail + r->tail_len, r->in + r->in_used, n);
            r->tail_len += n;
        }
        r->in_used += n;
        left -= n;
    }
    if (magic == FRAMES_MAGIC_TABLE)
        r->place = AT_END;
    return NULL;
}

/* At the end of a pipe: whether what came is what the record and the seek table speak of. */
static const char *check_tail(struct zio_reader *r, char error[ZIO_ERROR])
{
    XXH64_state_t *said;
    const char *bad;
    bool same;

    if (r->tail_len == 0)
        return NULL;   /* made by plain zstd */
    if (r->place != AT_END)
        return reason(error, "cut short: ends before its seek table");
    bad = frames_parse(&r->frames, &r->history, r->tail, r->tail_len);
    if (bad)
        return reason(error, "%s", bad);
    said = XXH64_createState();
    XXH64_reset(said, 0);
    for (size_t i = 0; i < r->frames.n; i++)
        see_frame(said, r->frames.list[i].stored, r->frames.list[i].content, r->frames.list[i].hash);
    same = r->n_seen == r->frames.n && XXH64_digest(said) == XXH64_digest(r->seen);
    XXH64_freeState(said);
    return same ? NULL : reason(error, "damaged: its frames are not those of its seek table");
}

/* Up to LEN bytes of the frame that the pipe is in. */
static const char *stream_frame(struct zio_reader *r, void *data, size_t len, size_t *got, char error[ZIO_ERROR])
{
    ZSTD_outBuffer out = {data, len, 0};
    ZSTD_inBuffer in = {r->in, r->in_len, r->in_used};
    size_t left = ZSTD_decompressStream(r->decompressor, &out, &in);

    if (ZSTD_isError(left))
        return reason(error, "damaged: frame %zu: %s", r->n_seen + 1, ZSTD_getErrorName(left));
    XXH64_update(r->frame_hash, r->in + r->in_used, in.pos - r->in_used);
    r->frame_stored += in.pos - r->in_used;
    r->frame_content += out.pos;
    r->in_used = in.pos;
    *got = out.pos;
    if (left == 0) {
        see_frame(r->seen, r->frame_stored, r->frame_content, XXH64_digest(r->frame_hash));
        r->n_seen++;
        r->place = AT_FRAME;
    } else if (out.pos == 0) {
        if (fill(r, r->in_len - r->in_used + 1, error))
            return error;
        if (r->in_ended)
            return reason(error, "cut short: ends inside frame %zu", r->n_seen + 1);
    }
    return NULL;
}

/* Takes what stands between two frames. */
static const char *stream_next(struct zio_reader *r, bool *ended, char error[ZIO_ERROR])
{
    uint32_t magic;

    if (fill(r, 4, error))
        return error;
    *ended = r->in_len == r->in_used;
    if (*ended)
        return check_tail(r, error);
    if (r->place == AT_END)
        return reason(error, "damaged: data after its seek table");
    magic = r->in_len - r->in_used < 4 ? 0 : frames_u32(r->in + r->in_used);
    if ((magic & 0xFFFFFFF0) == 0x184D2A50)
        return take_skippable(r, magic, error);
    if (magic != FRAMES_MAGIC_DATA || r->tail_len > 0)
        return reason(error, "damaged: what follows frame %zu is no frame", r->n_seen);
    ZSTD_DCtx_reset(r->decompressor, ZSTD_reset_session_only);
    XXH64_reset(r->frame_hash, 0);
    r->frame_stored = r->frame_content = 0;
    r->place = IN_FRAME;
    return NULL;
}

static const char *read_pipe(struct zio_reader *r, void *data, size_t len, size_t *got, char error[ZIO_ERROR])
{
    bool ended = false;
    const char *bad = NULL;

    *got = 0;
    while (!bad && !ended && *got < len) {
        size_t n = 0;

        if (!r->framed) {
            bad = fill(r, 1, error);
            n = r->in_len - r->in_used;
            n = n < len - *got ? n : len - *got;
            memcpy((char *)data + *got, r->in + r->in_used, n);
            r->in_used += n;
            ended = r->in_ended && n == 0;
        } else if (r->place == IN_FRAME) {
            bad = stream_frame(r, (char *)data + *got, len - *got, &n, error);
        } else {
            bad = stream_next(r, &ended, error);
        }
        *got += n;
    }
    return bad;
}

const char *zio_try_read(struct zio_reader *r, void *data, size_t len, size_t *got, char error[ZIO_ERROR])
{
    const char *bad;

    *got = 0;
    if (len == 0 || r->ended)
        return NULL;
    if (r->seekable) {
        *got = r->length - r->position < len ? r->length - r->position : len;
        bad = r->framed ? read_frames(r, &r->block, data, *got, r->position, error) : pread_all(r->fd, data, *got, r->position, error);
    } else {
        size_t n = r->position < r->n_ahead ? r->n_ahead - r->position : 0;

        n = n < len ? n : len;
        memcpy(data, r->ahead + (n ? r->position : 0), n);
        bad = read_pipe(r, (char *)data + n, len - n, got, error);
        *got += n;
    }
    if (bad)
        return bad;
    XXH3_128bits_update(r->hash, data, *got);
    r->position += *got;
    r->ended = *got == 0;
    return NULL;
}

struct zio_reader *zio_open(const char *path)
{
    struct zio_reader *r;
    char error[ZIO_ERROR];

    if (zio_try_open(&r, path, error))
        die_file(path, "%s", error);
    return r;
}

size_t zio_read(struct zio_reader *r, void *data, size_t len)
{
    char error[ZIO_ERROR];
    size_t got;

    if (zio_try_read(r, data, len, &got, error))
        die_file(r->path, "%s", error);
    return got;
}

void zio_read_at(struct zio_reader *r, void *data, size_t len, uint64_t offset)
{
    char error[ZIO_ERROR];

    if (zio_try_read_at(r, data, len, offset, error))
        die_file(r->path, "%s", error);
}

unsigned char *zio_read_all(struct zio_reader *r, size_t most, size_t *len)
{
    size_t size = 1 << 16, got;
    unsigned char *data = xmalloc(size);

    *len = 0;
    while ((got = zio_read(r, data + *len, size - *len)) > 0) {
        *len += got;
        if (*len > most)
            die_file(r->path, "over %zu bytes", most);
        if (*len == size)
            data = xrealloc(data, size *= 2, 1);
    }
    return data;
}

size_t zio_peek(struct zio_reader *r, void *data, size_t len)
{
    char error[ZIO_ERROR];
    const char *bad = NULL;

    assert(r->position == 0 && len <= sizeof r->ahead);
    if (r->seekable) {
        len = r->length < len ? r->length : len;
        bad = zio_try_read_at(r, data, len, 0, error);
    } else {
        if (r->n_ahead == 0)
            bad = read_pipe(r, r->ahead, sizeof r->ahead, &r->n_ahead, error);
        len = r->n_ahead < len ? r->n_ahead : len;
        memcpy(data, r->ahead, len);
    }
    if (bad)
        die_file(r->path, "%s", bad);
    return len;
}

const char *zio_path(const struct zio_reader *r)
{
    return r->path;
}

bool zio_is_seekable(const struct zio_reader *r)
{
    return r->seekable;
}

uint64_t zio_length(const struct zio_reader *r)
{
    return r->length;
}

const char *zio_history(struct zio_reader *r)
{
    return r->history;
}

size_t zio_n_frames(const struct zio_reader *r)
{
    return r->frames.n ? r->frames.n : r->n_seen;
}

void zio_reader_digest(struct zio_reader *r, char digest[ZIO_DIGEST_SIZE])
{
    char *block = xmalloc(BLOCK);

    if (r->seekable && !r->ended) {   /* leaves the place of zio_read as it is */
        XXH3_state_t *hash = new_hash();
        struct block b = {.index = SIZE_MAX};
        char error[ZIO_ERROR];

        for (uint64_t offset = 0; offset < r->length;) {
            size_t n = r->length - offset < BLOCK ? r->length - offset : BLOCK;

            if (r->framed ? read_frames(r, &b, block, n, offset, error) : pread_all(r->fd, block, n, offset, error))
                die_file(r->path, "%s", error);
            XXH3_128bits_update(hash, block, n);
            offset += n;
        }
        format_digest(hash, digest);
        XXH3_freeState(hash);
        free(b.data);
        free(b.stored);
    } else {
        while (zio_read(r, block, BLOCK) > 0)
            continue;
        format_digest(r->hash, digest);
    }
    free(block);
}

void zio_close(struct zio_reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    frames_release(&r->frames);
    XXH3_freeState(r->hash);
    XXH64_freeState(r->frame_hash);
    XXH64_freeState(r->seen);
    ZSTD_freeDCtx(r->decompressor);
    free(r->block.data);
    free(r->block.stored);
    free(r->in);
    free(r->tail);
    free(r->history);
    free(r->path);
    free(r);
}
