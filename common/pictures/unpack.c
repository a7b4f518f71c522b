#include "pictures/unpack.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "base/report.h"

enum {
    SIGNATURE = 8,
    HEAD = 8,
    CRC = 4,
    IHDR = 13,
    ZLIB_HEAD = 2,
    ADLER = 4,
    BLOCK_HEAD = 5,
    BLOCK = 65535
};

/* Where the parts of a file lie; all IDAT chunks are between idat and after. */
struct layout {
    size_t idat, after, end; /* end: behind IEND */
    size_t data_len;         /* what the IDAT chunks hold together */
    size_t rows_len; /* what that must inflate to: for each row its filter and its samples */
};

static uint32_t u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static unsigned char *put_u32(unsigned char *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        *p++ = (unsigned char)(value >> (24 - 8 * i));
    return p;
}

/* From the 13 bytes of an IHDR chunk; 0 where the rows are not of the plain kind, or too long. */
static size_t rows_length(const unsigned char *header)
{
    static const unsigned char channels[7] = {1, 0, 3, 1, 2, 0, 4};
    uint64_t width = u32(header), height = u32(header + 4), depth = header[8], colour = header[9],
             len;
    if (width > UNPACK_MOST || height > UNPACK_MOST || depth > 16 || colour >= sizeof channels
        || header[12] != 0)
        return 0;
    len = height * (1 + (width * channels[colour] * depth + 7) / 8);
    return len <= UNPACK_MOST ? (size_t)len : 0;
}

/* Finds the parts; false where a chunk is damaged, missing or not where it belongs. */
static bool lay_out(struct layout *l, const unsigned char *file, size_t len)
{
    *l = (struct layout){0};
    for (size_t at = SIGNATURE, n; !l->end; at += HEAD + n + CRC) {
        const unsigned char *name = file + at + 4;
        bool is_header, is_data;
        if (len < at + HEAD + CRC || (n = u32(file + at)) > len - at - HEAD - CRC
            || libdeflate_crc32(0, name, 4 + n) != u32(name + 4 + n))
            return false;
        is_header = memcmp(name, "IHDR", 4) == 0;
        is_data = memcmp(name, "IDAT", 4) == 0;
        if (is_header != (at == SIGNATURE)
            || (is_header && (n != IHDR || !(l->rows_len = rows_length(name + 4)))))
            return false;
        if (is_data && l->idat && l->after != at)
            return false;
        if (is_data) {
            l->idat = l->idat ? l->idat : at;
            l->after = at + HEAD + n + CRC;
            l->data_len += n;
        }
        if (memcmp(name, "IEND", 4) == 0)
            l->end = at + HEAD + n + CRC;
    }
    return l->data_len > ZLIB_HEAD + ADLER;
}

/* What the IDAT chunks hold, one after another. */
static void join(unsigned char *data, const unsigned char *file, const struct layout *l)
{
    for (size_t at = l->idat, n; at < l->after; at += HEAD + n + CRC) {
        n = u32(file + at);
        memcpy(data, file + at + HEAD, n);
        data += n;
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
    for (size_t i = (len - 1) / BLOCK + 1; i-- > 0;) {
        size_t left = len - i * BLOCK, n = left < BLOCK ? left : BLOCK;
        unsigned char *block = blocks + i * (BLOCK_HEAD + BLOCK);
        memmove(block + BLOCK_HEAD, blocks + BLOCK_HEAD + i * BLOCK, n);
        memcpy(block,
               (unsigned char[BLOCK_HEAD]){n == left, n & 255, n >> 8, ~n & 255, (~n >> 8) & 255},
               BLOCK_HEAD);
    }
}

unsigned char *unpack_png(const unsigned char *file, size_t len, size_t *unpacked_len)
{
    struct layout l;
    size_t blocks_len, idat_len, head_len, tail_len;
    unsigned char *unpacked, *at, *data;
    if (len > UNPACK_MOST || !lay_out(&l, file, len))
        return NULL;
    blocks_len = l.rows_len + BLOCK_HEAD * ((l.rows_len - 1) / BLOCK + 1);
    idat_len = ZLIB_HEAD + blocks_len + ADLER;
    head_len = l.idat + HEAD;
    tail_len = CRC + l.end - l.after;
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
    memcpy(put_u32(unpacked + l.idat, (uint32_t)idat_len), "IDAT", 4);
    memcpy(at, data, ZLIB_HEAD);
    part_blocks(at + ZLIB_HEAD, l.rows_len);
    memset(at + idat_len - ADLER, 0, ADLER + CRC);
    memcpy(at + idat_len + CRC, file + l.after, l.end - l.after);
    *unpacked_len = head_len + idat_len + tail_len;
    return unpacked;
}
