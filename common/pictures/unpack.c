#include "pictures/unpack.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "base/endian.h"
#include "base/report.h"
#include "base/sizes.h"
#include "files/chunks.h"

enum { IHDR = 13, ZLIB_HEAD = 2, ADLER = 4, BLOCK_HEAD = 5, BLOCK = 65535 };

/* Where the parts of a file lie; all IDAT chunks are between idat and after. */
struct layout {
    struct chunk first;      /* IDAT */
    size_t idat, after, end; /* idat: where it starts; end: behind IEND */
    size_t data_len;         /* what the IDAT chunks hold together */
    size_t rows_len; /* what that must inflate to: for each row its filter and its samples */
};

/* From the 13 bytes of an IHDR chunk; 0 where the rows are not of the plain kind, or too long. */
static size_t rows_length(const unsigned char *header)
{
    static const unsigned char channels[7] = {1, 0, 3, 1, 2, 0, 4};
    uint64_t width = get_be32(header), height = get_be32(header + 4), depth = header[8],
             colour = header[9], len;
    if (width > UNPACK_MOST || height > UNPACK_MOST || depth > 16 || colour >= sizeof channels
        || header[12] != 0)
        return 0;
    len = height * (1 + (width * channels[colour] * depth + 7) / 8);
    return len <= UNPACK_MOST ? (size_t)len : 0;
}

/* Finds the parts; false where a chunk is damaged, missing or not where it belongs. */
static bool lay_out(struct layout *l, const unsigned char *file, size_t len)
{
    struct chunk c = {0};

    *l = (struct layout){0};
    while (chunk_follows(&c, len)) {
        if (!chunk_next(&c, file + chunk_after(&c), len)
            || !chunk_is_whole(&c, file + c.at + CHUNK_HEAD))
            return false;
        if (chunk_is(&c, "IHDR") != (c.at == PNG_HEAD)
            || (c.at == PNG_HEAD
                && (c.len != IHDR || !(l->rows_len = rows_length(file + c.at + CHUNK_HEAD)))))
            return false;
        if (!chunk_is(&c, "IDAT"))
            continue;
        if (l->idat && l->after != c.at)
            return false;
        if (!l->idat)
            l->first = c;
        l->idat = l->first.at;
        l->after = chunk_after(&c);
        l->data_len += c.len;
    }
    l->end = chunk_after(&c);
    return chunk_is(&c, "IEND") && l->data_len > ZLIB_HEAD + ADLER;
}

/* What the IDAT chunks hold, one after another. */
static void join(unsigned char *data, const unsigned char *file, const struct layout *l)
{
    for (struct chunk c = l->first; c.at < l->after;
         chunk_next(&c, file + chunk_after(&c), l->end)) {
        memcpy(data, file + c.at + CHUNK_HEAD, c.len);
        data += c.len;
    }
}

/* A window shorter than the rows is left to zlib: whether matches reach beyond it depends on how it
 * is called. */
static bool has_full_window(const unsigned char *data, size_t rows_len)
{
    size_t window = (size_t)256 << (data[0] >> 4);
    return window >= 32768 || window >= rows_len;
}

static bool inflate(unsigned char *rows, size_t rows_len, const unsigned char *data, size_t len)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    size_t taken = 0;
    bool done;
    if (!d)
        die("out of memory: a decompressor wanted");
    done = libdeflate_zlib_decompress_ex(d, data, len, rows, rows_len, &taken, NULL)
            == LIBDEFLATE_SUCCESS
        && taken == len;
    libdeflate_free_decompressor(d);
    return done;
}

/* Moves LEN bytes behind the head of the first block apart into blocks. */
static void part_blocks(unsigned char *blocks, size_t len)
{
    for (size_t i = divide_up(len, BLOCK); i-- > 0;) {
        size_t left = len - i * BLOCK, n = smaller(left, BLOCK);
        unsigned char *block = blocks + i * (BLOCK_HEAD + BLOCK);
        memmove(block + BLOCK_HEAD, blocks + BLOCK_HEAD + i * BLOCK, n);
        *block = n == left;
        put_le16(put_le16(block + 1, (uint16_t)n), (uint16_t)~n);
    }
}

unsigned char *unpack_png(const unsigned char *file, size_t len, size_t *unpacked_len)
{
    struct layout l;
    size_t blocks_len, idat_len, head_len, tail_len;
    unsigned char *unpacked, *at, *data;
    if (len > UNPACK_MOST || !lay_out(&l, file, len))
        return NULL;
    blocks_len = l.rows_len + BLOCK_HEAD * divide_up(l.rows_len, BLOCK);
    idat_len = ZLIB_HEAD + blocks_len + ADLER;
    head_len = l.idat + CHUNK_HEAD;
    tail_len = CHUNK_CRC + l.end - l.after;
    unpacked = xmalloc(head_len + idat_len + tail_len + l.data_len);
    at = unpacked + head_len;
    data = unpacked + head_len + idat_len + tail_len;
    join(data, file, &l);
    if (!has_full_window(data, l.rows_len)
        || !inflate(at + ZLIB_HEAD + BLOCK_HEAD, l.rows_len, data, l.data_len)) {
        free(unpacked);
        return NULL;
    }
    memcpy(unpacked, file, l.idat);
    memcpy(put_be32(unpacked + l.idat, (uint32_t)idat_len), "IDAT", 4);
    memcpy(at, data, ZLIB_HEAD);
    part_blocks(at + ZLIB_HEAD, l.rows_len);
    memset(at + idat_len - ADLER, 0, ADLER + CHUNK_CRC);
    memcpy(at + idat_len + CHUNK_CRC, file + l.after, l.end - l.after);
    *unpacked_len = head_len + idat_len + tail_len;
    return unpacked;
}
