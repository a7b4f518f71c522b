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
#include "files/digest.h"
#include "files/jobs.h"
#include "files/seekable.h"
#include "files/stream.h"

enum { BLOCK = 1 << 20 };  /* pipes and plain files are read in such blocks */
enum { DIRECT = 3 << 20 }; /* so long a read has frames decompressed to where it wants them */
enum { HEADER = 64 };      /* so long is any, at least */

struct zio_reader {
    char *path;
    int fd, threads;
    struct seekable *file;   /* a regular file, or NULL and */
    struct stream *stream;   /* a pipe */
    uint64_t length;         /* of the content; UINT64_MAX: not known */
    uint64_t stored;         /* of the file; of a stream what has come of it */
    unsigned char ahead[16]; /* what zio_peek took from the stream */
    size_t n_ahead;

    uint64_t position;         /* in the content: what zio_read gives next */
    struct digest_state *hash; /* of what zio_read gave; NULL: nobody asks */
    bool ended;                /* zio_read returned 0 */
    struct jobs *jobs;         /* struct piece: decompression ahead of zio_read */
    struct piece *piece;       /* that zio_read is in; NULL: none */
    size_t piece_at;           /* bytes of it that it gave */
    size_t skip;               /* bytes that the next piece does not give */
    uint64_t range_end;        /* in the content, where zio_range set one; otherwise UINT64_MAX */
    size_t next_frame;         /* to be started */
    size_t in_flight;          /* content of the pieces started */
    bool last_block;           /* the stream has come to its end */
};

/* One frame of a file, or one block of a pipe. */
struct piece {
    struct zio_reader *reader;
    size_t number; /* of the frame */
    struct seekable_frame frame;
    unsigned char *to;            /* where the content belongs; NULL: nowhere yet */
    unsigned char *block;         /* BLOCK bytes */
    const unsigned char *content; /* of either */
    size_t used;                  /* of the content, bytes */
    uint64_t stored;              /* of the pipe, so far */
    const char *bad;              /* reason why reading failed, in error */
    char error[ZIO_ERROR];
};

static void release_piece(void *slot)
{
    struct piece *p = slot;

    seekable_frame_release(&p->frame);
    free(p->block);
}

size_t zio_memory(size_t frame)
{
    size_t slots = jobs_slots(omp_get_max_threads()), most = ZIO_IN_FLIGHT / frame + 1;

    return 2 * smaller(slots, most) * frame; /* content, and what is stored of it */
}

static const char *open_regular(struct zio_reader *r, uint64_t file_len, char error[ZIO_ERROR])
{
    const char *bad = seekable_open(&r->file, r->fd, file_len, error);

    r->length = seekable_length(r->file);
    r->stored = file_len;
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
    r->range_end = UINT64_MAX;
    r->hash = digest_new();
    r->threads =
        omp_get_max_threads(); /* here: another thread that reads may not know of --threads */
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

static void decode_job(void *slot)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    struct piece *p = slot;

    p->bad = seekable_frame(p->reader->file, p->number, &p->frame, p->to, p->error);
    p->content = p->frame.content;
    p->used = p->frame.len;
    profile_leave(before);
}

static void stream_job(void *slot)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    struct piece *p = slot;

    if (!p->block)
        p->block = xmalloc(BLOCK);
    p->bad = stream_read(p->reader->stream, p->block, BLOCK, &p->used, p->error);
    p->content = p->block;
    p->stored = stream_stored(p->reader->stream);
    profile_leave(before);
}

static bool frames_are_left(const struct zio_reader *r)
{
    const struct frames *f = seekable_frames(r->file);

    return r->next_frame < f->n && f->list[r->next_frame].offset < r->range_end;
}

/* Whether the next frame is to be read ahead of the LEN bytes wanted from the place of zio_read on,
 * and *to: where in DATA it belongs, NULL where it is not whole in there. A long read waits for
 * none ahead of it: the next one will say where they belong. Nor does that of a header. */
static bool place_next(const struct zio_reader *r, unsigned char *data, size_t len,
                       unsigned char **to)
{
    const struct frame *f = &seekable_frames(r->file)->list[r->next_frame];
    uint64_t before = f->offset - r->position; /* used where it is not negative */

    *to = NULL;
    if ((len < DIRECT && r->position >= HEADER) || f->offset < r->position)
        return true;
    *to = before + f->content <= len ? data + before : NULL;
    return before < len;
}

/* Starts as many pieces as there is room for, of the LEN bytes wanted at DATA and ahead of them. */
static void read_ahead(struct zio_reader *r, unsigned char *data, size_t len)
{
    unsigned char *to = NULL;
    struct piece *p;

    if (!r->jobs)
        r->jobs = jobs_new(r->threads, sizeof *p, r->stream, r->stream ? stream_job : decode_job);
    while (r->stream ? !r->last_block : frames_are_left(r)) {
        size_t content = r->file ? seekable_frame_length(r->file, r->next_frame) : BLOCK;

        if ((r->in_flight > 0 && r->in_flight + content > ZIO_IN_FLIGHT)
            || (r->file && !place_next(r, data, len, &to)) || !(p = jobs_slot(r->jobs)))
            return;
        p->reader = r;
        p->to = to;
        p->number = r->next_frame++;
        r->in_flight += content;
        jobs_start(r->jobs, p);
    }
}

/* The next piece becomes r->piece, which stays NULL at the end. NULL, or the reason. */
static const char *take_piece(struct zio_reader *r, char error[ZIO_ERROR])
{
    struct piece *p;

    r->piece = p = jobs_take(r->jobs);
    if (!p)
        return NULL;
    r->piece_at = r->skip;
    r->skip = 0;
    r->in_flight -= r->stream ? BLOCK : p->used;
    r->last_block = r->stream && p->used < BLOCK;
    r->stored = r->stream ? p->stored : r->stored;
    return p->bad ? strcpy(error, p->error) : NULL;
}

static void return_piece(struct zio_reader *r)
{
    jobs_return(r->jobs, r->piece);
    r->piece = NULL;
}

/* Drops what was started, once it is done. */
static void drop_pieces(struct zio_reader *r)
{
    while (r->jobs && (r->piece || (r->piece = jobs_take(r->jobs))))
        return_piece(r);
    r->in_flight = 0;
}

/* Content in order, through the pieces. */
static const char *read_pieces(struct zio_reader *r, unsigned char *data, size_t len, size_t *got,
                               char error[ZIO_ERROR])
{
    for (*got = 0; *got < len;) {
        struct piece *p;
        size_t n;

        read_ahead(r, data, len);
        if (!r->piece && take_piece(r, error))
            return error;
        if (!(p = r->piece))
            return NULL;
        n = smaller(p->used - r->piece_at, len - *got);
        if (!p->to)
            memcpy(data + *got, p->content + r->piece_at, n);
        r->piece_at += n;
        *got += n;
        if (r->piece_at == p->used)
            return_piece(r);
    }
    return NULL;
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
    const char *bad;

    *got = 0;
    len = r->range_end - r->position < len ? r->range_end - r->position : len;
    if (len == 0 || r->ended)
        return NULL;
    if (r->file && seekable_n_frames(r->file) == 0) {
        *got = r->length - r->position < len ? r->length - r->position : len;
        bad = seekable_read_at(r->file, data, *got, r->position, error);
    } else {
        size_t n = r->position < r->n_ahead ? smaller(r->n_ahead - r->position, len) : 0;

        memcpy(data, r->ahead + (n ? r->position : 0), n);
        bad = read_pieces(r, (unsigned char *)data + n, len - n, got, error);
        *got += n;
    }
    if (bad && r->file)
        drop_pieces(r); /* their content may belong into DATA */
    if (bad)
        return bad;
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
    assert(r->file && r->range_end == UINT64_MAX && from <= to && to <= r->length);
    drop_pieces(r); /* what is ahead of FROM */
    r->position = from;
    r->range_end = to;
    if (seekable_n_frames(r->file) > 0 && from < r->length) {
        r->next_frame = frames_find(seekable_frames(r->file), from);
        r->skip = from - seekable_frames(r->file)->list[r->next_frame].offset;
    }
}

bool zio_read_frame(struct zio_reader *r, struct zio_frame *f)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    char error[ZIO_ERROR];

    assert(r->file && seekable_n_frames(r->file) > 0);
    assert(!r->piece || r->piece_at == 0 || r->piece_at == r->piece->used);
    if (r->piece)
        return_piece(r);
    read_ahead(r, NULL, 0);
    if (take_piece(r, error))
        die_file(r->path, "%s", error);
    if (r->piece) {
        const struct seekable_frame *frame = &r->piece->frame;

        *f = (struct zio_frame){seekable_frames(r->file)->list[r->piece->number],
                                frame->raw ? NULL : frame->stored, r->piece->content};
        r->piece_at = r->piece->used; /* zio_read goes on behind it */
    }
    profile_leave(before);
    return r->piece;
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
    if (r->file) {
        len = r->length < len ? r->length : len;
        bad = zio_try_read_at(r, data, len, 0, error);
        seekable_forget(r->file); /* a frame may be 64 MiB long, and is read again in order */
    } else {
        if (r->n_ahead == 0)
            bad = stream_read(r->stream, r->ahead, sizeof r->ahead, &r->n_ahead, error);
        len = smaller(r->n_ahead, len);
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

    if (r->file && (!r->hash || !r->ended || r->range_end != UINT64_MAX)) {
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
