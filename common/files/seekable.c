#include "files/seekable.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#include "base/endian.h"
#include "base/report.h"
#include "base/sizes.h"
#include "files/digest.h"
#include "files/frames.h"
#include "files/raw.h"

struct seekable {
    int fd;
    uint64_t length; /* of the content */
    struct frames frames;
    char *history;
    pthread_mutex_t mutex;    /* of at: */
    struct seekable_frame at; /* the frame that seekable_read_at was in last, */
    size_t number;            /* and which; SIZE_MAX: none */
};

static const char *pread_all(int fd, void *data, size_t len, uint64_t offset,
                             char error[REASON_SIZE])
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
static const char *read_tail(struct seekable *s, uint64_t file_len, char error[REASON_SIZE])
{
    unsigned char end[FRAMES_END];
    unsigned char *tail;
    uint64_t len = 0;
    const char *bad;

    if (file_len < FRAMES_END)
        return reason(error, "no seek table at its end: cut short, or not written by kasane");
    if (pread_all(s->fd, end, FRAMES_END, file_len - FRAMES_END, error))
        return error;
    if ((bad = frames_tail_length(&len, end, file_len)))
        return reason(error, "%s", bad);
    tail = xmalloc(len);
    if (pread_all(s->fd, tail, len, file_len - len, error)) {
        free(tail);
        return error;
    }
    bad = frames_parse(&s->frames, &s->history, tail, len);
    free(tail);
    if (bad)
        return reason(error, "%s", bad);
    if (frames_stored(&s->frames) != file_len - len)
        return reason(error,
                      "%llu bytes before its record, its seek table says %llu: cut, or something "
                      "was added",
                      (unsigned long long)(file_len - len),
                      (unsigned long long)frames_stored(&s->frames));
    s->length = frames_content(&s->frames);
    return NULL;
}

const char *seekable_open(struct seekable **seekable, int fd, uint64_t file_len,
                          char error[REASON_SIZE])
{
    struct seekable *s = xcalloc(1, sizeof *s);
    unsigned char magic[4] = {0};

    *seekable = s;
    s->fd = fd;
    s->length = file_len;
    s->number = SIZE_MAX;
    pthread_mutex_init(&s->mutex, NULL);
    if (pread_all(fd, magic, file_len < 4 ? file_len : 4, 0, error))
        return error;
    if (get_le32(magic) == FRAMES_MAGIC_DATA || get_le32(magic) == FRAMES_MAGIC_RECORD)
        return read_tail(s, file_len, error);
    return NULL;
}

uint64_t seekable_length(const struct seekable *s)
{
    return s->length;
}

size_t seekable_n_frames(const struct seekable *s)
{
    return s->frames.n;
}

size_t seekable_frame_length(const struct seekable *s, size_t i)
{
    return s->frames.list[i].content;
}

const struct frames *seekable_frames(const struct seekable *s)
{
    return &s->frames;
}

const char *seekable_history(const struct seekable *s)
{
    return s->history;
}

/* Whether F is a frame of raw blocks, and undamaged: then its content stands at TO. What is wrong
 * with it otherwise is found the other way. */
static bool read_raw(const struct seekable *s, const struct frame *f, unsigned char *to)
{
    unsigned char head[RAW_HEAD], want[RAW_HEAD], end[RAW_CHECKSUM];
    uint64_t start = f->start;
    struct hash64 *hash;
    bool good = true;

    if (f->stored != raw_stored(f->content))
        return false;
    hash = hash64_new();
    for (size_t at = 0, m, n; good && at < f->content; at += n, start += m + n) {
        m = raw_head(want, at, f->content);
        n = raw_block(at, f->content);
        good = preadv(s->fd, (struct iovec[2]){{head, m}, {to + at, n}}, 2, (off_t)start)
                == (ssize_t)(m + n)
            && memcmp(head, want, m) == 0;
        if (good) { /* while the cache holds it */
            hash64_add(hash, head, m);
            hash64_add(hash, to + at, n);
        }
    }
    good = good && pread(s->fd, end, RAW_CHECKSUM, (off_t)start) == RAW_CHECKSUM;
    if (good) {
        hash64_add(hash, end, RAW_CHECKSUM);
        good = get_le32(end) == f->checksum && hash64_value(hash) == f->hash;
    }
    hash64_free(hash);
    return good;
}

const char *seekable_frame(const struct seekable *s, size_t i, struct seekable_frame *d, void *to,
                           char error[REASON_SIZE])
{
    const struct frame *f = &s->frames.list[i];
    size_t got;

    if (!to) {
        xreserve(&d->memory, &d->capacity, f->content);
        to = d->memory;
    }
    d->len = f->content;
    d->content = to;
    d->raw = read_raw(s, f, to);
    if (d->raw)
        return NULL;
    xreserve(&d->stored, &d->stored_capacity, f->stored);
    if (!d->decompressor)
        d->decompressor = ZSTD_createDCtx();
    if (!d->decompressor)
        die("out of memory: a decompressor wanted");
    if (pread_all(s->fd, d->stored, f->stored, f->start, error))
        return error;
    if (hash64_data(d->stored, f->stored) != f->hash)
        return reason(error, "damaged: frame %zu of %zu, at byte %llu", i + 1, s->frames.n,
                      (unsigned long long)f->start);
    if (get_le32(d->stored) != FRAMES_MAGIC_DATA)
        return reason(error, "damaged: frame %zu of %zu is none of zstd", i + 1, s->frames.n);
    got = ZSTD_decompressDCtx(d->decompressor, to, f->content, d->stored, f->stored);
    if (got != f->content || get_le32(d->stored + f->stored - 4) != f->checksum)
        return reason(error, "damaged: frame %zu of %zu: %s", i + 1, s->frames.n,
                      ZSTD_isError(got) ? ZSTD_getErrorName(got) : "not what the seek table says");
    return NULL;
}

void seekable_frame_release(struct seekable_frame *d)
{
    ZSTD_freeDCtx(d->decompressor);
    free(d->memory);
    free(d->stored);
    *d = (struct seekable_frame){0};
}

/* NUMBER is which frame D holds, SIZE_MAX: none. */
static const char *read_frames(const struct seekable *s, struct seekable_frame *d, size_t *number,
                               void *data, size_t len, uint64_t offset, char error[REASON_SIZE])
{
    char *at = data;

    while (len > 0) {
        size_t i = frames_find(&s->frames, offset), skip = offset - s->frames.list[i].offset;
        size_t n = s->frames.list[i].content - skip;

        if (*number != i) {
            *number = SIZE_MAX;
            if (seekable_frame(s, i, d, NULL, error))
                return error;
            *number = i;
        }
        n = smaller(n, len);
        memcpy(at, d->content + skip, n);
        at += n;
        offset += n;
        len -= n;
    }
    return NULL;
}

const char *seekable_read_at(struct seekable *s, void *data, size_t len, uint64_t offset,
                             char error[REASON_SIZE])
{
    const char *bad;

    if (offset > s->length || len > s->length - offset)
        return reason(error, "cut short: %llu bytes of content, want %llu",
                      (unsigned long long)s->length, (unsigned long long)(offset + len));
    if (s->frames.n == 0)
        return pread_all(s->fd, data, len, offset, error);
    if (pthread_mutex_trylock(&s->mutex) == 0) { /* rows close to one another share a frame */
        bad = read_frames(s, &s->at, &s->number, data, len, offset, error);
        pthread_mutex_unlock(&s->mutex);
    } else {
        struct seekable_frame d = {0};
        size_t number = SIZE_MAX;

        bad = read_frames(s, &d, &number, data, len, offset, error);
        seekable_frame_release(&d);
    }
    return bad;
}

void seekable_forget(struct seekable *s)
{
    seekable_frame_release(&s->at);
    s->number = SIZE_MAX;
}

void seekable_close(struct seekable *s)
{
    seekable_forget(s);
    pthread_mutex_destroy(&s->mutex);
    frames_release(&s->frames);
    free(s->history);
    free(s);
}
