#include "files/zio.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/endian.h"
#include "files/digest.h"
#include "files/frames.h"
#include "files/jobs.h"
#include "base/profile.h"
#include "base/report.h"
#include "base/scratch.h"
#include "files/stream.h"
#include "files/whole.h"

/* ZIO_LEVEL is -1: little larger than 1, and read almost twice as fast, each time. One core,
 * zstd 1.5.4, frames of 2 MiB, in MB/s of content to compress, to decompress, and size in percent:
 *
 *                                   level -1           1              3             5
 *     images, uint8             285 1350 81    180 690 78     82 690 69     43 620 65
 *     codes of stage 1, float32 268  840 67    212 450 62     60 480 63     21 530 64
 *     codes of stage 2, float32 374 1120 36    252 790 34    155 700 36     55 680 36
 *
 * Higher levels look for longer matches, of which codes have none.
 */
enum { BLOCK = 1 << 20 };      /* plain bytes are written, and pipes read, in such blocks */
enum { IN_FLIGHT = 32 << 20 }; /* content that threads may hold, unless a single frame is longer */

/* One frame on its way to the file or from it, or one block of a pipe. */
struct piece {
    struct zio_reader *reader;
    unsigned char *content, *stored;
    size_t used, capacity; /* of content, bytes */
    size_t stored_len, stored_capacity;
    size_t frame; /* its number, reading */
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    int level;
    const char *bad; /* reason why reading failed, in error; writing: zstd's name of the failure */
    char error[ZIO_ERROR];
};

static size_t n_slots(int threads)
{
    return threads > 1 ? (size_t)threads + 2 : 1;
}

size_t zio_memory(size_t frame)
{
    size_t slots = n_slots(omp_get_max_threads()), most = IN_FLIGHT / frame + 1;

    return 2 * (slots < most ? slots : most) * frame; /* content, and what is stored of it */
}

static void reserve(unsigned char **data, size_t *capacity, size_t size)
{
    if (*capacity >= size)
        return;
    free(*data);
    *data = xmalloc(size);
    *capacity = size;
}

static void release_piece(void *slot)
{
    struct piece *p = slot;

    ZSTD_freeCCtx(p->compressor);
    ZSTD_freeDCtx(p->decompressor);
    free(p->content);
    free(p->stored);
}

/* --- writing --- */

struct zio_writer {
    char *path; /* NULL: standard output */
    struct whole *file;
    int level;
    struct jobs *jobs;   /* struct piece: compression; NULL: plain */
    size_t in_flight;    /* content of the pieces started and not yet written */
    struct piece *piece; /* the current frame's content; NULL: nothing yet */
    struct piece plain;  /* used where there are no jobs */
    struct frames frames;
    struct digest_state *hash; /* of all content */
    int held;                  /* the scratch file of a pipe's bytes that are held, or -1 */
};

static void compress(void *slot)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);
    struct piece *p = slot;
    size_t bound = ZSTD_compressBound(p->used);

    reserve(&p->stored, &p->stored_capacity, bound);
    if (!p->compressor)
        p->compressor = ZSTD_createCCtx();
    if (!p->compressor)
        die("out of memory: a compressor wanted");
    ZSTD_CCtx_setParameter(p->compressor, ZSTD_c_compressionLevel, p->level);
    ZSTD_CCtx_setParameter(p->compressor, ZSTD_c_checksumFlag, 1);
    p->stored_len = ZSTD_compress2(p->compressor, p->stored, bound, p->content, p->used);
    p->bad = ZSTD_isError(p->stored_len) ? ZSTD_getErrorName(p->stored_len) : NULL;
    profile_leave(before);
}

static bool is_framed(const struct zio_writer *w)
{
    return w->level < ZIO_PLAIN;
}

struct zio_writer *zio_create(const char *path, int level)
{
    struct zio_writer *w = xcalloc(1, sizeof *w);
    int threads = omp_get_max_threads();

    w->path = path && strcmp(path, "-") != 0 ? xstrdup(path) : NULL;
    w->file = whole_create(path);
    w->level = level;
    w->held = -1;
    w->hash = digest_new();
    if (level != ZIO_TEXT && whole_is_terminal(w->file)) {
        if (w->path)
            die_usage("'%s': is a terminal", w->path);
        die_usage("standard output is a terminal; use -o FILE");
    }
    if (is_framed(w))
        w->jobs = jobs_new(threads, n_slots(threads), sizeof *w->piece, false, compress);
    return w;
}

static void put(struct zio_writer *w, const void *data, size_t len)
{
    if (w->held < 0)
        whole_write(w->file, data, len);
    else
        scratch_write(w->held, data, len);
}

/* Writes the oldest piece; false where there is none. */
static bool put_piece(struct zio_writer *w)
{
    struct piece *p = w->jobs ? jobs_take(w->jobs) : NULL;

    if (!p)
        return false;
    if (p->bad)
        die("zstd: %s", p->bad);
    frames_add(&w->frames, p->stored, p->stored_len, p->used);
    put(w, p->stored, p->stored_len);
    w->in_flight -= p->used;
    jobs_return(w->jobs, p);
    return true;
}

/* The piece to be filled, with room for LEN more bytes. */
static struct piece *open_piece(struct zio_writer *w, size_t len)
{
    struct piece *p = w->piece;

    if (!p) {
        p = &w->plain;
        while (w->jobs && !(p = jobs_slot(w->jobs)))
            put_piece(w);
        p->used = 0;
        p->level = w->level;
        w->piece = p;
    }
    if (p->used + len > p->capacity) {
        p->capacity = p->used + len > 2 * p->capacity ? p->used + len : 2 * p->capacity;
        p->content = xrealloc(p->content, p->capacity, 1);
    }
    return p;
}

void zio_write(struct zio_writer *w, const void *data, size_t len)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);
    size_t most = is_framed(w) ? FRAMES_MAX_CONTENT : BLOCK;
    const char *at = data;

    if (w->held < 0) /* held: the digest is that of zio_revise */
        digest_add(w->hash, data, len);
    while (len > 0) {
        size_t left = most - (w->piece ? w->piece->used : 0), n = len < left ? len : left;
        struct piece *p = open_piece(w, n);

        memcpy(p->content + p->used, at, n);
        p->used += n;
        at += n;
        len -= n;
        if (len > 0)
            zio_end_frame(w);
    }
    profile_leave(before);
}

void zio_end_frame(struct zio_writer *w)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);
    struct piece *p = w->piece;

    w->piece = NULL;
    if (p && !w->jobs) {
        put(w, p->content, p->used);
    } else if (p) {
        w->in_flight += p->used;
        jobs_start(w->jobs, p);
    }
    while (p && w->in_flight > IN_FLIGHT && put_piece(w))
        continue;
    profile_leave(before);
}

/* Ends the frame and writes all that is in flight. */
static void flush(struct zio_writer *w)
{
    zio_end_frame(w);
    while (put_piece(w))
        continue;
}

bool zio_hold(struct zio_writer *w)
{
    assert(w->held < 0 && w->frames.n == 0 && !w->piece);
    if (!whole_may_restart(w->file))
        w->held = scratch_open();
    return w->held >= 0;
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

/* Reads the next frame of what was held into p, as it is stored and decompressed. */
static void read_held_frame(struct zio_writer *w, int held, struct piece *p,
                            const struct frame *frame)
{
    reserve(&p->content, &p->capacity, frame->content);
    reserve(&p->stored, &p->stored_capacity, frame->stored);
    read_held(w, held, p->stored, frame->stored);
    if (ZSTD_decompress(p->content, frame->content, p->stored, frame->stored) != frame->content)
        whole_fail(w->file, "its temporary file is damaged");
}

/* The digest goes over the content in its final order, so what was held is decompressed once more.
 */
static void revise_frames(struct zio_writer *w, int held, struct piece *p, const void *head,
                          size_t len, size_t old_len)
{
    struct frames old = w->frames;

    w->frames = (struct frames){0};
    read_held_frame(w, held, p, &old.list[0]);
    zio_write(w, head, len);
    zio_write(w, p->content + old_len, old.list[0].content - old_len);
    flush(w);
    for (size_t i = 1; i < old.n; i++) {
        read_held_frame(w, held, p, &old.list[i]);
        digest_add(w->hash, p->content, old.list[i].content);
        frames_append(&w->frames, old.list[i]);
        put(w, p->stored, old.list[i].stored);
    }
    frames_release(&old);
}

static void revise_plain(struct zio_writer *w, int held, struct piece *p, const void *head,
                         size_t len, size_t old_len)
{
    off_t left = lseek(held, 0, SEEK_END) - old_len;

    if (left < 0 || lseek(held, old_len, SEEK_SET) < 0)
        whole_fail(w->file, strerror(errno));
    zio_write(w, head, len);
    reserve(&p->content, &p->capacity, BLOCK);
    for (size_t n; left > 0; left -= n) {
        n = left > BLOCK ? BLOCK : left;
        read_held(w, held, p->content, n);
        zio_write(w, p->content, n);
    }
}

void zio_revise(struct zio_writer *w, const void *head, size_t len, size_t old_len)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);
    struct piece p = {0};
    int held;

    flush(w);
    held = w->held >= 0 ? w->held : whole_restart(w->file);
    w->held = -1;
    if (lseek(held, 0, SEEK_SET) != 0)
        whole_fail(w->file, strerror(errno));
    digest_reset(w->hash);
    if (is_framed(w))
        revise_frames(w, held, &p, head, len, old_len);
    else
        revise_plain(w, held, &p, head, len, old_len);
    release_piece(&p);
    close(held);
    profile_leave(before);
}

void zio_fail(const struct zio_writer *w, const char *reason)
{
    whole_fail(w->file, reason);
}

void zio_writer_digest(struct zio_writer *w, char digest[DIGEST_SIZE])
{
    digest_format(digest, digest_value(w->hash));
}

static void release_writer(struct zio_writer *w)
{
    if (w->jobs)
        jobs_free(w->jobs, release_piece);
    if (w->held >= 0)
        close(w->held);
    release_piece(&w->plain);
    frames_release(&w->frames);
    digest_free(w->hash);
    free(w->path);
    free(w);
}

void zio_commit(struct zio_writer *w, const char *history)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);

    assert(w->held < 0);
    flush(w);
    if (is_framed(w)) {
        size_t len;
        unsigned char *tail = frames_format(&w->frames, history, &len);

        put(w, tail, len);
        free(tail);
    }
    whole_commit(w->file);
    release_writer(w);
    profile_leave(before);
}

/* --- reading --- */

struct zio_reader {
    char *path;
    int fd, threads;
    bool framed;     /* zstd; otherwise plain bytes. Of a regular file only */
    bool seekable;   /* a regular file; otherwise all comes through stream */
    uint64_t length; /* of the content; UINT64_MAX: not known */
    uint64_t stored; /* of the file; of a stream what has come of it */
    struct frames frames;
    char *history;
    struct stream *stream;
    unsigned char ahead[16]; /* what zio_peek took from it */
    size_t n_ahead;

    uint64_t position;         /* in the content: what zio_read gives next */
    struct digest_state *hash; /* of what zio_read gave */
    bool ended;                /* zio_read returned 0 */
    struct jobs *jobs;         /* struct piece: decompression ahead of zio_read */
    struct piece *piece;       /* that zio_read is in; NULL: none */
    size_t piece_at;           /* bytes of it that it gave */
    size_t next_frame;         /* to be started */
    size_t in_flight;          /* content of the pieces started */
    bool last_block;           /* the stream has come to its end */

    pthread_mutex_t at_mutex; /* of at: the frame that zio_read_at was in last */
    struct piece at;
};

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
    if (pread_all(r->fd, end, FRAMES_END, file_len - FRAMES_END, error))
        return error;
    if ((bad = frames_tail_length(&len, end, file_len)))
        return reason(error, "%s", bad);
    tail = xmalloc(len);
    if (pread_all(r->fd, tail, len, file_len - len, error)) {
        free(tail);
        return error;
    }
    bad = frames_parse(&r->frames, &r->history, tail, len);
    free(tail);
    if (bad)
        return reason(error, "%s", bad);
    if (frames_stored(&r->frames) != file_len - len)
        return reason(error,
                      "%llu bytes before its record, its seek table says %llu: cut, or something "
                      "was added",
                      (unsigned long long)(file_len - len),
                      (unsigned long long)frames_stored(&r->frames));
    r->length = frames_content(&r->frames);
    return NULL;
}

static const char *open_regular(struct zio_reader *r, uint64_t file_len, char error[ZIO_ERROR])
{
    unsigned char magic[4] = {0};
    const char *bad = pread_all(r->fd, magic, file_len < 4 ? file_len : 4, 0, error);

    r->seekable = true;
    r->length = r->stored = file_len;
    r->framed = get_le32(magic) == FRAMES_MAGIC_DATA || get_le32(magic) == FRAMES_MAGIC_RECORD;
    if (!bad && r->framed)
        bad = read_tail(r, file_len, error);
    return bad;
}

static const char *open_stream(struct zio_reader *r, char error[ZIO_ERROR])
{
    r->length = UINT64_MAX;
    return stream_open(&r->stream, r->fd, error);
}

const char *zio_try_open(struct zio_reader **reader, const char *path, char error[ZIO_ERROR])
{
    struct zio_reader *r = xcalloc(1, sizeof *r);
    struct stat st;

    *reader = r;
    r->path = xstrdup(path);
    r->hash = digest_new();
    r->at.frame = SIZE_MAX;
    r->threads =
        omp_get_max_threads(); /* here: another thread that reads may not know of --threads */
    pthread_mutex_init(&r->at_mutex, NULL);
    r->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                   : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return reason(error, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return reason(error, "is a directory");
    if (S_ISREG(st.st_mode) && lseek(r->fd, 0, SEEK_CUR) == 0)
        return open_regular(r, st.st_size, error);
    return open_stream(r, error);
}

/* Frame p->frame into p->content, held to its hash before and to its entry after. */
static void decode(const struct zio_reader *r, struct piece *p)
{
    const struct frame *f = &r->frames.list[p->frame];
    size_t got;

    reserve(&p->content, &p->capacity, f->content);
    reserve(&p->stored, &p->stored_capacity, f->stored);
    if (!p->decompressor)
        p->decompressor = ZSTD_createDCtx();
    if (!p->decompressor)
        die("out of memory: a decompressor wanted");
    p->used = f->content;
    p->bad = pread_all(r->fd, p->stored, f->stored, f->start, p->error);
    if (!p->bad && hash64_data(p->stored, f->stored) != f->hash)
        p->bad = reason(p->error, "damaged: frame %zu of %zu, at byte %llu", p->frame + 1,
                        r->frames.n, (unsigned long long)f->start);
    if (!p->bad && get_le32(p->stored) != FRAMES_MAGIC_DATA)
        p->bad = reason(p->error, "damaged: frame %zu of %zu is none of zstd", p->frame + 1,
                        r->frames.n);
    if (p->bad)
        return;
    got = ZSTD_decompressDCtx(p->decompressor, p->content, f->content, p->stored, f->stored);
    if (got != f->content || get_le32(p->stored + f->stored - 4) != f->checksum)
        p->bad =
            reason(p->error, "damaged: frame %zu of %zu: %s", p->frame + 1, r->frames.n,
                   ZSTD_isError(got) ? ZSTD_getErrorName(got) : "not what the seek table says");
}

static void decode_job(void *slot)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    struct piece *p = slot;

    decode(p->reader, p);
    profile_leave(before);
}

static void stream_job(void *slot)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    struct piece *p = slot;

    reserve(&p->content, &p->capacity, BLOCK);
    p->bad = stream_read(p->reader->stream, p->content, BLOCK, &p->used, p->error);
    p->stored_len = stream_stored(p->reader->stream);
    profile_leave(before);
}

/* Starts as many pieces ahead as there is room for. */
static void read_ahead(struct zio_reader *r)
{
    struct piece *p;

    if (!r->jobs)
        r->jobs = jobs_new(r->threads, n_slots(r->threads), sizeof *p, r->stream,
                           r->stream ? stream_job : decode_job);
    while (r->stream ? !r->last_block : r->next_frame < r->frames.n) {
        size_t content = r->stream ? BLOCK : r->frames.list[r->next_frame].content;

        if ((r->in_flight > 0 && r->in_flight + content > IN_FLIGHT) || !(p = jobs_slot(r->jobs)))
            return;
        p->reader = r;
        p->frame = r->next_frame++;
        r->in_flight += content;
        jobs_start(r->jobs, p);
    }
}

/* Content in order, through the pieces. */
static const char *read_pieces(struct zio_reader *r, void *data, size_t len, size_t *got,
                               char error[ZIO_ERROR])
{
    for (*got = 0; *got < len;) {
        struct piece *p = r->piece;
        size_t n;

        read_ahead(r);
        if (!p) {
            r->piece = p = jobs_take(r->jobs);
            r->piece_at = 0;
            if (!p)
                return NULL;
            r->in_flight -= r->stream ? BLOCK : p->used;
            r->last_block = r->stream && p->used < BLOCK;
            r->stored = r->stream ? p->stored_len : r->stored;
            if (p->bad)
                return strcpy(error, p->error);
        }
        n = p->used - r->piece_at < len - *got ? p->used - r->piece_at : len - *got;
        memcpy((char *)data + *got, p->content + r->piece_at, n);
        r->piece_at += n;
        *got += n;
        if (r->piece_at == p->used) {
            jobs_return(r->jobs, p);
            r->piece = NULL;
        }
    }
    return NULL;
}

static const char *read_frames_at(const struct zio_reader *r, struct piece *p, void *data,
                                  size_t len, uint64_t offset, char error[ZIO_ERROR])
{
    char *at = data;

    while (len > 0) {
        size_t i = frames_find(&r->frames, offset);
        size_t skip = offset - r->frames.list[i].offset;
        size_t n = r->frames.list[i].content - skip;

        if (p->frame != i || p->bad) {
            p->frame = i;
            decode(r, p);
        }
        if (p->bad)
            return strcpy(error, p->error);
        n = n < len ? n : len;
        memcpy(at, p->content + skip, n);
        at += n;
        offset += n;
        len -= n;
    }
    return NULL;
}

const char *zio_try_read_at(struct zio_reader *r, void *data, size_t len, uint64_t offset,
                            char error[ZIO_ERROR])
{
    const char *bad;

    assert(r->seekable);
    if (offset > r->length || len > r->length - offset)
        return reason(error, "cut short: %llu bytes of content, want %llu",
                      (unsigned long long)r->length, (unsigned long long)(offset + len));
    if (!r->framed)
        return pread_all(r->fd, data, len, offset, error);
    if (pthread_mutex_trylock(&r->at_mutex) == 0) { /* rows close to one another share a frame */
        bad = read_frames_at(r, &r->at, data, len, offset, error);
        pthread_mutex_unlock(&r->at_mutex);
    } else {
        struct piece p = {.frame = SIZE_MAX};

        bad = read_frames_at(r, &p, data, len, offset, error);
        release_piece(&p);
    }
    return bad;
}

const char *zio_try_read(struct zio_reader *r, void *data, size_t len, size_t *got,
                         char error[ZIO_ERROR])
{
    const char *bad;

    *got = 0;
    if (len == 0 || r->ended)
        return NULL;
    if (r->seekable && !r->framed) {
        *got = r->length - r->position < len ? r->length - r->position : len;
        bad = pread_all(r->fd, data, *got, r->position, error);
    } else {
        size_t n = r->position < r->n_ahead ? r->n_ahead - r->position : 0;

        n = n < len ? n : len;
        memcpy(data, r->ahead + (n ? r->position : 0), n);
        bad = read_pieces(r, (char *)data + n, len - n, got, error);
        *got += n;
    }
    if (bad)
        return bad;
    digest_add(r->hash, data, *got);
    r->position += *got;
    r->ended = *got == 0;
    return NULL;
}

struct zio_reader *zio_open(const char *path)
{
    enum profile_part before = profile_enter(PROFILE_READING); /* a pipe may come late */
    struct zio_reader *r;
    char error[ZIO_ERROR];

    if (zio_try_open(&r, path, error))
        die_file(path, "%s", error);
    profile_leave(before);
    return r;
}

size_t zio_read(struct zio_reader *r, void *data, size_t len)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    char error[ZIO_ERROR];
    size_t got;

    if (zio_try_read(r, data, len, &got, error))
        die_file(r->path, "%s", error);
    profile_leave(before);
    return got;
}

void zio_read_at(struct zio_reader *r, void *data, size_t len, uint64_t offset)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    char error[ZIO_ERROR];

    if (zio_try_read_at(r, data, len, offset, error))
        die_file(r->path, "%s", error);
    profile_leave(before);
}

/* How much content may be held at once: a few bytes of a file can decompress to any number. */
static size_t most_content(const struct zio_reader *r, size_t most)
{
    uint64_t bound = ZIO_MOST + 4 * r->stored;

    return bound < most ? bound : most;
}

/* The content from here on into *data, of *size bytes, which grows where the length is not known.
 */
static const char *read_all(struct zio_reader *r, size_t most, unsigned char **data, size_t size,
                            size_t *len, char error[ZIO_ERROR])
{
    bool known = r->length != UINT64_MAX;
    const char *bad;

    *len = 0;
    for (size_t got; !(bad = zio_try_read(r, *data + *len, size - *len, &got, error)) && got > 0;) {
        size_t bound = most_content(r, most);

        *len += got;
        if (known || *len < size)
            continue;
        if (size >= bound)
            return reason(error, "over %zu bytes of content in the first %llu of the file", bound,
                          (unsigned long long)r->stored);
        size = 2 * size < bound ? 2 * size : bound;
        *data = xrealloc(*data, size + 1, 1);
    }
    return bad;
}

const char *zio_try_read_all(struct zio_reader *r, size_t most, unsigned char **data, size_t *len,
                             char error[ZIO_ERROR])
{
    bool known = r->length != UINT64_MAX;
    size_t bound = most_content(r, most), size = known && r->length < bound ? r->length : BLOCK;
    const char *bad;

    *data = NULL;
    if (known && r->length > bound)
        return reason(error, "%llu bytes of content in a file of %llu, want at most %zu",
                      (unsigned long long)r->length, (unsigned long long)r->stored, bound);
    *data = xmalloc(size + 1);
    bad = read_all(r, most, data, size, len, error);
    if (!bad) {
        (*data)[*len] = '\0';
        return NULL;
    }
    free(*data);
    *data = NULL;
    return bad;
}

unsigned char *zio_read_all(struct zio_reader *r, size_t most, size_t *len)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    unsigned char *data;
    char error[ZIO_ERROR];

    if (zio_try_read_all(r, most, &data, len, error))
        die_file(r->path, "%s", error);
    profile_leave(before);
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
        release_piece(&r->at); /* a frame may be 64 MiB long, and is read again in order */
        r->at = (struct piece){.frame = SIZE_MAX};
    } else {
        if (r->n_ahead == 0)
            bad = stream_read(r->stream, r->ahead, sizeof r->ahead, &r->n_ahead, error);
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
    return r->stream && r->ended ? stream_history(r->stream) : r->history;
}

size_t zio_n_frames(const struct zio_reader *r)
{
    return r->stream && r->ended ? stream_n_frames(r->stream) : r->frames.n;
}

/* The digest of a regular file, leaving the place of zio_read as it is. */
static void digest_file(struct zio_reader *r, char digest[DIGEST_SIZE])
{
    unsigned char *block = xmalloc(BLOCK);
    struct digest_state *hash = digest_new();

    for (uint64_t offset = 0; offset < r->length;) {
        size_t n = r->length - offset < BLOCK ? r->length - offset : BLOCK;

        zio_read_at(r, block, n, offset);
        digest_add(hash, block, n);
        offset += n;
    }
    digest_format(digest, digest_value(hash));
    digest_free(hash);
    free(block);
}

void zio_reader_digest(struct zio_reader *r, char digest[DIGEST_SIZE])
{
    unsigned char *block;

    if (r->seekable && !r->ended) {
        digest_file(r, digest);
        return;
    }
    block = xmalloc(BLOCK);
    while (zio_read(r, block, BLOCK) > 0)
        continue;
    digest_format(digest, digest_value(r->hash));
    free(block);
}

/* A thread that waits for a pipe cannot be called back: where the content was not read to its end,
 * it keeps what it works on. */
void zio_close(struct zio_reader *r)
{
    if (r->stream && r->jobs && !r->ended)
        return;
    if (r->jobs)
        jobs_free(r->jobs, release_piece);
    if (r->stream)
        stream_close(r->stream);
    if (r->fd >= 0)
        close(r->fd);
    release_piece(&r->at);
    pthread_mutex_destroy(&r->at_mutex);
    frames_release(&r->frames);
    digest_free(r->hash);
    free(r->history);
    free(r->path);
    free(r);
}
