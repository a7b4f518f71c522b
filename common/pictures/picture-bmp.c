/* No library for BMP alone is kept well enough to be worth its code: this is all of the format that
 * programs write.
 *
 * Source: Microsoft, "Bitmap Storage" and BITMAPV5HEADER; run lengths: "Bitmap Compression".
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/report.h"
#include "pictures/picture.h"

enum { RGB = 3, RGBA = 4, FILE_HEAD = 14, CORE = 12, INFO = 40, MASKS = 12, V3 = 56 };
enum { PLAIN, RUNS_8, RUNS_4, FIELDS, ALPHA_FIELDS = 6 }; /* compression */

/* One colour of a pixel of 16 or 32 bits. */
struct field {
    unsigned shift;
    uint32_t most; /* 0: there is none */
};

struct bmp {
    unsigned bits, compression;
    size_t n_colours, row_bytes;
    uint32_t pixels_at; /* where they begin in the file */
    uint8_t palette[256][RGB];
    struct field fields[RGBA];
    uint8_t *stored, *row; /* as in the file, of run lengths an index a pixel; RGB */
    /* of run lengths: where the next pixel goes; the row of the file given next */
    size_t x, y;
};

/* "BM" alone begins many a text. */
static bool fits(const unsigned char *head, size_t n)
{
    static const uint32_t sizes[] = {CORE, INFO, INFO + 12, V3, 64, 108, 124};
    bool known = false;

    for (size_t i = 0; n >= FILE_HEAD + 4 && i < sizeof sizes / sizeof *sizes; i++)
        known = known || get_le32(head + FILE_HEAD) == sizes[i];
    return known && head[0] == 'B' && head[1] == 'M';
}

/* --- the header --- */

static const char *set_field(struct field *f, uint32_t mask)
{
    *f = (struct field){0};
    if (mask == 0)
        return NULL;
    f->shift = (unsigned)__builtin_ctz(mask);
    f->most = mask >> f->shift;
    return f->most & (f->most + 1) ? "damaged: a colour's mask has a hole" : NULL;
}

/* HEAD: the header of its 40 bytes, and what follows of masks and alpha. */
static const char *read_fields(struct bmp *b, const unsigned char *head, uint32_t head_len)
{
    static const uint32_t plain_16[] = {0x7C00, 0x3E0, 0x1F, 0},
                          plain_32[] = {0xFF0000, 0xFF00, 0xFF, 0};
    const char *bad = NULL;

    for (int i = 0; i < RGBA && !bad; i++) {
        bool has_alpha = head_len >= V3 || b->compression == ALPHA_FIELDS;
        uint32_t mask = b->bits == 16 ? plain_16[i] : plain_32[i];

        if (b->compression != PLAIN)
            mask = i < RGB || has_alpha ? get_le32(head + INFO + 4 * i) : 0;
        if (b->bits == 16 && mask > 0xFFFF)
            return "damaged: a colour's mask beyond its 16 bits";
        bad = set_field(&b->fields[i], mask);
    }
    return bad;
}

static const char *check_kind(const struct bmp *b)
{
    bool runs = b->compression == RUNS_8 || b->compression == RUNS_4,
         fields = b->compression == FIELDS || b->compression == ALPHA_FIELDS;

    if (b->bits != 1 && b->bits != 2 && b->bits != 4 && b->bits != 8 && b->bits != 16
        && b->bits != 24 && b->bits != 32)
        return "a kind of BMP that is not read: not 1, 2, 4, 8, 16, 24 or 32 bits a pixel";
    if ((!runs && !fields && b->compression != PLAIN)
        || (runs && b->bits != (b->compression == RUNS_8 ? 8 : 4))
        || (fields && b->bits != 16 && b->bits != 32))
        return "a kind of BMP that is not read: its compression";
    return NULL;
}

static const char *read_palette(struct picture *p, uint64_t at, size_t entry)
{
    struct bmp *b = p->state;
    unsigned char colour[RGBA];

    if (b->n_colours == 0 || b->n_colours > (size_t)1 << b->bits)
        b->n_colours = (size_t)1 << b->bits;
    if (b->pixels_at > at && (b->pixels_at - at) / entry < b->n_colours)
        b->n_colours = (b->pixels_at - at) / entry;
    for (size_t i = 0; i < b->n_colours; i++, at += entry) {
        if (!source_at(&p->source, at, colour, entry))
            return "cut short";
        for (int c = 0; c < RGB; c++)
            b->palette[i][c] = colour[RGB - 1 - c];
    }
    return NULL;
}

static const char *open_bmp(struct picture *p)
{
    struct bmp *b = xcalloc(1, sizeof *b);
    const unsigned char *head = p->source.buffer + FILE_HEAD;
    uint32_t head_len = get_le32(head), height, masks;
    const char *bad;

    p->state = b;
    b->pixels_at = get_le32(p->source.buffer + 10);
    if (p->source.n < FILE_HEAD + head_len)
        return "cut short";
    if (head_len == CORE) {
        p->width = get_le16(head + 4);
        height = get_le16(head + 6);
        b->bits = get_le16(head + 10);
    } else {
        p->width = get_le32(head + 4);
        height = get_le32(head + 8);
        b->bits = get_le16(head + 14);
        b->compression = get_le32(head + 16);
        b->n_colours = get_le32(head + 32);
    }
    bad = check_kind(b);
    if (bad)
        return bad;
    p->orientation = 4; /* rows from the bottom, unless the height is negative */
    if (height > INT32_MAX) {
        height = -height;
        p->orientation = 1;
        if (b->compression == RUNS_8 || b->compression == RUNS_4)
            return "damaged: run lengths from the top";
    }
    p->height = height;
    masks = head_len == INFO && b->compression >= FIELDS
        ? MASKS + 4 * (b->compression == ALPHA_FIELDS)
        : 0;
    if (p->source.n < FILE_HEAD + head_len + masks)
        return "cut short";
    b->row_bytes = ((uint64_t)p->width * b->bits + 31) / 32 * 4;
    if (b->bits >= 16)
        return read_fields(b, head, head_len);
    return read_palette(p, FILE_HEAD + head_len, head_len == CORE ? RGB : RGBA);
}

static const char *plan(struct picture *p, size_t rows, size_t columns)
{
    const struct bmp *b = p->state;

    (void)rows;
    (void)columns;
    p->memory = 2 * SOURCE_BUFFER + b->row_bytes + (RGB + 1) * (uint64_t)p->width;
    if (b->compression != RUNS_8 && b->compression != RUNS_4
        && (uint64_t)b->row_bytes * p->height > p->source.size)
        return "cut short";
    return NULL;
}

/* --- rows --- */

static uint8_t field_of(uint32_t pixel, const struct field *f)
{
    uint64_t value = pixel >> f->shift & f->most;

    return f->most ? (uint8_t)((2 * value * 255 + f->most) / (2 * (uint64_t)f->most)) : 0;
}

/* rgb (width,3) from the stored row. */
static void give(struct picture *p)
{
    struct bmp *b = p->state;
    bool indices = b->compression == RUNS_8 || b->compression == RUNS_4;

    for (size_t x = 0; x < p->width; x++) {
        uint8_t *rgb = b->row + x * RGB, rgba[RGBA];

        if (b->bits <= 8) {
            size_t bit = x * b->bits;
            unsigned index = indices
                ? b->stored[x]
                : b->stored[bit / 8] >> (8 - b->bits - bit % 8) & ((1u << b->bits) - 1);

            memcpy(rgb, b->palette[index], RGB);
        } else if (b->bits == 24) {
            for (int c = 0; c < RGB; c++)
                rgb[c] = b->stored[x * RGB + RGB - 1 - (size_t)c];
        } else {
            uint32_t pixel =
                b->bits == 16 ? get_le16(b->stored + 2 * x) : get_le32(b->stored + 4 * x);

            for (int c = 0; c < RGBA; c++)
                rgba[c] = c < RGB || b->fields[c].most ? field_of(pixel, &b->fields[c]) : 255;
            picture_flatten(rgb, rgba, 1, p->settings->background);
        }
    }
    picture_row(p, b->row);
}

/* --- run lengths --- */

/* Gives rows until Y is the next; what no run wrote is colour 0. */
static void give_runs(struct picture *p, size_t y)
{
    struct bmp *b = p->state;

    for (; b->y < y && b->y < p->height; b->y++) {
        give(p);
        memset(b->stored, 0, p->width);
    }
}

/* N pixels, which beyond the row are left out: all of one colour or two, in halves of a byte. */
static void put_pixel(struct picture *p, uint8_t index)
{
    struct bmp *b = p->state;

    if (b->x < p->width)
        b->stored[b->x++] = index;
}

static uint8_t half(const struct bmp *b, uint8_t byte, size_t i)
{
    return b->bits == 8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15;
}

static const char *decode_runs(struct picture *p)
{
    struct bmp *b = p->state;
    unsigned char code[2], move[2], byte = 0;

    while (b->y < p->height) {
        if (!source_take(&p->source, code, 2))
            return source_reason(&p->source);
        if (code[0] > 0) {
            for (size_t i = 0; i < code[0]; i++)
                put_pixel(p, half(b, code[1], i));
        } else if (code[1] == 0) { /* end of the row */
            give_runs(p, b->y + 1);
            b->x = 0;
        } else if (code[1] == 1) { /* end of the picture */
            give_runs(p, p->height);
        } else if (code[1] == 2) { /* to the right, and up */
            if (!source_take(&p->source, move, 2))
                return source_reason(&p->source);
            b->x += move[0];
            give_runs(p, b->y + move[1]);
        } else { /* pixels as they are, to an even number of bytes */
            size_t n_bytes = ((size_t)code[1] * b->bits + 7) / 8, i = 0;

            for (size_t k = 0; k < n_bytes + n_bytes % 2; k++) {
                if (!source_take(&p->source, &byte, 1))
                    return source_reason(&p->source);
                for (size_t n = 8 / b->bits; n > 0 && i < code[1]; n--, i++)
                    put_pixel(p, half(b, byte, i));
            }
        }
    }
    return NULL;
}

static const char *decode(struct picture *p)
{
    struct bmp *b = p->state;
    bool runs = b->compression == RUNS_8 || b->compression == RUNS_4;

    b->stored = xcalloc(runs ? p->width : b->row_bytes, 1);
    b->row = xmalloc(p->width * RGB);
    if (!source_take(&p->source, NULL, b->pixels_at))
        return source_reason(&p->source);
    if (runs)
        return decode_runs(p);
    while (p->n_rows < p->height) {
        if (!source_take(&p->source, b->stored, b->row_bytes))
            return source_reason(&p->source);
        give(p);
    }
    return NULL;
}

static void close_bmp(struct picture *p)
{
    struct bmp *b = p->state;

    free(b->stored);
    free(b->row);
    free(b);
}

const struct picture_format picture_bmp = {"BMP", " bmp dib ", fits,      open_bmp,
                                           plan,  decode,      close_bmp, NULL};
