#include "files/npy.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "base/sizes.h"

static const struct {
    const char *name, *descr;
    size_t size;
} dtypes[] = {
    [NPY_U8] = {"uint8", "|u1", 1},
    [NPY_F32] = {"float32", "<f4", 4},
    [NPY_F64] = {"float64", "<f8", 8},
    [NPY_I64] = {"int64", "<i8", 8},
};

size_t npy_item_size(enum npy_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *npy_dtype_name(enum npy_dtype dtype)
{
    return dtypes[dtype].name;
}

/* Dimensions of 0 count as 1 for the overflow: (2^63,2^63,0) is refused, so that any part of a
 * shape may be multiplied. */
size_t npy_count(const struct npy_header *h, int first)
{
    size_t product = 1;
    bool empty = false;

    for (int i = first; i < h->rank; i++) {
        empty = empty || h->shape[i] == 0;
        if (h->shape[i] > 0 && __builtin_mul_overflow(product, h->shape[i], &product))
            return SIZE_MAX;
    }
    return empty ? 0 : product;
}

void npy_format_shape(const struct npy_header *h, char *text, size_t size)
{
    size_t used = 0;

    for (int i = 0; i < h->rank && used < size; i++)
        used += snprintf(text + used, size - used, "%s%zu", i ? "," : "(", h->shape[i]);
    if (used < size)
        snprintf(text + used, size - used, h->rank == 0 ? "()" : h->rank == 1 ? ",)" : ")");
}

size_t npy_header_length(const unsigned char *data)
{
    if (memcmp(data, "\x93NUMPY", 6) != 0 || data[6] < 1 || data[6] > 3)
        return 0;
    if (data[6] == 1)
        return 10 + (size_t)get_le16(data + 8);
    return 12 + (size_t)get_le32(data + 8);
}

/* The dictionary is a Python literal. What follows reads the part of that language which can stand
 * here. */
struct cursor {
    const char *at, *end;
};

static void skip_spaces(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
        c->at++;
}

static bool skip_char(struct cursor *c, char wanted)
{
    skip_spaces(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool skip_word(struct cursor *c, const char *word)
{
    size_t len = strlen(word);

    skip_spaces(c);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return false;
    c->at += len;
    return true;
}

/* A string without escapes in single or double quotes. */
static bool read_string(struct cursor *c, char *text, size_t size)
{
    char quote;
    size_t len = 0;

    skip_spaces(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    quote = *c->at++;
    while (c->at < c->end && *c->at != quote && *c->at != '\\' && len + 1 < size)
        text[len++] = *c->at++;
    text[len] = '\0';
    return c->at < c->end && *c->at++ == quote;
}

/* S of "<f4" and its like; false where it is none that is read. */
static bool stored_parse(struct npy_stored *s, const char *descr)
{
    static const char *const known[] = {"b1", "i1", "i2", "i4", "i8", "u1",
                                        "u2", "u4", "u8", "f2", "f4", "f8"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (*descr && strchr("<>|=", *descr) && strcmp(descr + 1, known[i]) == 0) {
            *s = (struct npy_stored){known[i][0], (unsigned char)(known[i][1] - '0'),
                                     *descr == '>' && known[i][1] > '1'};
            return s->size == 1 || *descr != '|';
        }
    return false;
}

static enum npy_dtype stored_dtype(const struct npy_stored *s)
{
    if (s->kind == 'f')
        return s->size == 8 ? NPY_F64 : NPY_F32;
    return s->kind == 'u' && s->size == 1 ? NPY_U8 : NPY_I64;
}

static const char *refused(char kind)
{
    switch (kind) {
    case 'V':
        return "dtype raw bytes, such as NumPy makes of bfloat16, want numbers";
    case 'S':
    case 'U':
        return "dtype text, want numbers";
    case 'M':
    case 'm':
        return "dtype dates or times, want numbers";
    case 'O':
        return "dtype Python objects, want numbers";
    case 'c':
        return "dtype complex, want real numbers";
    case 'f':
        return "dtype of floats unknown, want float16, float32 or float64";
    default:
        return "dtype unknown, want floats, integers or bool of up to 64 bits";
    }
}

static const char *read_dtype(struct cursor *c, struct npy_header *h, struct npy_stored *stored)
{
    char descr[16] = {0};

    skip_spaces(c);
    if (c->at < c->end && *c->at == '[')
        return "structured data, want numbers of one type";
    if (!read_string(c, descr, sizeof descr))
        return "damaged NPY header: 'descr'";
    if (stored_parse(stored, descr)) {
        h->dtype = stored_dtype(stored);
        return NULL;
    }
    return refused(descr[0] ? descr[1] : '\0');
}

static const char *read_shape(struct cursor *c, struct npy_header *h)
{
    static const char damaged[] = "damaged NPY header: 'shape'";

    h->rank = 0;
    if (!skip_char(c, '('))
        return damaged;
    while (!skip_char(c, ')')) {
        size_t value = 0;
        const char *start;

        skip_spaces(c);
        start = c->at;
        for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
            if (__builtin_mul_overflow(value, (size_t)10, &value)
                || __builtin_add_overflow(value, (size_t)(*c->at - '0'), &value))
                return "shape overflows";
        if (c->at == start)
            return damaged;
        if (h->rank == NPY_MAX_RANK)
            return "more than 8 dimensions";
        h->shape[h->rank++] = value;
        if (c->at < c->end && *c->at == 'L') /* Python 2 wrote long integers so */
            c->at++;
        if (!skip_char(c, ',') && !(c->at < c->end && *c->at == ')' && h->rank > 1))
            return damaged;
    }
    return NULL;
}

static const char *read_entry(struct cursor *c, struct npy_header *h, struct npy_stored *stored,
                              unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[16];

    if (!read_string(c, key, sizeof key) || !skip_char(c, ':'))
        return "damaged NPY header";
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(key, keys[i]) != 0)
            continue;
        if (*seen & 1u << i)
            return "damaged NPY header: a key stands twice";
        *seen |= 1u << i;
        if (i == 0)
            return read_dtype(c, h, stored);
        if (i == 2)
            return read_shape(c, h);
        if (skip_word(c, "True"))
            return "fortran order, want C order";
        return skip_word(c, "False") ? NULL : "damaged NPY header: 'fortran_order'";
    }
    return "damaged NPY header: unknown key";
}

const char *npy_parse(struct npy_header *h, struct npy_stored *stored, const unsigned char *data,
                      size_t len)
{
    struct cursor c = {(const char *)data, (const char *)data + len};
    unsigned seen = 0;
    size_t count, bytes;

    if (len < 12 || npy_header_length(data) != len)
        return "not an NPY file";
    *h = (struct npy_header){0};
    c.at += data[6] == 1 ? 10 : 12;
    if (!skip_char(&c, '{'))
        return "damaged NPY header";
    while (!skip_char(&c, '}')) {
        const char *reason = read_entry(&c, h, stored, &seen);

        if (reason)
            return reason;
        if (!skip_char(&c, ',') && !(c.at < c.end && *c.at == '}'))
            return "damaged NPY header";
    }
    skip_spaces(&c);
    if (c.at != c.end)
        return "damaged NPY header: text after it";
    if (seen != 7)
        return "damaged NPY header: a key is missing";
    count = npy_count(h, 0);
    if (count == SIZE_MAX || __builtin_mul_overflow(count, npy_item_size(h->dtype), &bytes)
        || bytes > SIZE_MAX / 4)
        return "shape overflows";
    return NULL;
}

/* --- numbers of other types --- */

static float from_half(uint64_t bits)
{
    int exponent = bits >> 10 & 31, digits = bits & 1023;
    float size = exponent == 31 ? (digits ? NAN : INFINITY)
        : exponent              ? ldexpf((float)(digits + 1024), exponent - 25)
                                : ldexpf((float)digits, -24);

    return bits >> 15 ? -size : size;
}

static float from_bits(uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float value;

    memcpy(&value, &word, sizeof value);
    return value;
}

static double real_of(const struct npy_stored *s, uint64_t bits)
{
    double value;

    if (s->size == 2)
        return s->kind == 'B' ? from_bits(bits << 16) : from_half(bits);
    if (s->size == 4)
        return from_bits(bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t take_bits(const struct npy_stored *s, const unsigned char *from)
{
    uint64_t bits = 0;

    for (int i = 0; i < s->size; i++)
        bits |= (uint64_t)from[s->swapped ? s->size - 1 - i : i] << 8 * i;
    return bits;
}

bool npy_is(const struct npy_stored *s, enum npy_dtype dtype)
{
    return !s->swapped && s->size == dtypes[dtype].size && s->kind == dtypes[dtype].descr[1];
}

size_t npy_convert(void *to, enum npy_dtype dtype, const void *from, const struct npy_stored *s,
                   size_t n)
{
    const bool real = s->kind == 'f' || s->kind == 'B';
    const int unused = 64 - 8 * s->size;
    const unsigned char *at = from;

    for (size_t i = 0; i < n; i++, at += s->size) {
        uint64_t bits = take_bits(s, at);
        int64_t whole = s->kind == 'i' ? (int64_t)(bits << unused) >> unused
            : s->kind == 'b'           ? bits != 0
                                       : (int64_t)bits;
        double value = real ? real_of(s, bits) : 0;

        if (dtype == NPY_F64)
            ((double *)to)[i] = value;
        else if (dtype == NPY_F32 && real)
            ((float *)to)[i] = (float)value;
        else if (dtype == NPY_F32)
            ((float *)to)[i] = s->kind == 'u' ? (float)bits : (float)whole;
        else if (dtype == NPY_I64 && s->kind == 'u' && whole < 0)
            return i;
        else if (dtype == NPY_I64)
            ((int64_t *)to)[i] = whole;
        else
            ((uint8_t *)to)[i] = (uint8_t)bits;
    }
    return n;
}

size_t npy_format(const struct npy_header *h, unsigned char *data, size_t size)
{
    char text[NPY_MAX_RANK * 24 + 64];
    int len = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                       dtypes[h->dtype].descr);
    size_t total;

    for (int i = 0; i < h->rank; i++)
        len += snprintf(text + len, sizeof text - len, "%s%zu%s", i ? ", " : "", h->shape[i],
                        h->rank == 1 ? "," : "");
    len += snprintf(text + len, sizeof text - len, "), }");
    total = larger(NPY_FIXED, divide_up(NPY_PREFIX + len + 1, 64) * 64);
    if (total > size)
        return total;
    memcpy(data, "\x93NUMPY\x01\x00", 8);
    put_le16(data + 8, (uint16_t)(total - NPY_PREFIX));
    memcpy(data + NPY_PREFIX, text, len);
    memset(data + NPY_PREFIX + len, ' ', total - NPY_PREFIX - len - 1);
    data[total - 1] = '\n';
    return total;
}
