/* trailer: a text at the very end of an ONNX or a Parquet file, where these formats keep what is
 * not theirs. Pure.
 *
 *     ONNX      the last field of the model, an entry of metadata_props
 *     Parquet   the last field of the footer, the one entry of key_value_metadata; what ends the
 *               footer and the file
 *
 * The key is "kasane-history". All that stands before the trailer is the file's content.
 */
#ifndef TRAILER_H
#define TRAILER_H

#include <stdbool.h>
#include <stddef.h>

#include "files/buffer.h"

enum trailer_kind { TRAILER_NONE, TRAILER_ONNX, TRAILER_PARQUET };
enum { TRAILER_HEAD = 10, TRAILER_MOST = 96 }; /* bytes to know a file by; beside the text */

/* How an ONNX file of ours begins, TRAILER_HEAD bytes: version 7 of the format, by "kasane". */
extern const char trailer_onnx_head[];
/* Which file starts with the LEN bytes at HEAD. */
enum trailer_kind trailer_kind_of(const unsigned char *head, size_t len);
/* Appends the trailer with TEXT to B. FOOTER_LEN: bytes of the Parquet footer that precede it. */
void trailer_format(struct buffer *b, enum trailer_kind kind, const char *text, size_t footer_len);
/* Whether a Parquet footer that starts with HEAD is ours: field 1, version 2; field 2, the schema,
 * a list of any length; whose first element has field 4, the name "kasane". */
enum { TRAILER_FOOTER = 12 };
bool trailer_is_footer(const unsigned char head[TRAILER_FOOTER]);
/* Where the trailer begins in the LEN bytes of TAIL, the last of a file; *text, *text_len: where
 * its text stands. LEN: there is none, or a bit of it is not as trailer_format writes it. */
size_t trailer_start(enum trailer_kind kind, const unsigned char *tail, size_t len,
                     const char **text, size_t *text_len);

#endif
