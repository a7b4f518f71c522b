#include "pictures/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/report.h"
#include "base/sizes.h"

/* Reads up to N bytes behind the LEN in the buffer; 0 at the end of the file or after an error. */
static size_t read_more(struct source *s, size_t len, size_t n)
{
    ssize_t got;

    do
        got = read(s->fd, s->buffer + len, n);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        s->error = errno;
    if (got <= 0)
        return 0;
    if (s->hash)
        digest_add(s->hash, s->buffer + len, (size_t)got);
    return (size_t)got;
}

/* O_NONBLOCK: so that a FIFO does not hold us. */
const char *source_open(struct source *s, const char *path, bool digest)
{
    struct stat st;
    size_t got;

    *s = (struct source){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "not a regular file";
    s->size = (uint64_t)st.st_size;
    s->capacity = s->size > 0 && s->size < SOURCE_BUFFER ? (size_t)s->size : SOURCE_BUFFER;
    s->buffer = xmalloc(s->capacity);
    s->hash = digest ? digest_new() : NULL;
    while (s->n < s->capacity && (got = read_more(s, s->n, s->capacity - s->n)) > 0)
        s->n += got;
    return s->error ? strerror(s->error) : NULL;
}

bool source_fill(struct source *s)
{
    if (s->at < s->n)
        return true;
    s->at = 0;
    s->n = read_more(s, 0, s->capacity);
    s->ended = s->n == 0;
    return s->n > 0;
}

bool source_take(struct source *s, void *bytes, size_t n)
{
    unsigned char *to = bytes;

    while (n > 0) {
        size_t part;

        if (!source_fill(s))
            return false;
        part = smaller(n, s->n - s->at);
        if (to) {
            memcpy(to, s->buffer + s->at, part);
            to += part;
        }
        s->at += part;
        n -= part;
    }
    return true;
}

const char *source_whole(struct source *s)
{
    size_t got;

    if (s->size > s->n) {
        s->buffer = xrealloc(s->buffer, s->size, 1);
        s->capacity = s->size;
    }
    while (s->n < s->capacity && (got = read_more(s, s->n, s->capacity - s->n)) > 0)
        s->n += got;
    return s->error || s->n < s->size ? source_reason(s) : NULL;
}

bool source_at(const struct source *s, uint64_t offset, void *bytes, size_t n)
{
    unsigned char *to = bytes;

    if (offset > s->size || n > s->size - offset)
        return false;
    while (n > 0) {
        ssize_t got = pread(s->fd, to, n, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

const char *source_reason(const struct source *s)
{
    return s->error ? strerror(s->error) : "cut short";
}

const char *source_close(struct source *s, struct digest *digest)
{
    if (digest)
        *digest = (struct digest){0};
    if (s->hash) {
        do
            s->at = s->n;
        while (source_fill(s));
        if (digest && !s->error)
            *digest = digest_value(s->hash);
        digest_free(s->hash);
    }
    if (s->fd >= 0)
        close(s->fd);
    free(s->buffer);
    return s->error ? strerror(s->error) : NULL;
}
