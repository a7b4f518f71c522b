#include "files/raw.h"

#include "base/endian.h"
#include "base/sizes.h"
#include "files/frames.h"

enum { BLOCK = 128 << 10, BLOCK_HEAD = 3, DESCRIPTOR = 0x84, WINDOW = 0x38 };

size_t raw_stored(size_t len)
{
    return RAW_HEAD - BLOCK_HEAD + divide_up(len, BLOCK) * BLOCK_HEAD + len + RAW_CHECKSUM;
}

size_t raw_block(size_t at, size_t len)
{
    return smaller(len - at, BLOCK);
}

size_t raw_head(unsigned char head[RAW_HEAD], size_t at, size_t len)
{
    const size_t n = raw_block(at, len);
    unsigned char *p = head;

    if (at == 0) {
        p = put_le32(p, FRAMES_MAGIC_DATA);
        *p++ = DESCRIPTOR;
        *p++ = WINDOW;
        p = put_le32(p, len);
    }
    p = put_le16(p, (n << 3 | (at + n == len)) & 0xFFFF);
    *p++ = n >> 13;
    return p - head;
}
