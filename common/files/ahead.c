#include "files/ahead.h"

#include <assert.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "base/sizes.h"
#include "files/jobs.h"

enum { BLOCK = 1 << 20 };  /* of a pipe's content */
enum { DIRECT = 3 << 20 }; /* so long a read has frames decompressed to where it wants them */
enum { HEADER = 64 };      /* so long is any, at least */

struct ahead {
    struct seekable *file; /* or NULL and */
    struct stream *stream;
    int threads;
    uint64_t position;   /* in the content: what ahead_read gives next */
    uint64_t end;        /* where ahead_range set one; otherwise UINT64_MAX */
    struct jobs *jobs;   /* struct piece; NULL: none was needed yet */
    struct piece *piece; /* that ahead_read is in; NULL: none */
    size_t piece_at;     /* bytes of it that it gave */
    size_t skip;         /* bytes that the next piece does not give */
    size_t next_frame;   /* to be started */
    size_t in_flight;    /* content of the pieces started */
    bool last_block;     /* the stream has come to its end */
    uint64_t stored;
};

/* One frame of a file, or one block of a pipe. */
struct piece {
    struct ahead *ahead;
    size_t number; /* of the frame */
    struct seekable_frame frame;
    unsigned char *to;            /* where the content belongs; NULL: nowhere yet */
    unsigned char *block;         /* BLOCK bytes */
    const unsigned char *content; /* of either */
    size_t used;                  /* of the content, bytes */
    uint64_t stored;              /* of the pipe, so far */
    const char *bad;              /* reason why reading failed, in error */
    char error[REASON_SIZE];
};

struct ahead *ahead_new(struct seekable *file, struct stream *stream)
{
    struct ahead *a = xmalloc(sizeof *a);

    *a = (struct ahead){
        .file = file, .stream = stream, .threads = omp_get_max_threads(), .end = UINT64_MAX};
    return a;
}

uint64_t ahead_stored(const struct ahead *a)
{
    return a->stored;
}

/* --- pieces --- */

static void read_piece(void *slot)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    struct piece *p = slot;
    struct ahead *a = p->ahead;

    if (a->file) {
        p->bad = seekable_frame(a->file, p->number, &p->frame, p->to, p->error);
        p->content = p->frame.content;
        p->used = p->frame.len;
    } else {
        p->content = p->block = p->block ? p->block : xmalloc(BLOCK);
        p->bad = stream_read(a->stream, p->block, BLOCK, &p->used, p->error);
        p->stored = stream_stored(a->stream);
    }
    profile_leave(before);
}

static void release_piece(void *slot)
{
    struct piece *p = slot;

    seekable_frame_release(&p->frame);
    free(p->block);
}

static bool frames_are_left(const struct ahead *a)
{
    const struct frames *f = seekable_frames(a->file);

    return a->next_frame < f->n && f->list[a->next_frame].offset < a->end;
}

/* Whether the next frame is to be read ahead of the LEN bytes wanted from the place of the reader
 * on, and *to: where in DATA it belongs, NULL where it is not whole in there. A long read waits for
 * none ahead of it: the next one will say where they belong. Nor does that of a header. */
static bool place_next(const struct ahead *a, unsigned char *data, size_t len, unsigned char **to)
{
    const struct frame *f = &seekable_frames(a->file)->list[a->next_frame];
    uint64_t before = f->offset - a->position; /* used where it is not negative */

    *to = NULL;
    if ((len < DIRECT && a->position >= HEADER) || f->offset < a->position)
        return true;
    *to = before + f->content <= len ? data + before : NULL;
    return before < len;
}

/* Starts as many pieces as there is room for, of the LEN bytes wanted at DATA and ahead of them. */
static void read_ahead(struct ahead *a, unsigned char *data, size_t len)
{
    unsigned char *to = NULL;
    struct piece *p;

    if (!a->jobs)
        a->jobs = jobs_new(a->threads, sizeof *p, a->stream, read_piece);
    while (a->stream ? !a->last_block : frames_are_left(a)) {
        size_t content = a->file ? seekable_frame_length(a->file, a->next_frame) : BLOCK;

        if ((a->in_flight > 0 && a->in_flight + content > JOBS_IN_FLIGHT)
            || (a->file && !place_next(a, data, len, &to)) || !(p = jobs_slot(a->jobs)))
            return;
        p->ahead = a;
        p->to = to;
        p->number = a->next_frame++;
        a->in_flight += content;
        jobs_start(a->jobs, p);
    }
}

/* The next piece becomes a->piece, which stays NULL at the end. NULL, or the reason. */
static const char *take_piece(struct ahead *a, char error[REASON_SIZE])
{
    struct piece *p;

    a->piece = p = jobs_take(a->jobs);
    if (!p)
        return NULL;
    a->piece_at = a->skip;
    a->skip = 0;
    a->in_flight -= a->stream ? BLOCK : p->used;
    a->last_block = a->stream && !p->bad && p->used < BLOCK;
    a->stored = a->stream ? p->stored : a->stored;
    return p->bad ? strcpy(error, p->error) : NULL;
}

static void return_piece(struct ahead *a)
{
    jobs_return(a->jobs, a->piece);
    a->piece = NULL;
}

/* Drops what was started, once it is done. */
static void drop_pieces(struct ahead *a)
{
    while (a->jobs && (a->piece || (a->piece = jobs_take(a->jobs))))
        return_piece(a);
    a->in_flight = 0;
}

/* Content in order, through the pieces. */
static const char *read_pieces(struct ahead *a, unsigned char *data, size_t len, size_t *got,
                               char error[REASON_SIZE])
{
    for (*got = 0; *got < len;) {
        struct piece *p;
        size_t n;

        read_ahead(a, data, len);
        if (!a->piece && take_piece(a, error))
            return error;
        if (!(p = a->piece))
            return NULL;
        n = smaller(p->used - a->piece_at, len - *got);
        if (!p->to)
            memcpy(data + *got, p->content + a->piece_at, n);
        a->piece_at += n;
        *got += n;
        if (a->piece_at == p->used)
            return_piece(a);
    }
    return NULL;
}

/* --- in order --- */

const char *ahead_read(struct ahead *a, void *data, size_t len, size_t *got,
                       char error[REASON_SIZE])
{
    const char *bad;

    len = a->end - a->position < len ? a->end - a->position : len;
    if (a->file && seekable_n_frames(a->file) == 0) {
        uint64_t left = seekable_length(a->file) - a->position;

        *got = left < len ? left : len;
        bad = seekable_read_at(a->file, data, *got, a->position, error);
    } else {
        bad = read_pieces(a, data, len, got, error);
    }
    if (bad && a->file)
        drop_pieces(a); /* their content may belong into DATA */
    a->position += *got;
    return bad;
}

void ahead_range(struct ahead *a, uint64_t from, uint64_t to)
{
    assert(a->file && a->end == UINT64_MAX && from <= to && to <= seekable_length(a->file));
    drop_pieces(a); /* what is ahead of FROM */
    a->position = from;
    a->end = to;
    if (seekable_n_frames(a->file) > 0 && from < seekable_length(a->file)) {
        a->next_frame = frames_find(seekable_frames(a->file), from);
        a->skip = from - seekable_frames(a->file)->list[a->next_frame].offset;
    }
}

const char *ahead_frame(struct ahead *a, const struct seekable_frame **frame, size_t *number,
                        char error[REASON_SIZE])
{
    assert(a->file && seekable_n_frames(a->file) > 0);
    assert(!a->piece || a->piece_at == 0 || a->piece_at == a->piece->used);
    *frame = NULL;
    if (a->piece)
        return_piece(a);
    read_ahead(a, NULL, 0);
    if (take_piece(a, error))
        return error;
    if (!a->piece)
        return NULL;
    *frame = &a->piece->frame;
    *number = a->piece->number;
    a->piece_at = a->piece->used; /* ahead_read goes on behind it */
    a->position = seekable_frames(a->file)->list[*number].offset + a->piece->used;
    return NULL;
}

bool ahead_close(struct ahead *a)
{
    if (a->stream && a->jobs && !a->last_block)
        return false;
    if (a->jobs)
        jobs_free(a->jobs, release_piece);
    free(a);
    return true;
}
