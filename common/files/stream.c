#include "files/stream.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/endian.h"
#include "base/sizes.h"
#include "files/digest.h"
#include "files/frames.h"

enum { BLOCK = 1 << 20 };
enum { WINDOW_LOG_MAX = 25 }; /* 32 MiB, what plain zstd asks for up to level 20 */

/* What stands next. */
enum place { AT_FRAME, IN_FRAME, AT_END };

struct stream {
    int fd;
    bool framed; /* zstd; otherwise plain bytes */
    bool ended;
    unsigned char *in; /* BLOCK bytes */
    size_t in_used, in_len;
    bool in_ended;
    uint64_t stored; /* what was read of it */
    enum place place;
    ZSTD_DCtx *decompressor;
    struct hash64 *frame_hash; /* of the current frame as stored */
    uint64_t frame_stored, frame_content;
    struct hash64
        *seen; /* of sizes and hashes of all frames so far, to be held against the record */
    size_t n_seen;
    unsigned char *tail; /* record frame and seek table */
    size_t tail_len, tail_capacity;
    char *history;
};

/* Reads until WANTED bytes are there, or the stream ends. */
static const char *fill(struct stream *s, size_t wanted, char error[REASON_SIZE])
{
    if (s->in_used > 0 && s->in_len - s->in_used < wanted) {
        memmove(s->in, s->in + s->in_used, s->in_len - s->in_used);
        s->in_len -= s->in_used;
        s->in_used = 0;
    }
    while (s->in_len - s->in_used < wanted && !s->in_ended) {
        ssize_t n = read(s->fd, s->in + s->in_len, BLOCK - s->in_len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return reason(error, "%s", strerror(errno));
        s->in_ended = n == 0;
        s->in_len += n;
        s->stored += n;
    }
    return NULL;
}

static bool is_skippable(uint32_t magic)
{
    return (magic & 0xFFFFFFF0) == 0x184D2A50;
}

const char *stream_open(struct stream **stream, int fd, char error[REASON_SIZE])
{
    struct stream *s = xcalloc(1, sizeof *s);
    uint32_t magic;

    *stream = s;
    s->fd = fd;
    s->in = xmalloc(BLOCK);
    s->decompressor = ZSTD_createDCtx();
    s->frame_hash = hash64_new();
    s->seen = hash64_new();
    if (!s->decompressor)
        die("out of memory: a decompressor wanted");
    ZSTD_DCtx_setParameter(s->decompressor, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    if (fill(s, 4, error))
        return error;
    magic = s->in_len >= 4 ? get_le32(s->in) : 0;
    s->framed = magic == FRAMES_MAGIC_DATA || is_skippable(magic);
    return NULL;
}

static void see_frame(struct hash64 *seen, uint64_t stored, uint64_t content, uint64_t hash)
{
    uint64_t values[3] = {stored, content, hash};

    hash64_add(seen, values, sizeof values);
}

/* Keeps the skippable frame that comes next, record or seek table, for check_tail; passes over
 * those of others. */
static const char *take_skippable(struct stream *s, uint32_t magic, char error[REASON_SIZE])
{
    bool ours = magic == FRAMES_MAGIC_RECORD || magic == FRAMES_MAGIC_TABLE;
    uint64_t left;

    if (fill(s, 8, error))
        return error;
    if (s->in_len - s->in_used < 8)
        return reason(error, "cut short: ends inside a frame's head");
    left = 8 + (uint64_t)get_le32(s->in + s->in_used + 4);
    while (left > 0) {
        size_t n;

        if (fill(s, 1, error))
            return error;
        n = s->in_len - s->in_used;
        if (n == 0)
            return reason(error, "cut short: ends inside its %s",
                          ours ? "record or seek table" : "skippable frame");
        n = n < left ? n : left;
        if (ours && s->tail_len + n > s->tail_capacity) {
            s->tail_capacity = 2 * s->tail_capacity + n;
            s->tail = xrealloc(s->tail, s->tail_capacity, 1);
        }
        if (ours) {
            memcpy(s->tail + s->tail_len, s->in + s->in_used, n);
            s->tail_len += n;
        }
        s->in_used += n;
        left -= n;
    }
    if (magic == FRAMES_MAGIC_TABLE)
        s->place = AT_END;
    return NULL;
}

/* At the end: whether what came is what the record and the seek table speak of. */
static const char *check_tail(struct stream *s, char error[REASON_SIZE])
{
    struct frames frames;
    struct hash64 *said;
    const char *bad;
    bool same;

    if (s->tail_len == 0)
        return NULL; /* made by plain zstd */
    if (s->place != AT_END)
        return reason(error, "cut short: ends before its seek table");
    bad = frames_parse(&frames, &s->history, s->tail, s->tail_len);
    if (bad)
        return reason(error, "%s", bad);
    said = hash64_new();
    for (size_t i = 0; i < frames.n; i++)
        see_frame(said, frames.list[i].stored, frames.list[i].content, frames.list[i].hash);
    same = s->n_seen == frames.n && hash64_value(said) == hash64_value(s->seen);
    hash64_free(said);
    frames_release(&frames);
    return same ? NULL : reason(error, "damaged: its frames are not those of its seek table");
}

/* Up to LEN bytes of the frame that the stream is in. */
static const char *read_frame(struct stream *s, void *data, size_t len, size_t *got,
                              char error[REASON_SIZE])
{
    ZSTD_outBuffer out = {data, len, 0};
    ZSTD_inBuffer in = {s->in, s->in_len, s->in_used};
    size_t left = ZSTD_decompressStream(s->decompressor, &out, &in);

    if (ZSTD_isError(left))
        return reason(error, "damaged: frame %zu: %s", s->n_seen + 1, ZSTD_getErrorName(left));
    hash64_add(s->frame_hash, s->in + s->in_used, in.pos - s->in_used);
    s->frame_stored += in.pos - s->in_used;
    s->frame_content += out.pos;
    s->in_used = in.pos;
    *got = out.pos;
    if (left == 0) {
        see_frame(s->seen, s->frame_stored, s->frame_content, hash64_value(s->frame_hash));
        s->n_seen++;
        s->place = AT_FRAME;
    } else if (out.pos == 0) {
        if (fill(s, s->in_len - s->in_used + 1, error))
            return error;
        if (s->in_ended)
            return reason(error, "cut short: ends inside frame %zu", s->n_seen + 1);
    }
    return NULL;
}

/* Takes what stands between two frames. */
static const char *next_frame(struct stream *s, char error[REASON_SIZE])
{
    uint32_t magic;

    if (fill(s, 4, error))
        return error;
    s->ended = s->in_len == s->in_used;
    if (s->ended)
        return check_tail(s, error);
    if (s->place == AT_END)
        return reason(error, "damaged: data after its seek table");
    magic = s->in_len - s->in_used < 4 ? 0 : get_le32(s->in + s->in_used);
    if (is_skippable(magic))
        return take_skippable(s, magic, error);
    if (magic != FRAMES_MAGIC_DATA || s->tail_len > 0)
        return reason(error, "damaged: what follows frame %zu is no frame", s->n_seen);
    ZSTD_DCtx_reset(s->decompressor, ZSTD_reset_session_only);
    hash64_reset(s->frame_hash);
    s->frame_stored = s->frame_content = 0;
    s->place = IN_FRAME;
    return NULL;
}

const char *stream_read(struct stream *s, void *data, size_t len, size_t *got,
                        char error[REASON_SIZE])
{
    const char *bad = NULL;

    *got = 0;
    while (!bad && !s->ended && *got < len) {
        size_t n = 0;

        if (!s->framed) {
            bad = fill(s, 1, error);
            n = s->in_len - s->in_used;
            s->ended = n == 0;
            n = smaller(n, len - *got);
            memcpy((char *)data + *got, s->in + s->in_used, n);
            s->in_used += n;
        } else if (s->place == IN_FRAME) {
            bad = read_frame(s, (char *)data + *got, len - *got, &n, error);
        } else {
            bad = next_frame(s, error);
        }
        *got += n;
    }
    return bad;
}

size_t stream_n_frames(const struct stream *s)
{
    return s->n_seen;
}

uint64_t stream_stored(const struct stream *s)
{
    return s->stored;
}

const char *stream_history(const struct stream *s)
{
    return s->history;
}

void stream_close(struct stream *s)
{
    ZSTD_freeDCtx(s->decompressor);
    hash64_free(s->frame_hash);
    hash64_free(s->seen);
    free(s->in);
    free(s->tail);
    free(s->history);
    free(s);
}
