/* ahead: the content of a file or a pipe from front to back, decompressed by threads ahead of its
 * reader.
 *
 * Of a file with frames (seekable.h) a piece of work is a frame, several at once; of a pipe
 * (stream.h) 1 MiB of content, one behind another. A read of 3 MiB and more has the frames that lie
 * whole in it decompressed to where it wants them, and none beyond: the next read says where they
 * belong. Plain bytes of a file are read where they stand.
 *
 * Functions that may fail return NULL, or the reason, which stands in ERROR; then only ahead_close
 * may follow.
 */
#ifndef AHEAD_H
#define AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"
#include "files/seekable.h"
#include "files/stream.h"

struct ahead;

/* Of FILE or of STREAM, the other is NULL; both stay the caller's. By as many threads as there are
 * for the thread that calls it: one that reads may not know of --threads. */
struct ahead *ahead_new(struct seekable *file, struct stream *stream);
/* Up to LEN bytes; *got is less only at the end, 0 after it. */
const char *ahead_read(struct ahead *a, void *data, size_t len, size_t *got,
                       char error[REASON_SIZE]);
/* From here on the content from FROM to TO alone; of a file, once at most. */
void ahead_range(struct ahead *a, uint64_t from, uint64_t to);
/* The next frame whole, of a file with frames, at the end of a frame: its number, and the frame
 * until the next call; NULL behind the last. */
const char *ahead_frame(struct ahead *a, const struct seekable_frame **frame, size_t *number,
                        char error[REASON_SIZE]);
/* Bytes of the stream that have come for what was read. */
uint64_t ahead_stored(const struct ahead *a);
/* False: a thread may still wait for the pipe, which cannot be called back. It keeps A and the
 * stream. */
bool ahead_close(struct ahead *a);

#endif
