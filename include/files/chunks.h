/* chunks: the chunks of a PNG file, one after another. Pure.
 *
 *     0  89 50 4E 47 0D 0A 1A 0A
 *     8  chunks: length of the data (4, big-endian), type (4), data, CRC-32 of type and data (4)
 *
 * A walk starts at a chunk of zeros and goes on with chunk_next, over a file in memory or over one
 * of which each chunk's head is read when it is wanted:
 *
 *     struct chunk c = {0};
 *     while (chunk_follows(&c, len))
 *         if (!chunk_next(&c, file + chunk_after(&c), len))
 *             ... the file is cut short
 *
 * Source: https://www.w3.org/TR/png-3/, 5.2 and 5.3
 */
#ifndef CHUNKS_H
#define CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHUNK_HEAD = 8, CHUNK_CRC = 4, PNG_HEAD = 8 };

struct chunk {
    uint64_t at;  /* of its head in the file; 0: none yet */
    uint32_t len; /* of its data, which stand at at + CHUNK_HEAD */
    char type[5];
};

/* Whether the LEN bytes at DATA, the first of a file, are those of a PNG file. */
bool chunk_is_png(const unsigned char *data, size_t len);
/* Where the chunk after C starts: its head, or the end of the file. */
uint64_t chunk_after(const struct chunk *c);
/* Whether a file of LEN bytes has room for a chunk after C; not after IEND. */
bool chunk_follows(const struct chunk *c, uint64_t len);
/* C becomes the chunk after C, whose head is HEAD; chunk_follows must say that it is there. False
 * where its data go beyond the LEN bytes of the file: then C stays. */
bool chunk_next(struct chunk *c, const unsigned char head[CHUNK_HEAD], uint64_t len);
bool chunk_is(const struct chunk *c, const char *type);
/* CRC-32 of the type of C and its DATA; whether it is the one that stands behind the data. */
uint32_t chunk_crc(const struct chunk *c, const unsigned char *data);
bool chunk_is_whole(const struct chunk *c, const unsigned char *data);
/* The text of an iTXt or tEXt chunk with this KEYWORD, from its data (c->len bytes and a zero
 * byte); NULL where it has another, or is compressed. */
const char *chunk_text(const struct chunk *c, const char *data, const char *keyword);

#endif
