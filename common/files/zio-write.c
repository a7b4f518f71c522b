#include "files/zio.h"

#include <assert.h>
#include <errno.h>
#include <omp.h>
#include <string.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#include "base/endian.h"
#include "base/profile.h"
#include "base/report.h"
#include "base/scratch.h"
#include "base/sizes.h"
#include "files/digest.h"
#include "files/frames.h"
#include "files/jobs.h"
#include "files/raw.h"
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
 *
 * Codes are stored as they are: they are written once and read once or twice, and compressing them
 * takes longer than the arithmetic. A core of a Xeon with AVX-512, first idle, then busy:
 *
 *                                   level -1          -7             -50      stored
 *     codes of stage 1, float32 507 1640 57    837 1930 72   1448 3060 88
 *     codes of stage 3, float32 439 1300 75    843 1890 88   1515 3160 98
 *     codes of stage 1, float32 435 1774 57    670 2128 73   1018 4031 87   2344 3526 100
 *
 * Frames of 128 KB to 4 MiB compress alike, and so do other hash tables and lengths of matches.
 * What is stored is hashed once more than what is compressed, and not copied.
 */
enum { BLOCK = 1 << 20 }; /* plain bytes are written in such blocks */
enum { PARTS = 4 }; /* of a frame: its header, the end of one block and the start of the next */

/* One frame on its way to the file. */
struct piece {
    struct iovec parts[PARTS]; /* the content: memory, or the caller's */
    int n_parts;
    bool waited; /* the caller's was there at a zio_wait */
    unsigned char *memory, *stored;
    size_t used, capacity; /* of the content, of memory, bytes */
    size_t stored_capacity;
    struct frame frame;
    ZSTD_CCtx *compressor;
    int level;
    const char *bad; /* zstd's name of the failure */
};

static void release_piece(void *slot)
{
    struct piece *p = slot;

    ZSTD_freeCCtx(p->compressor);
    free(p->memory);
    free(p->stored);
}

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

static bool is_in_memory(const struct piece *p)
{
    return p->n_parts > 0 && p->parts[0].iov_base == p->memory;
}

/* Has all of the content in memory, and room there for LEN bytes. */
static void copy_to_memory(struct piece *p, size_t len)
{
    int first = is_in_memory(p) ? 1 : 0;
    size_t at = first ? p->parts[0].iov_len : 0;

    if (len > p->capacity) {
        p->capacity = larger(len, 2 * p->capacity);
        p->memory = xrealloc(p->memory, p->capacity, 1);
    }
    for (int i = first; i < p->n_parts; at += p->parts[i++].iov_len)
        memcpy(p->memory + at, p->parts[i].iov_base, p->parts[i].iov_len);
    p->parts[0] = (struct iovec){p->memory, p->used};
    p->n_parts = 1;
    p->waited = false;
}

/* The N bytes of the content from AT on; returns of how many parts they are. */
static int parts_of(const struct piece *p, size_t at, size_t n, struct iovec parts[PARTS])
{
    int k = 0;

    for (int i = 0; n > 0; i++) {
        const struct iovec *part = &p->parts[i];

        if (at < part->iov_len) {
            parts[k].iov_base = (char *)part->iov_base + at;
            parts[k].iov_len = smaller(n, part->iov_len - at);
            n -= parts[k++].iov_len;
            at = 0;
        } else {
            at -= part->iov_len;
        }
    }
    return k;
}

static void compress(struct piece *p)
{
    size_t bound = ZSTD_compressBound(p->used), len;

    if (p->n_parts > 1)
        copy_to_memory(p, p->used);
    xreserve(&p->stored, &p->stored_capacity, bound);
    if (!p->compressor)
        p->compressor = ZSTD_createCCtx();
    if (!p->compressor)
        die("out of memory: a compressor wanted");
    ZSTD_CCtx_setParameter(p->compressor, ZSTD_c_compressionLevel, p->level);
    ZSTD_CCtx_setParameter(p->compressor, ZSTD_c_checksumFlag, 1);
    len = ZSTD_compress2(p->compressor, p->stored, bound, p->parts[0].iov_base, p->used);
    p->bad = ZSTD_isError(len) ? ZSTD_getErrorName(len) : NULL;
    if (!p->bad)
        p->frame = (struct frame){.stored = len,
                                  .content = p->used,
                                  .hash = hash64_data(p->stored, len),
                                  .checksum = get_le32(p->stored + len - 4)};
}

/* Block by block: what one hash has read is in the cache for the other. */
static void hash_raw(struct piece *p)
{
    struct hash64 *content = hash64_new(), *stored = hash64_new();
    unsigned char head[RAW_HEAD];
    struct iovec parts[PARTS];

    for (size_t at = 0, n; at < p->used; at += n) {
        n = raw_block(at, p->used);
        hash64_add(stored, head, raw_head(head, at, p->used));
        for (int i = 0, k = parts_of(p, at, n, parts); i < k; i++) {
            hash64_add(stored, parts[i].iov_base, parts[i].iov_len);
            hash64_add(content, parts[i].iov_base, parts[i].iov_len);
        }
    }
    p->frame = (struct frame){.stored = raw_stored(p->used),
                              .content = p->used,
                              .checksum = (uint32_t)hash64_value(content)};
    put_le32(head, p->frame.checksum);
    hash64_add(stored, head, RAW_CHECKSUM);
    p->frame.hash = hash64_value(stored);
    hash64_free(content);
    hash64_free(stored);
}

static void make_frame(void *slot)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);
    struct piece *p = slot;

    if (p->level == ZIO_STORED)
        hash_raw(p);
    else
        compress(p);
    profile_leave(before);
}

static bool is_framed(const struct zio_writer *w)
{
    return w->level < ZIO_PLAIN;
}

struct zio_writer *zio_create(const char *path, int level)
{
    struct zio_writer *w = xcalloc(1, sizeof *w);

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
        w->jobs = jobs_new(omp_get_max_threads(), sizeof *w->piece, false, make_frame);
    return w;
}

static void put(struct zio_writer *w, const void *data, size_t len)
{
    if (w->held < 0)
        whole_write(w->file, data, len);
    else
        scratch_write(w->held, data, len);
}

static void put_raw(struct zio_writer *w, const struct piece *p)
{
    unsigned char head[RAW_HEAD];
    struct iovec parts[1 + PARTS];

    for (size_t at = 0, n; at < p->used; at += n) {
        const size_t m = raw_head(head, at, p->used);
        int k;

        n = raw_block(at, p->used);
        k = 1 + parts_of(p, at, n, parts + 1);
        parts[0] = (struct iovec){head, m};
        for (int i = 1; i < k && w->held < 0; i++) /* the write finds it in the cache */
            digest_add(w->hash, parts[i].iov_base, parts[i].iov_len);
        if (w->held < 0)
            whole_write_parts(w->file, parts, k);
        else
            for (int i = 0; i < k; i++)
                scratch_write(w->held, parts[i].iov_base, parts[i].iov_len);
    }
    put_le32(head, p->frame.checksum);
    put(w, head, RAW_CHECKSUM);
}

/* Writes the oldest piece; false where there is none. */
static bool put_piece(struct zio_writer *w)
{
    struct piece *p = w->jobs ? jobs_take(w->jobs) : NULL;

    if (!p)
        return false;
    if (p->bad)
        die("zstd: %s", p->bad);
    frames_append(&w->frames, p->frame);
    if (p->level == ZIO_STORED)
        put_raw(w, p);
    else
        put(w, p->stored, p->frame.stored);
    w->in_flight -= p->used;
    jobs_return(w->jobs, p);
    return true;
}

static struct piece *open_piece(struct zio_writer *w)
{
    struct piece *p = &w->plain;

    while (w->jobs && !(p = jobs_slot(w->jobs)))
        put_piece(w);
    p->used = 0;
    p->n_parts = 0;
    p->waited = false;
    p->level = w->level;
    return p;
}

/* Whether the digest goes over content as it comes. What is stored waits for put_raw; what is held
 * for zio_revise. */
static bool hashes_early(const struct zio_writer *w)
{
    return w->held < 0 && w->level != ZIO_STORED;
}

/* Appends to the current piece, or to a new one. */
static void fill_piece(struct zio_writer *w, const void *data, size_t len, bool lasting)
{
    struct piece *p = w->piece = w->piece ? w->piece : open_piece(w);

    if (lasting && p->n_parts < PARTS) {
        p->parts[p->n_parts++] = (struct iovec){(void *)data, len};
    } else {
        copy_to_memory(p, p->used + len);
        memcpy(p->memory + p->used, data, len);
        p->parts[0].iov_len += len;
    }
    p->used += len;
}

static void append(struct zio_writer *w, const void *data, size_t len, bool lasting)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);
    size_t most = is_framed(w) ? FRAMES_MAX_CONTENT : BLOCK;
    const char *at = data;

    if (hashes_early(w))
        digest_add(w->hash, data, len);
    while (len > 0) {
        size_t left = most - (w->piece ? w->piece->used : 0), n = smaller(len, left);

        fill_piece(w, at, n, lasting);
        at += n;
        len -= n;
        if (len > 0)
            zio_end_frame(w);
    }
    profile_leave(before);
}

void zio_write(struct zio_writer *w, const void *data, size_t len)
{
    append(w, data, len, false);
}

void zio_write_lasting(struct zio_writer *w, const void *data, size_t len)
{
    append(w, data, len, is_framed(w));
}

void zio_end_frame(struct zio_writer *w)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);
    struct piece *p = w->piece;

    w->piece = NULL;
    if (p && !w->jobs) {
        put(w, p->memory, p->used);
    } else if (p) {
        w->in_flight += p->used;
        jobs_start(w->jobs, p);
    }
    while (p && w->in_flight > JOBS_IN_FLIGHT && put_piece(w))
        continue;
    profile_leave(before);
}

void zio_wait(struct zio_writer *w)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);

    while (put_piece(w))
        continue;
    if (w->piece && w->piece->waited)
        copy_to_memory(w->piece, w->piece->used);
    else if (w->piece)
        w->piece->waited = w->piece->n_parts > (is_in_memory(w->piece) ? 1 : 0);
    profile_leave(before);
}

/* Ends the frame and writes all that is in flight. */
static void flush(struct zio_writer *w)
{
    zio_end_frame(w);
    zio_wait(w);
}

void zio_copy_frames(struct zio_writer *w, struct zio_reader *r, size_t n)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);
    struct zio_frame f;

    assert(is_framed(w) && w->held < 0);
    flush(w);
    for (; n > 0 && zio_read_frame(r, &f); n--) {
        frames_append(&w->frames, f.place);
        if (f.stored) {
            digest_add(w->hash, f.content, f.place.content);
            put(w, f.stored, f.place.stored);
        } else {
            put_raw(w,
                    &(struct piece){.parts = {{(void *)f.content, f.place.content}},
                                    .n_parts = 1,
                                    .used = f.place.content,
                                    .frame = f.place});
        }
    }
    profile_leave(before);
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
    xreserve(&p->memory, &p->capacity, frame->content);
    xreserve(&p->stored, &p->stored_capacity, frame->stored);
    read_held(w, held, p->stored, frame->stored);
    if (ZSTD_decompress(p->memory, frame->content, p->stored, frame->stored) != frame->content)
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
    zio_write(w, p->memory + old_len, old.list[0].content - old_len);
    flush(w);
    for (size_t i = 1; i < old.n; i++) {
        read_held_frame(w, held, p, &old.list[i]);
        digest_add(w->hash, p->memory, old.list[i].content);
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
    xreserve(&p->memory, &p->capacity, BLOCK);
    for (size_t n; left > 0; left -= n) {
        n = left > BLOCK ? BLOCK : left;
        read_held(w, held, p->memory, n);
        zio_write(w, p->memory, n);
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
    flush(w);
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
