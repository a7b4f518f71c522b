/* buffer: bytes that grow, and the numbers of variable length that protobuf and Thrift write.
 *
 * A struct buffer that is zero is empty; buffer_release makes it so again. Where there is no memory
 * the process ends.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    unsigned char *data;
    size_t len, capacity; /* bytes */
};

void buffer_add(struct buffer *b, const void *data, size_t len);
void buffer_byte(struct buffer *b, int byte);
/* 7 bits a byte, the lowest first, the top bit set on all bytes but the last. */
void buffer_varint(struct buffer *b, uint64_t value);
/* Room for LEN bytes at the end of B, which count as added; until the next call. */
unsigned char *buffer_room(struct buffer *b, size_t len);
void buffer_release(struct buffer *b);

#endif
