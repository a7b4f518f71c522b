/* protobuf: fields of a message, one behind another in a buffer. Pure.
 *
 * A field is its number << 3 and its kind of value, then the value: a number of variable length
 * (kind 0), 4 bytes (5), or bytes behind their length (2), which may be a message of their own.
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
#ifndef PROTOBUF_H
#define PROTOBUF_H

#include "files/buffer.h"

void protobuf_int(struct buffer *b, int field, int64_t value);
void protobuf_float(struct buffer *b, int field, float value);
void protobuf_bytes(struct buffer *b, int field, const void *data, size_t len);
void protobuf_text(struct buffer *b, int field, const char *text);
/* M becomes a field of B and is released. */
void protobuf_message(struct buffer *b, int field, struct buffer *m);

#endif
