/* raw: a zstd frame that holds its content as it is. Pure.
 *
 *     28 B5 2F FD     magic
 *     84 38           a length of 4 bytes and a checksum; a window of 128 KiB
 *     length (4)      of the content
 *     head (3)        of a block: 8 times its length, and 1 for the last
 *     block           128 KiB of content, the last one what is left; then the next head
 *     checksum (4)    low 32 bits of XXH64 of the content
 *
 * So who writes or reads it needs neither compressor nor copy. Source: RFC 8878, 3.1.1.
 */
#ifndef RAW_H
#define RAW_H

#include <stddef.h>

enum { RAW_HEAD = 13, RAW_CHECKSUM = 4 };

/* The frame's length as stored, of LEN bytes of content, at least 1. */
size_t raw_stored(size_t len);
/* The length of the block that begins at AT of LEN bytes of content. */
size_t raw_block(size_t at, size_t len);
/* What stands before it: its head, and before the first the head of the frame. Returns how long. */
size_t raw_head(unsigned char head[RAW_HEAD], size_t at, size_t len);

#endif
