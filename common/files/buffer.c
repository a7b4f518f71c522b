#include "files/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/report.h"

unsigned char *buffer_room(struct buffer *b, size_t len)
{
    if (b->capacity - b->len < len) {
        b->capacity = 2 * b->capacity > b->len + len ? 2 * b->capacity : b->len + len + 64;
        b->data = xrealloc(b->data, b->capacity, 1);
    }
    b->len += len;
    return b->data + b->len - len;
}

void buffer_add(struct buffer *b, const void *data, size_t len)
{
    if (len > 0)
        memcpy(buffer_room(b, len), data, len);
}

void buffer_byte(struct buffer *b, int byte)
{
    *buffer_room(b, 1) = (unsigned char)byte;
}

void buffer_varint(struct buffer *b, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        buffer_byte(b, (int)(value & 127) | 128);
    buffer_byte(b, (int)value);
}

void buffer_release(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}
