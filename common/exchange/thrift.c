#include "exchange/thrift.h"

#include <assert.h>
#include <string.h>

#include "base/sizes.h"

enum { TRUE = 1, FALSE = 2, LIST = 9 };

static void head(struct thrift *t, int field, int type)
{
    int step = field - t->last[t->depth];

    assert(step > 0 && step < 16);
    buffer_byte(t->b, step << 4 | type);
    t->last[t->depth] = field;
}

static void zigzag(struct buffer *b, int64_t value)
{
    buffer_varint(b, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

void thrift_int(struct thrift *t, int field, enum thrift_type type, int64_t value)
{
    head(t, field, type);
    if (type == THRIFT_BYTE)
        buffer_byte(t->b, (int)value);
    else
        zigzag(t->b, value);
}

void thrift_bool(struct thrift *t, int field, bool value)
{
    head(t, field, value ? TRUE : FALSE);
}

void thrift_text(struct thrift *t, int field, const void *text, size_t len)
{
    head(t, field, THRIFT_TEXT);
    buffer_varint(t->b, len);
    buffer_add(t->b, text, len);
}

void thrift_open_element(struct thrift *t)
{
    assert(t->depth + 1 < THRIFT_DEPTH);
    t->last[++t->depth] = 0;
}

void thrift_open(struct thrift *t, int field)
{
    head(t, field, THRIFT_STRUCT);
    thrift_open_element(t);
}

void thrift_close(struct thrift *t)
{
    buffer_byte(t->b, 0);
    t->depth--;
}

void thrift_list(struct thrift *t, int field, enum thrift_type type, size_t n)
{
    head(t, field, LIST);
    buffer_byte(t->b, (int)smaller(n, 15) << 4 | (int)type);
    if (n >= 15)
        buffer_varint(t->b, n);
}

void thrift_element_int(struct thrift *t, int64_t value)
{
    zigzag(t->b, value);
}

void thrift_element_text(struct thrift *t, const char *text)
{
    buffer_varint(t->b, strlen(text));
    buffer_add(t->b, text, strlen(text));
}
