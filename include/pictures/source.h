/* source: the bytes of a file, digested as they pass. Regular files alone: no FIFO holds us.
 *
 * Bytes are taken in order, from buffer + at, n - at of them at a time; source_at reads anywhere
 * beside. Functions that can fail return NULL, or the reason.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/digest.h"

enum { SOURCE_BUFFER = 1 << 16 };

struct source {
    int fd;
    uint64_t size;             /* of the file when it was opened, bytes */
    struct digest_state *hash; /* NULL: no digest wanted */
    int error;                 /* errno of a failed read */
    bool ended;                /* source_fill found no more bytes */
    size_t at, n;              /* the part of the buffer not yet taken */
    size_t capacity;           /* of the buffer */
    unsigned char *buffer;
};

/* Opens PATH and reads its first bytes: the whole file, or SOURCE_BUFFER of them. Whatever it
 * returns, source_close is to follow. */
const char *source_open(struct source *s, const char *path, bool digest);
/* Makes at least one byte available; false at the end of the file or after an error. */
bool source_fill(struct source *s);
/* Takes N bytes in order, into BYTES or, where that is NULL, to nowhere; false where there are
 * fewer. */
bool source_take(struct source *s, void *bytes, size_t n);
/* Brings all bytes of the file, of which none were taken, into the buffer. */
const char *source_whole(struct source *s);
/* N bytes from OFFSET on; false where there are fewer. What is taken in order stays as it is. */
bool source_at(const struct source *s, uint64_t offset, void *bytes, size_t n);
/* Why bytes are missing: "cut short", or the system's words. */
const char *source_reason(const struct source *s);
/* Closes the file and frees its buffer. With a digest it reads to the end first: DIGEST becomes
 * that of all bytes, 0 where they could not be read. Returns why a read failed, ever. */
const char *source_close(struct source *s, struct digest *digest);

#endif
