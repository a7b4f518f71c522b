/* seekable: the content of a regular file at any place of it: of zstd frames, through the record
 * and the seek table at its end (frames.h), whose absence is an error; or of plain bytes.
 *
 * Every frame is held to its hash before it is decompressed, and to its entry in the seek table
 * after. Functions that may fail return NULL, or the reason, which stands in ERROR.
 */
#ifndef SEEKABLE_H
#define SEEKABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"
#include "files/frames.h"

struct seekable;

/* The file of FILE_LEN bytes behind FD, which stays the caller's. *s is always set. */
const char *seekable_open(struct seekable **s, int fd, uint64_t file_len, char error[REASON_SIZE]);
uint64_t seekable_length(const struct seekable *s);     /* of the content, bytes */
const char *seekable_history(const struct seekable *s); /* the history text or NULL */
size_t seekable_n_frames(const struct seekable *s);     /* 0 of plain bytes */
const struct frames *seekable_frames(const struct seekable *s);
size_t seekable_frame_length(const struct seekable *s, size_t i); /* of its content, bytes */

/* A frame decompressed: LEN bytes of CONTENT. All zero at first; what it holds serves for the next
 * frame too. */
struct seekable_frame {
    const unsigned char *content;
    unsigned char *memory, *stored; /* owned: for the content, for what is stored of it */
    size_t len, capacity, stored_capacity;
    bool raw;                         /* of raw blocks (raw.h), read without stored */
    struct ZSTD_DCtx_s *decompressor; /* zstd's */
};

/* Frame I becomes F, its content in TO (NULL: in memory of F). Several threads may do so at once,
 * each with an F of its own. */
const char *seekable_frame(const struct seekable *s, size_t i, struct seekable_frame *f, void *to,
                           char error[REASON_SIZE]);
void seekable_frame_release(struct seekable_frame *f);

/* LEN bytes of the content at OFFSET; from several threads at once. The frame that was read last is
 * kept, until seekable_forget. */
const char *seekable_read_at(struct seekable *s, void *data, size_t len, uint64_t offset,
                             char error[REASON_SIZE]);
void seekable_forget(struct seekable *s);
void seekable_close(struct seekable *s);

#endif
