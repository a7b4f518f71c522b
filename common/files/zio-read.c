#include "files/zio.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/profile.h"
#include "base/report.h"
#include "base/sizes.h"
#include "files/ahead.h"
#include "files/digest.h"
#include "files/jobs.h"
#include "files/seekable.h"
#include "files/stream.h"

enum { BLOCK = 1 << 20 }; /* that all of the content is read by */

struct zio_reader {
    char *path;
    int fd;
    struct seekable *file; /* a regular file, or NULL and */
    struct stream *stream; /* a pipe */
    struct ahead *ahead;
    uint64_t length;          /* of the content; UINT64_MAX: not known */
    uint64_t file_len;        /* bytes of a regular file */
    unsigned char peeked[16]; /* what zio_peek took from the stream */
    size_t n_peeked;

    uint64_t position;         /* bytes that zio_read gave */
    struct digest_state *hash; /* of what zio_read gave; NULL: nobody asks */
    bool ranged;               /* zio_range was called */
    bool ended;                /* zio_read returned 0 */
};

size_t zio_memory(size_t frame)
{
    return 2 * jobs_memory(omp_get_max_threads(), frame); /* content, and what is stored of it */
}

static const char *open_source(struct zio_reader *r, const struct stat *st, char error[ZIO_ERROR])
{
    const char *bad;

    if (S_ISREG(st->st_mode) && lseek(r->fd, 0, SEEK_CUR) == 0) {
        bad = seekable_open(&r->file, r->fd, st->st_size, error);
        r->length = seekable_length(r->file);
        r->file_len = st->st_size;
    } else {
        bad = stream_open(&r->stream, r->fd, error);
        r->length = UINT64_MAX;
    }
    r->ahead = ahead_new(r->file, r->stream);
    return bad;
}

const char *zio_try_open(struct zio_reader **reader, const char *path, char error[ZIO_ERROR])
{
    struct zio_reader *r = xcalloc(1, sizeof *r);
    struct stat st;

    *reader = r;
    r->path = xstrdup(path);
    r->hash = digest_new();
    r->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                   : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return reason(error, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return reason(error, "is a directory");
    return open_source(r, &st, error);
}

const char *zio_try_read_at(struct zio_reader *r, void *data, size_t len, uint64_t offset,
                            char error[ZIO_ERROR])
{
    assert(r->file);
    return seekable_read_at(r->file, data, len, offset, error);
}

const char *zio_try_read(struct zio_reader *r, void *data, size_t len, size_t *got,
                         char error[ZIO_ERROR])
{
    size_t n = r->position < r->n_peeked ? smaller(r->n_peeked - r->position, len) : 0;
    const char *bad;

    *got = 0;
    if (len == 0 || r->ended)
        return NULL;
    memcpy(data, r->peeked + (n ? r->position : 0), n);
    bad = ahead_read(r->ahead, (unsigned char *)data + n, len - n, got, error);
    if (bad)
        return bad;
    *got += n;
    if (r->hash)
        digest_add(r->hash, data, *got);
    r->position += *got;
    r->ended = *got == 0;
    return NULL;
}

/* What another host wrote may not be seen here at once, for NFS remembers a while that there was no
 * such file: opening the folder asks anew. Waits up to KASANE_WAIT seconds of the environment. */
static void wait_for(const char *path)
{
    enum { TRIES = 10 }; /* a second */
    const char *wait = getenv("KASANE_WAIT"), *slash = strrchr(path, '/');
    char *folder = slash ? xformat("%.*s", (int)(slash - path) + 1, path) : xstrdup(".");
    long left = wait && strcmp(path, "-") != 0 ? TRIES * strtol(wait, NULL, 10) : 0;

    for (bool said = false; left > 0 && access(path, F_OK) != 0 && errno == ENOENT; left--) {
        DIR *dir = opendir(folder);

        if (dir)
            closedir(dir);
        if (!said && access(path, F_OK) != 0)
            warn_file(path, "not seen here yet: waiting up to %s s", wait);
        said = true;
        nanosleep(&(struct timespec){0, 1000000000 / TRIES}, NULL);
    }
    free(folder);
}

struct zio_reader *zio_open(const char *path)
{
    enum profile_part before = profile_enter(PROFILE_READING); /* a pipe may come late */
    struct zio_reader *r;
    char error[ZIO_ERROR];

    wait_for(path);
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

void zio_range(struct zio_reader *r, uint64_t from, uint64_t to)
{
    r->ranged = true;
    ahead_range(r->ahead, from, to);
}

bool zio_read_frame(struct zio_reader *r, struct zio_frame *f)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    const struct seekable_frame *frame;
    char error[ZIO_ERROR];
    size_t number;

    if (ahead_frame(r->ahead, &frame, &number, error))
        die_file(r->path, "%s", error);
    if (frame)
        *f = (struct zio_frame){seekable_frames(r->file)->list[number],
                                frame->raw ? NULL : frame->stored, frame->content};
    profile_leave(before);
    return frame;
}

void zio_read_at(struct zio_reader *r, void *data, size_t len, uint64_t offset)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    char error[ZIO_ERROR];

    if (zio_try_read_at(r, data, len, offset, error))
        die_file(r->path, "%s", error);
    profile_leave(before);
}

/* Bytes of the file; of a stream those that have come. */
static uint64_t stored(const struct zio_reader *r)
{
    return r->file ? r->file_len : ahead_stored(r->ahead);
}

/* How much content may be held at once: a few bytes of a file can decompress to any number. */
static size_t most_content(const struct zio_reader *r, size_t most)
{
    uint64_t bound = ZIO_MOST + 4 * stored(r);

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
                          (unsigned long long)stored(r));
        size = smaller(2 * size, bound);
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
                      (unsigned long long)r->length, (unsigned long long)stored(r), bound);
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

    assert(r->position == 0 && len <= sizeof r->peeked);
    if (r->file) {
        len = r->length < len ? r->length : len;
        bad = zio_try_read_at(r, data, len, 0, error);
        seekable_forget(r->file); /* a frame may be 64 MiB long, and is read again in order */
    } else {
        if (r->n_peeked == 0)
            bad = stream_read(r->stream, r->peeked, sizeof r->peeked, &r->n_peeked, error);
        len = smaller(r->n_peeked, len);
        memcpy(data, r->peeked, len);
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
    return r->file;
}

uint64_t zio_length(const struct zio_reader *r)
{
    return r->length;
}

const char *zio_history(struct zio_reader *r)
{
    if (r->file)
        return seekable_history(r->file);
    return r->stream && r->ended ? stream_history(r->stream) : NULL;
}

size_t zio_n_frames(const struct zio_reader *r)
{
    if (r->file)
        return seekable_n_frames(r->file);
    return r->stream && r->ended ? stream_n_frames(r->stream) : 0;
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

void zio_spare_digest(struct zio_reader *r)
{
    assert(r->file);
    digest_free(r->hash);
    r->hash = NULL;
}

void zio_reader_digest(struct zio_reader *r, char digest[DIGEST_SIZE])
{
    unsigned char *block;

    if (r->file && (!r->hash || !r->ended || r->ranged)) {
        digest_file(r, digest);
        return;
    }
    block = xmalloc(BLOCK);
    while (zio_read(r, block, BLOCK) > 0)
        continue;
    digest_format(digest, digest_value(r->hash));
    free(block);
}

void zio_close(struct zio_reader *r)
{
    if (r->ahead && !ahead_close(r->ahead))
        return;
    if (r->file)
        seekable_close(r->file);
    if (r->stream)
        stream_close(r->stream);
    if (r->fd >= 0)
        close(r->fd);
    digest_free(r->hash);
    free(r->path);
    free(r);
}
