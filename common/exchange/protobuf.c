#include "exchange/protobuf.h"

#include <string.h>

#include "base/endian.h"

enum { VARINT = 0, BYTES = 2, FIXED32 = 5 };

static void tag(struct buffer *b, int field, int kind)
{
    buffer_varint(b, (uint64_t)field << 3 | (uint64_t)kind);
}

void protobuf_int(struct buffer *b, int field, int64_t value)
{
    tag(b, field, VARINT);
    buffer_varint(b, (uint64_t)value);
}

void protobuf_float(struct buffer *b, int field, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    tag(b, field, FIXED32);
    put_le32(buffer_room(b, 4), bits);
}

void protobuf_bytes(struct buffer *b, int field, const void *data, size_t len)
{
    tag(b, field, BYTES);
    buffer_varint(b, len);
    buffer_add(b, data, len);
}

void protobuf_text(struct buffer *b, int field, const char *text)
{
    protobuf_bytes(b, field, text, strlen(text));
}

void protobuf_message(struct buffer *b, int field, struct buffer *m)
{
    protobuf_bytes(b, field, m->data, m->len);
    buffer_release(m);
}
