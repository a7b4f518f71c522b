/* endian: numbers as bytes at any address, the least significant byte first (le: NPY, safetensors,
 * zstd, deflate) or the most significant (be: PNG). put returns where the next number goes.
 */
#ifndef ENDIAN_H
#define ENDIAN_H

#include <stdint.h>

static inline uint16_t get_le16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const unsigned char *p)
{
    return get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static inline uint64_t get_le64(const unsigned char *p)
{
    return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline uint16_t get_be16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const unsigned char *p)
{
    return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static inline unsigned char *put_le16(unsigned char *p, uint16_t value)
{
    *p++ = value & 255;
    *p++ = value >> 8;
    return p;
}

static inline unsigned char *put_le32(unsigned char *p, uint32_t value)
{
    return put_le16(put_le16(p, value & 65535), value >> 16);
}

static inline unsigned char *put_le64(unsigned char *p, uint64_t value)
{
    return put_le32(put_le32(p, (uint32_t)value), value >> 32);
}

static inline unsigned char *put_be32(unsigned char *p, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *p++ = value >> shift & 255;
    return p;
}

static inline unsigned char *put_be64(unsigned char *p, uint64_t value)
{
    return put_be32(put_be32(p, value >> 32), (uint32_t)value);
}

#endif
