#include "files/chunks.h"

#include <libdeflate.h>
#include <string.h>

#include "base/endian.h"

bool chunk_is_png(const unsigned char *data, size_t len)
{
    return len >= PNG_HEAD && memcmp(data, "\x89PNG\r\n\x1a\n", PNG_HEAD) == 0;
}

uint64_t chunk_after(const struct chunk *c)
{
    return c->at == 0 ? PNG_HEAD : c->at + CHUNK_HEAD + c->len + CHUNK_CRC;
}

bool chunk_follows(const struct chunk *c, uint64_t len)
{
    return !chunk_is(c, "IEND") && chunk_after(c) + CHUNK_HEAD + CHUNK_CRC <= len;
}

bool chunk_next(struct chunk *c, const unsigned char head[CHUNK_HEAD], uint64_t len)
{
    struct chunk next = {.at = chunk_after(c), .len = get_be32(head)};

    if (next.len > len - next.at - CHUNK_HEAD - CHUNK_CRC)
        return false;
    memcpy(next.type, head + 4, 4);
    *c = next;
    return true;
}

bool chunk_is(const struct chunk *c, const char *type)
{
    return memcmp(c->type, type, 4) == 0;
}

uint32_t chunk_crc(const struct chunk *c, const unsigned char *data)
{
    return libdeflate_crc32(libdeflate_crc32(0, c->type, 4), data, c->len);
}

bool chunk_is_whole(const struct chunk *c, const unsigned char *data)
{
    return chunk_crc(c, data) == get_be32(data + c->len);
}

const char *chunk_text(const struct chunk *c, const char *data, const char *keyword)
{
    size_t at = strlen(keyword) + 1;
    bool compressed = false;

    if ((!chunk_is(c, "iTXt") && !chunk_is(c, "tEXt")) || c->len < at
        || memcmp(data, keyword, at) != 0)
        return NULL;
    if (chunk_is(c, "iTXt")) { /* compression flag and method, language, translated keyword */
        compressed = data[at];
        at += 2;
        for (int i = 0; i < 2; i++)
            at += at < c->len ? strlen(data + at) + 1 : 0;
    }
    return compressed ? NULL : at < c->len ? data + at : "";
}
