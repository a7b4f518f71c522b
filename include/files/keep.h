/* keep: where a file keeps its history.
 *
 *     tensor      in its record frame (frames.h)
 *     model       under "history" in the __metadata__ of its header
 *     PNG         in an iTXt chunk with the keyword "kasane-history"
 *     SVG, HTML   in a comment behind all else, its last line: <!-- kasane-history GUARDED -->
 *     ONNX        in an entry of metadata_props, the last field: GUARDED (trailer.h)
 *     Parquet     in the one entry of key_value_metadata, the last field: GUARDED
 *     table       in a hidden file beside it, .NAME.history, one line: GUARDED
 *
 * GUARDED is {"check":"xxh64:HEX","history":HISTORY}, where HEX is XXH64 of HISTORY as it stands
 * there: JSON in ASCII, in which two hyphens in a row are written "-\u002d". So no text in it can
 * end the comment, and no bit of it can change unseen.
 */
#ifndef KEEP_H
#define KEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "files/trailer.h"
#include "files/zio.h"

/* *TEXT is the history of the file at PATH, which the caller frees: NULL where it has none, ""
 * where what should be one is damaged. NULL, or the reason why the file cannot be read, in ERROR.
 */
const char *keep_try_read(const char *path, char **text, char error[ZIO_ERROR]);
/* The history of any file of ours, or NULL; the caller frees it. Damage is no error here: NULL. */
char *keep_read(const char *path);

/* Whether the file at PATH is text that has its history beside it. */
bool keep_is_beside(const char *path);
/* Writes TEXT, the history of the table at PATH, beside it, whole or absent; nothing where PATH is
 * NULL, "-" or no regular file. */
void keep_beside(const char *path, const char *text);
/* Writes TEXT as the last line of W, which holds SVG or HTML. */
void keep_behind(struct zio_writer *w, const char *text);
/* Where the line of keep_behind begins in the LEN bytes of DATA, all of a file; LEN: there is none.
 */
size_t keep_behind_start(const char *data, size_t len);
/* Writes TEXT behind all that W holds, an ONNX or Parquet file; FOOTER_LEN as in trailer_format. */
void keep_trailer(struct zio_writer *w, enum trailer_kind kind, const char *text,
                  size_t footer_len);
/* *CONTENT: bytes of the file of this KIND before its trailer, all where there is none; *TEXT as
 * keep_try_read gives it. NULL, or the reason. */
const char *keep_try_trailer(struct zio_reader *r, enum trailer_kind kind, uint64_t *content,
                             char **text, char error[ZIO_ERROR]);

#endif
