/* stream: the content of zstd frames that come one behind another through a pipe, or of plain
 * bytes.
 *
 * Where the record and the seek table come (frames.h), every frame before them is held against
 * them; where none come, it was made by plain zstd, and whoever reads the content must know its
 * length. The zstd window is bounded, and nothing is allocated because the stream asks for it.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"

struct stream;

/* Begins to read from the descriptor FD, which stays the caller's. *s is always set; NULL, or the
 * reason. */
const char *stream_open(struct stream **s, int fd, char error[REASON_SIZE]);
/* Up to LEN bytes of content; less only at the end, where also the record and the seek table have
 * been checked. NULL, or the reason. */
const char *stream_read(struct stream *s, void *data, size_t len, size_t *got,
                        char error[REASON_SIZE]);
size_t stream_n_frames(const struct stream *s);     /* so far; 0 of plain bytes */
uint64_t stream_stored(const struct stream *s);     /* bytes of the file, so far */
const char *stream_history(const struct stream *s); /* at the end: the history text or NULL */
void stream_close(struct stream *s);

#endif
