#include "files/trailer.h"

#include <string.h>

#include "base/endian.h"

/* Behind its length, which no JSON text holds as a byte: a text with the key in it is not taken for
 * the trailer. */
static const char key[] = "\x0e"
                          "kasane-history";
enum { KEY = sizeof key - 1, PARQUET_END = 8 };

const char trailer_onnx_head[] = "\x08\x07\x12\x06kasane";

bool trailer_is_footer(const unsigned char head[TRAILER_FOOTER])
{
    return memcmp(head, "\x15\x04\x19", 3) == 0 && memcmp(head + 4, "\x48\x06kasane", 8) == 0;
}

enum trailer_kind trailer_kind_of(const unsigned char *head, size_t len)
{
    if (len >= TRAILER_HEAD && memcmp(head, trailer_onnx_head, TRAILER_HEAD) == 0)
        return TRAILER_ONNX;
    return len >= 4 && memcmp(head, "PAR1", 4) == 0 ? TRAILER_PARQUET : TRAILER_NONE;
}

/* Protobuf: field 14 of length L, in it the fields 1 and 2, each of its length. */
static void format_onnx(struct buffer *b, const char *text)
{
    struct buffer entry = {0};
    size_t len = strlen(text);

    buffer_byte(&entry, 1 << 3 | 2);
    buffer_add(&entry, key, KEY);
    buffer_byte(&entry, 2 << 3 | 2);
    buffer_varint(&entry, len);
    buffer_add(&entry, text, len);
    buffer_byte(b, 14 << 3 | 2);
    buffer_varint(b, entry.len);
    buffer_add(b, entry.data, entry.len);
    buffer_release(&entry);
}

/* Thrift's compact protocol: field 5 (zigzag: 10), a list (9) of one (1) struct (12), in it the
 * fields 1 and 2, each a text (8) that follows the field before; 0 ends a struct. */
static void format_parquet(struct buffer *b, const char *text, size_t footer_len)
{
    size_t start = b->len, len = strlen(text);

    buffer_add(b, "\x09\x0a\x1c\x18", 4);
    buffer_add(b, key, KEY);
    buffer_byte(b, 0x18);
    buffer_varint(b, len);
    buffer_add(b, text, len);
    buffer_add(b, "\0\0", 2);
    footer_len += b->len - start;
    put_le32(buffer_room(b, 4), (uint32_t)footer_len);
    buffer_add(b, "PAR1", 4);
}

void trailer_format(struct buffer *b, enum trailer_kind kind, const char *text, size_t footer_len)
{
    if (kind == TRAILER_ONNX)
        format_onnx(b, text);
    else if (kind == TRAILER_PARQUET)
        format_parquet(b, text, footer_len);
}

/* Whether the trailer that the LEN bytes at TAIL begin with is that of the text in them. */
static bool is_of(enum trailer_kind kind, const unsigned char *tail, size_t len, const char *text,
                  size_t text_len)
{
    struct buffer again = {0}, copy = {0};
    size_t footer = kind == TRAILER_PARQUET ? get_le32(tail + len - PARQUET_END) : 0;
    bool same;

    buffer_add(&copy, text, text_len);
    buffer_byte(&copy, '\0');
    footer = footer > len - PARQUET_END ? footer - (len - PARQUET_END) : 0;
    trailer_format(&again, kind, (const char *)copy.data, footer);
    same = again.len == len && memcmp(again.data, tail, len) == 0;
    buffer_release(&again);
    buffer_release(&copy);
    return same;
}

/* The last place of the key in the LEN bytes of TAIL; LEN: none. */
static size_t find_key(const unsigned char *tail, size_t len)
{
    for (size_t at = len; at >= KEY; at--)
        if (memcmp(tail + at - KEY, key, KEY) == 0)
            return at - KEY;
    return len;
}

/* How many bytes stand before the key of a trailer that goes on for LEN bytes from it. */
static size_t before_key(enum trailer_kind kind, size_t len)
{
    size_t n = 3; /* field, length of the entry, field */

    if (kind == TRAILER_PARQUET)
        return 4;
    for (len++; len >= 128; len >>= 7)
        n++;
    return n;
}

size_t trailer_start(enum trailer_kind kind, const unsigned char *tail, size_t len,
                     const char **text, size_t *text_len)
{
    size_t end = kind == TRAILER_PARQUET ? 2 + PARQUET_END : 0, start = find_key(tail, len),
           at = start + KEY + 1;

    if (kind == TRAILER_NONE || start == len || start < before_key(kind, len - start))
        return len;
    while (at < len && tail[at] & 128) /* the length, which trailer_format writes again */
        at++;
    if (at + 1 + end > len)
        return len;
    *text = (const char *)tail + at + 1;
    *text_len = len - end - (at + 1);
    start -= before_key(kind, len - start);
    return is_of(kind, tail + start, len - start, *text, *text_len) ? start : len;
}
