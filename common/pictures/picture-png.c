/* Pictures of up to 8 MiB are unpacked before libpng sees them (unpack.h). */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>
#include <png.h>

#include "base/endian.h"
#include "base/report.h"
#include "files/chunks.h"
#include "pictures/exif.h"
#include "pictures/picture.h"
#include "pictures/unpack.h"

enum { RGB = 3, RGBA = 4, IHDR = 13, START = PNG_HEAD + CHUNK_HEAD + IHDR + CHUNK_CRC };
enum { TEXT_MOST = 1 << 18 }; /* bytes of a chunk with an EXIF block, and of its text */

struct png {
    png_structp png;
    png_infop info;
    bool interlaced;
    int depth, channels;     /* of the file */
    unsigned char *rows;     /* as libpng gives them: one, or all of an interlaced picture */
    uint8_t *rgb;            /* a row over the background; NULL where libpng gives RGB */
    unsigned char *unpacked; /* the file unpacked, or NULL */
    size_t unpacked_len, unpacked_at;
};

static bool fits(const unsigned char *head, size_t n)
{
    return chunk_is_png(head, n);
}

/* --- orientation --- */

/* Of the text behind its keyword, as it is or compressed. */
static unsigned text_orientation(const unsigned char *text, size_t len, bool packed)
{
    struct libdeflate_decompressor *d;
    unsigned orientation = 1;
    size_t plain_len = 0;
    char *plain;

    if (!packed)
        return exif_text_orientation((const char *)text, len);
    plain = xmalloc(TEXT_MOST);
    d = libdeflate_alloc_decompressor();
    if (!d)
        die("out of memory: a decompressor wanted");
    if (len > 1
        && libdeflate_zlib_decompress(d, text + 1, len - 1, plain, TEXT_MOST, &plain_len)
            == LIBDEFLATE_SUCCESS)
        orientation = exif_text_orientation(plain, plain_len);
    libdeflate_free_decompressor(d);
    free(plain);
    return orientation;
}

/* Of a chunk with its CRC; 0 where it does not tell. */
static unsigned chunk_orientation(const struct chunk *c, const unsigned char *data)
{
    static const char *const keys[] = {"Raw profile type exif", "Raw profile type APP1"};

    if (!chunk_is_whole(c, data))
        return 0;
    if (chunk_is(c, "eXIf"))
        return exif_orientation(data, c->len);
    for (int i = 0; i < 2; i++) {
        size_t len = strlen(keys[i]) + 1;

        if (c->len > len && memcmp(data, keys[i], len) == 0)
            return text_orientation(data + len, c->len - len, chunk_is(c, "zTXt"));
    }
    return 0;
}

/* Of the eXIf chunk, wherever it stands; else of the first text that tells. */
static unsigned find_orientation(const struct source *s)
{
    unsigned char head[CHUNK_HEAD], *data;
    struct chunk c = {0};
    unsigned by_text = 0;

    while (chunk_follows(&c, s->size) && source_at(s, chunk_after(&c), head, CHUNK_HEAD)
           && chunk_next(&c, head, s->size)) {
        bool is_exif = chunk_is(&c, "eXIf"), is_text = chunk_is(&c, "tEXt") || chunk_is(&c, "zTXt");
        unsigned found;

        if (!(is_exif || (is_text && !by_text)) || c.len > TEXT_MOST)
            continue;
        data = xmalloc(c.len + CHUNK_CRC);
        found = source_at(s, c.at + CHUNK_HEAD, data, c.len + CHUNK_CRC)
            ? chunk_orientation(&c, data)
            : 0;
        free(data);
        if (is_exif && found)
            return found;
        by_text = by_text ? by_text : found;
    }
    return by_text ? by_text : 1;
}

/* --- the header --- */

static const char *open_png(struct picture *p)
{
    static const int channels[7] = {1, 0, 3, 1, 2, 0, 4};
    const unsigned char *head = p->source.buffer, *ihdr = head + PNG_HEAD + CHUNK_HEAD;
    struct png *png;

    if (p->source.n < START)
        return "cut short";
    if (get_be32(head + 8) != IHDR || memcmp(head + 12, "IHDR", 4) != 0)
        return "damaged: it does not begin with an IHDR chunk";
    p->state = png = xcalloc(1, sizeof *png);
    p->width = get_be32(ihdr);
    p->height = get_be32(ihdr + 4);
    png->depth = ihdr[8];
    png->channels = ihdr[9] < 7 ? channels[ihdr[9]] : 0;
    png->interlaced = ihdr[12] != 0;
    if (p->settings->orient)
        p->orientation = find_orientation(&p->source);
    return NULL;
}

static const char *plan(struct picture *p, size_t rows, size_t columns)
{
    struct png *png = p->state;
    uint64_t pixel = png->depth == 16 ? 2 * RGBA : RGBA, small = 0,
             bits = (uint64_t)png->channels * (uint64_t)png->depth;

    (void)rows;
    (void)columns;
    if ((uint64_t)p->height * p->width * bits / 8 > 1032 * p->source.size)
        return "cut short";            /* deflate makes at most 1032 bytes out of one */
    if (p->source.size <= UNPACK_MOST) /* the file twice, its rows */
        small = 2 * p->source.size + UNPACK_MOST;
    p->memory = SOURCE_BUFFER + (1 << 19) + small + (2 * pixel + RGB + 2 * 8) * p->width
        + (png->interlaced ? pixel * p->width * p->height : 0);
    return NULL;
}

/* --- libpng --- */

static void on_error(png_structp png, png_const_charp message)
{
    picture_fail(png_get_error_ptr(png), "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read_unpacked(png_structp reader, png_bytep data, size_t len)
{
    struct png *png = png_get_io_ptr(reader);

    if (len > png->unpacked_len - png->unpacked_at)
        png_error(reader, "cut short");
    memcpy(data, png->unpacked + png->unpacked_at, len);
    png->unpacked_at += len;
}

static void on_read(png_structp reader, png_bytep data, size_t len)
{
    struct picture *p = png_get_io_ptr(reader);

    if (!source_take(&p->source, data, len))
        png_error(reader, source_reason(&p->source));
}

/* rgb (n,3) from RGBA samples of 2 bytes, big-endian, over the background. */
static void flatten_fine(uint8_t *rgb, const unsigned char *samples, size_t n,
                         const uint8_t background[3])
{
    const uint64_t most = 65535, square = most * most;

    for (size_t i = 0; i < n; i++, rgb += RGB, samples += 2 * RGBA) {
        uint64_t v[RGBA];

        for (int c = 0; c < RGBA; c++)
            v[c] = get_be16(samples + 2 * c);
        for (int c = 0; c < RGB; c++) {
            uint64_t blend = v[c] * v[3] + background[c] * (most / 255) * (most - v[3]);

            rgb[c] = (uint8_t)((blend * 255 + square / 2) / square);
        }
    }
}

/* Asks for RGB of 8 bits where the file is opaque and not finer, otherwise for RGBA of 8 or 16
 * bits. */
static void ask_for_rgb(struct picture *p)
{
    struct png *png = p->state;
    bool opaque = png_get_bit_depth(png->png, png->info) <= 8
        && !(png_get_color_type(png->png, png->info) & PNG_COLOR_MASK_ALPHA)
        && !png_get_valid(png->png, png->info, PNG_INFO_tRNS);

    png_set_expand(png->png);
    png_set_gray_to_rgb(png->png);
    if (!opaque) {
        png_set_add_alpha(png->png, 0xffff, PNG_FILLER_AFTER);
        png->rgb = xmalloc(p->width * RGB);
    }
}

static void give(struct picture *p, unsigned char *row)
{
    struct png *png = p->state;

    if (!png->rgb) {
        picture_row(p, row);
        return;
    }
    if (png_get_bit_depth(png->png, png->info) == 16)
        flatten_fine(png->rgb, row, p->width, p->settings->background);
    else
        picture_flatten(png->rgb, row, p->width, p->settings->background);
    picture_row(p, png->rgb);
}

static const char *decode_rows(struct picture *p)
{
    struct png *png = p->state;
    png_charp name;
    png_bytep profile;
    png_uint_32 len;
    size_t row_bytes;
    int passes, method;

    if (setjmp(png_jmpbuf(png->png)))
        return p->reason;
    png_read_info(png->png, png->info);
    if (png_get_image_height(png->png, png->info) != p->height
        || png_get_image_width(png->png, png->info) != p->width)
        png_error(png->png, "changed while it was read");
    if (p->settings->to_srgb && png_get_iCCP(png->png, png->info, &name, &method, &profile, &len))
        picture_profile(p, profile, len, COLOUR_RGB);
    ask_for_rgb(p);
    passes = png_set_interlace_handling(png->png);
    png_read_update_info(png->png, png->info);
    row_bytes = png_get_rowbytes(png->png, png->info);
    png->rows = xmalloc(passes > 1 ? row_bytes * p->height : row_bytes);
    for (int pass = 1; pass <= passes; pass++)
        for (size_t y = 0; y < p->height; y++) {
            unsigned char *row = png->rows + (passes > 1 ? y * row_bytes : 0);

            png_read_row(png->png, row, NULL);
            if (pass == passes)
                give(p, row);
        }
    png_read_end(png->png, NULL); /* to the IEND chunk: a file without it is cut short */
    return NULL;
}

/* The file comes unpacked where it can be, its checksums checked; otherwise as it is. */
static const char *decode(struct picture *p)
{
    struct png *png = p->state;

    if (p->source.size <= UNPACK_MOST) {
        const char *bad = source_whole(&p->source);

        if (bad)
            return bad;
        png->unpacked = unpack_png(p->source.buffer, p->source.n, &png->unpacked_len);
    }
    png->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, p, on_error, on_warning);
    png->info = png->png ? png_create_info_struct(png->png) : NULL;
    if (!png->info)
        die("out of memory: a PNG decoder wanted");
    png_set_user_limits(png->png, PICTURE_SIDE, PICTURE_SIDE);
    png_set_keep_unknown_chunks(png->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    if (p->settings->to_srgb) {
        png_set_chunk_malloc_max(png->png, COLOUR_MOST);
        png_set_keep_unknown_chunks(png->png, PNG_HANDLE_CHUNK_AS_DEFAULT, (png_const_bytep) "iCCP",
                                    1);
    }
    if (png->unpacked) {
        png_set_read_fn(png->png, png, on_read_unpacked);
        png_set_crc_action(png->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
        png_set_option(png->png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
    } else {
        png_set_read_fn(png->png, p, on_read);
    }
    return decode_rows(p);
}

static void close_png(struct picture *p)
{
    struct png *png = p->state;

    if (png->png)
        png_destroy_read_struct(&png->png, &png->info, NULL);
    free(png->rows);
    free(png->rgb);
    free(png->unpacked);
    free(png);
}

const struct picture_format picture_png = {"PNG", " png apng ", fits,      open_png,
                                           plan,  decode,       close_png, NULL};
