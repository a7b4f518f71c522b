/* Through libtiff's RGBA interface, a band of strips or a row of tiles at a time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "base/report.h"
#include "base/sizes.h"
#include "pictures/picture.h"

enum { RGB = 3, MOST_ALLOC = 1 << 30 };

struct tiff {
    TIFF *file;
    uint64_t at;      /* where libtiff reads next */
    uint32_t band;    /* rows that are decoded at once */
    uint32_t stride;  /* pixels of a row that is decoded: whole tiles, as libtiff 4.5 gets the last
                         of 16 bits wrong where it cuts it itself */
    uint32_t *pixels; /* (band,stride), each red + green << 8 + blue << 16 + alpha << 24 */
    uint8_t *row;
    TIFFRGBAImage image;
    bool begun;
    bool mapped; /* uncompressed tiles, which libtiff 4.5 refuses where it reads them itself */
};

static bool fits(const unsigned char *head, size_t n)
{
    return n >= 8 && memcmp(head + 8, "CR\x02", n >= 11 ? 3 : 0) != 0
        && (memcmp(head, "II*\0", 4) == 0 || memcmp(head, "MM\0*", 4) == 0
            || memcmp(head, "II+\0", 4) == 0 || memcmp(head, "MM\0+", 4) == 0);
}

/* --- the file --- */

static struct tiff *of(thandle_t p)
{
    return ((struct picture *)p)->state;
}

static tsize_t on_read(thandle_t p, void *bytes, tsize_t n)
{
    const struct source *s = &((struct picture *)p)->source;
    struct tiff *t = of(p);
    uint64_t left = t->at < s->size ? s->size - t->at : 0;
    size_t part = (uint64_t)n < left ? (size_t)n : (size_t)left;

    if (part == 0 || !source_at(s, t->at, bytes, part))
        return 0; /* at -1, libtiff 4.5 writes before its buffer */
    t->at += part;
    return (tsize_t)part;
}

static tsize_t on_write(thandle_t p, void *bytes, tsize_t n)
{
    (void)p;
    (void)bytes;
    (void)n;
    return -1;
}

static toff_t on_seek(thandle_t p, toff_t offset, int whence)
{
    struct tiff *t = of(p);

    t->at = whence == SEEK_SET ? offset
        : whence == SEEK_CUR   ? t->at + offset
                               : ((struct picture *)p)->source.size + offset;
    return t->at;
}

static int on_close(thandle_t p)
{
    (void)p;
    return 0;
}

/* The file is in the buffer. */
static int on_map(thandle_t p, void **bytes, toff_t *len)
{
    const struct source *s = &((struct picture *)p)->source;

    *bytes = s->buffer;
    *len = s->n;
    return 1;
}

static void on_unmap(thandle_t p, void *bytes, toff_t len)
{
    (void)p;
    (void)bytes;
    (void)len;
}

static toff_t on_size(thandle_t p)
{
    return ((struct picture *)p)->source.size;
}

/* The first error is the cause. */
static int on_error(TIFF *file, void *picture, const char *module, const char *format,
                    va_list arguments)
{
    struct picture *p = picture;

    (void)file;
    (void)module;
    if (!p->reason[0])
        vsnprintf(p->reason, sizeof p->reason, format, arguments);
    return 1;
}

static int on_warning(TIFF *file, void *picture, const char *module, const char *format,
                      va_list arguments)
{
    (void)file;
    (void)picture;
    (void)module;
    (void)format;
    (void)arguments;
    return 1;
}

static const char *why(struct picture *p)
{
    return p->reason[0] ? p->reason : "damaged: libtiff finds no picture";
}

/* --- the header --- */

/* MODE "r" maps the file, "rm" reads it. */
static const char *open_file(struct picture *p, const char *mode)
{
    struct tiff *t = p->state;
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();

    if (!options)
        die("out of memory: a TIFF decoder wanted");
    p->reason[0] = '\0';
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, p);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, p);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, MOST_ALLOC);
    t->at = 0;
    t->file = TIFFClientOpenExt("picture", mode, p, on_read, on_write, on_seek, on_close, on_size,
                                on_map, on_unmap, options);
    TIFFOpenOptionsFree(options);
    return t->file ? NULL : why(p);
}

static const char *open_tiff(struct picture *p)
{
    struct tiff *t = xcalloc(1, sizeof *t);
    uint32_t height = 0, width = 0, kind = 0;
    uint16_t orientation = 1, scheme = 0;
    const char *bad;

    p->state = t;
    bad = open_file(p, "rm");
    if (bad)
        return bad;
    TIFFGetField(t->file, TIFFTAG_COMPRESSION, &scheme);
    t->mapped = TIFFIsTiled(t->file) && scheme == COMPRESSION_NONE;
    TIFFGetField(t->file, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetField(t->file, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(t->file, TIFFTAG_SUBFILETYPE, &kind);
    if (kind & FILETYPE_REDUCEDIMAGE)
        return "its first page is a reduced one, as in raw photographs";
    p->height = height;
    p->width = width;
    if (p->settings->orient && TIFFGetField(t->file, TIFFTAG_ORIENTATION, &orientation)
        && orientation >= 1 && orientation <= 8)
        p->orientation = orientation;
    return NULL;
}

static const char *plan(struct picture *p, size_t rows, size_t columns)
{
    struct tiff *t = p->state;
    uint64_t piece, stored = 0, pixel = 4;
    uint32_t n_rows = 0, tile_width = 1;
    uint16_t scheme = COMPRESSION_NONE;
    bool tiled = TIFFIsTiled(t->file);

    (void)rows;
    (void)columns;
    if (tiled) {
        TIFFGetField(t->file, TIFFTAG_TILELENGTH, &n_rows);
        TIFFGetField(t->file, TIFFTAG_TILEWIDTH, &tile_width);
        if (n_rows > PICTURE_SIDE || tile_width - 1 >= PICTURE_SIDE)
            return "tiles too large";
    } else {
        TIFFGetFieldDefaulted(t->file, TIFFTAG_ROWSPERSTRIP, &n_rows);
    }
    t->stride = ((uint32_t)p->width + tile_width - 1) / tile_width * tile_width;
    t->band = n_rows > 0 && n_rows < p->height ? n_rows : (uint32_t)p->height;
    piece = tiled ? TIFFTileSize64(t->file) : TIFFStripSize64(t->file);
    for (uint32_t i = 0; i < (tiled ? TIFFNumberOfTiles(t->file) : TIFFNumberOfStrips(t->file));
         i++) {
        uint64_t n = TIFFGetStrileByteCount(t->file, i);

        stored = n > stored ? n : stored;
    }
    TIFFGetField(t->file, TIFFTAG_COMPRESSION, &scheme);
    if (scheme == COMPRESSION_JPEG || scheme == COMPRESSION_OJPEG)
        pixel += 6; /* coefficients of a progressive one */
    p->memory = (1 << 20) + pixel * t->band * t->stride + 4 * piece
        + (stored < p->source.size && !t->mapped ? stored : p->source.size)
        + 64 * (uint64_t)p->width;
    return NULL;
}

/* --- the picture --- */

static void find_profile(struct picture *p)
{
    struct tiff *t = p->state;
    uint32_t len;
    void *profile;

    if (p->settings->to_srgb && TIFFGetField(t->file, TIFFTAG_ICCPROFILE, &len, &profile))
        picture_profile(p, profile, len, COLOUR_RGB);
}

/* The alpha is multiplied in already. */
static void give(struct picture *p, const uint32_t *pixels)
{
    struct tiff *t = p->state;
    const uint8_t *background = p->settings->background;

    for (size_t x = 0; x < p->width; x++) {
        unsigned v[] = {TIFFGetR(pixels[x]), TIFFGetG(pixels[x]), TIFFGetB(pixels[x])},
                 left = 255 - TIFFGetA(pixels[x]);

        for (int c = 0; c < RGB; c++) {
            unsigned sum = v[c] + (2 * background[c] * left + 255) / 510;

            t->row[x * RGB + (size_t)c] = (uint8_t)(sum < 255 ? sum : 255);
        }
    }
    picture_row(p, t->row);
}

static const char *decode(struct picture *p)
{
    struct tiff *t = p->state;
    char error[1024] = "";
    const char *bad = t->mapped ? source_whole(&p->source) : NULL;

    if (!bad && t->mapped) {
        TIFFClose(t->file);
        bad = open_file(p, "r");
    }
    if (bad)
        return bad;
    if (!TIFFRGBAImageOK(t->file, error) || !TIFFRGBAImageBegin(&t->image, t->file, 1, error))
        return picture_fail(p, "%s", error[0] ? error : why(p));
    t->begun = true;
    t->image.req_orientation = t->image.orientation; /* rows and columns as they are stored */
    t->image.width = t->stride;
    find_profile(p);
    t->pixels = xcalloc(t->band, t->stride * sizeof *t->pixels);
    t->row = xmalloc(p->width * RGB);
    for (size_t y = 0; y < p->height; y += t->band) {
        size_t n = smaller(p->height - y, t->band);

        t->image.row_offset = (int)y;
        if (!TIFFRGBAImageGet(&t->image, t->pixels, t->stride, (uint32_t)n) || p->reason[0])
            return why(p);
        for (size_t i = 0; i < n; i++)
            give(p, t->pixels + i * t->stride);
    }
    return NULL;
}

static void close_tiff(struct picture *p)
{
    struct tiff *t = p->state;

    if (t->begun)
        TIFFRGBAImageEnd(&t->image);
    if (t->file)
        TIFFClose(t->file);
    free(t->pixels);
    free(t->row);
    free(t);
}

/* "LIBTIFF, Version 4.5.0" and a copyright. */
static const char *library(void)
{
    static char text[32];
    const char *version = strstr(TIFFGetVersion(), "Version ");
    int len = version ? (int)strcspn(version + 8, "\n") : 0;

    snprintf(text, sizeof text, "libtiff %.*s", len, version ? version + 8 : "");
    return text;
}

const struct picture_format picture_tiff = {"TIFF", " tif tiff ", fits,       open_tiff,
                                            plan,   decode,       close_tiff, library};
