/* check-pictures                checks reading of GIF, TIFF, BMP, CMYK JPEG, colour profiles and
 *                               orientations, in the current folder
 * check-pictures ink ADOBE YCCK FILE  a JPEG of four inks, 29x31, quality 100; yes or no
 * check-pictures scans N FILE   a progressive grey JPEG, 64x64, of about N scans
 * check-pictures seeds          small files of each format, for the fuzzers, in folders jpeg ...
 * check-pictures large H W FILE a PPM file, smooth
 * check-pictures bmp PPM FILE   the BMP of a PPM file, 24 bits
 * check-pictures interlaced H W FILE  a PNG of black in seven passes
 * check-pictures png PPM FILE   the PNG of a PPM file, which it must hold
 *
 * Each file is written here from known pixels, and must come back as they are. What is cut short or
 * damaged at any byte must be refused or read, and nothing else. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>
#include <jpeglib.h>
#include <lcms2.h>
#include <png.h>
#include <tiffio.h>
#include <webp/encode.h>

#include "base/endian.h"
#include "base/report.h"
#include "pictures/exif.h"
#include "pictures/image.h"
#include "pictures.h"

enum { RGB = 3, RGBA = 4, MOST = 1 << 26, H = 23, W = 37 };

static const struct picture_settings over = {{10, 200, 77}, .orient = true, .max_pixels = MOST};

/* The picture at PATH must be WANT (h,w,3), but for TOLERANCE in each byte. */
static void check(const char *what, const char *path, const uint8_t *want, size_t h, size_t w,
                  int tolerance)
{
    char error[IMAGE_ERROR];
    struct image im;
    size_t wrong = 0;

    if (image_read(&im, path, &over, NULL, error)) {
        fail("%s: %s", what, error);
        return;
    }
    if (im.height != h || im.width != w)
        fail("%s: %zu x %zu, want %zu x %zu", what, im.height, im.width, h, w);
    for (size_t i = 0; im.height == h && im.width == w && i < h * w * RGB; i++)
        wrong += abs(im.pixels[i] - want[i]) > tolerance;
    if (wrong)
        fail("%s: %zu of %zu bytes differ", what, wrong, h * w * RGB);
    image_release(&im);
}

/* --- GIF --- */

struct gif_kind {
    bool interlaced;
    int transparent;            /* -1: none */
    size_t x, y, height, width; /* of the frame on a screen H x W */
};

static void write_gif(const char *path, const struct gif_kind *k, const uint8_t *indices,
                      const GifColorType *colours)
{
    static const size_t first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    int error = 0;
    GifFileType *gif = EGifOpenFileName(path, false, &error);
    ColorMapObject *map = GifMakeMapObject(64, colours);
    unsigned char control[4];
    size_t n_passes = k->interlaced ? 4 : 1;

    EGifPutScreenDesc(gif, W, H, 8, 0, map);
    EGifGCBToExtension(&(GraphicsControlBlock){.TransparentColor = k->transparent}, control);
    EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, sizeof control, control);
    EGifPutImageDesc(gif, (int)k->x, (int)k->y, (int)k->width, (int)k->height, k->interlaced, NULL);
    for (size_t pass = 0; pass < n_passes; pass++)
        for (size_t y = n_passes > 1 ? first[pass] : 0;
             y<k->height; y += n_passes> 1 ? step[pass] : 1)
            EGifPutLine(gif, (GifPixelType *)(uintptr_t)(indices + y * k->width), (int)k->width);
    GifFreeMapObject(map);
    if (EGifCloseFile(gif, &error) != GIF_OK)
        die_file(path, "cannot write");
}

static void check_gif(const struct gif_kind *k)
{
    uint8_t indices[H * W], want[H * W * RGB];
    GifColorType colours[64];

    noise(indices, sizeof indices, 1);
    noise((uint8_t *)colours, sizeof colours, 2);
    for (size_t i = 0; i < H * W; i++) {
        indices[i] &= 63;
        memcpy(want + i * RGB, over.background, RGB);
    }
    for (size_t i = 0; i < k->height * k->width; i++) {
        size_t y = k->y + i / k->width, x = k->x + i % k->width;
        GifColorType c = colours[indices[i]];

        if (indices[i] != k->transparent)
            memcpy(want + (y * W + x) * RGB, (uint8_t[]){c.Red, c.Green, c.Blue}, RGB);
    }
    write_gif("kind.gif", k, indices, colours);
    check(k->interlaced ? "GIF, interlaced" : "GIF", "kind.gif", want, H, W, 0);
}

static void check_gifs(void)
{
    static const struct gif_kind kinds[] = {{false, -1, 0, 0, H, W},
                                            {true, -1, 0, 0, H, W},
                                            {false, 7, 0, 0, H, W},
                                            {true, 7, 5, 3, H - 4, W - 9},
                                            {false, -1, 0, H - 1, 1, 1}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_gif(&kinds[i]);
}

/* --- TIFF --- */

struct tiff_kind {
    uint16_t bits, samples, photometric, compression, extra;
    bool tiled, planes;
    int tolerance;
};

static void set_tags(TIFF *tiff, const struct tiff_kind *k)
{
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, W);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, H);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, k->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, k->samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, k->photometric);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, k->compression);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
                 k->planes ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    if (k->extra != EXTRASAMPLE_UNSPECIFIED)
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &k->extra);
    if (k->tiled) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, k->compression == COMPRESSION_JPEG ? 8 : 5);
    }
}

/* SAMPLES (H,W,k->samples), 8 bits; 16 where both bytes are the same. */
static void write_tiff(const char *path, const struct tiff_kind *k, const uint8_t *samples)
{
    TIFF *tiff = TIFFOpen(path, "w");
    size_t n_planes = k->planes ? k->samples : 1, n = k->planes ? 1 : k->samples,
           size = k->bits / 8u;
    uint8_t piece[16 * 16 * RGBA * 2];

    set_tags(tiff, k);
    for (size_t plane = 0; plane < n_planes; plane++)
        for (size_t top = 0; top < H; top += k->tiled ? 16 : 1)
            for (size_t left = 0; left < W; left += k->tiled ? 16 : W) {
                size_t h = k->tiled ? 16 : 1, w = k->tiled ? 16 : W;

                memset(piece, 0, sizeof piece);
                for (size_t i = 0; i < h * w * n * size; i++) {
                    size_t y = top + i / size / n / w, x = left + i / size / n % w,
                           c = k->planes ? plane : i / size % n;

                    if (y < H && x < W)
                        piece[i] = samples[(y * W + x) * k->samples + c];
                }
                if (k->tiled ? TIFFWriteTile(tiff, piece, (uint32_t)left, (uint32_t)top, 0,
                                             (uint16_t)plane)
                            < 0
                             : TIFFWriteScanline(tiff, piece, (uint32_t)top, (uint16_t)plane) < 0)
                    die_file(path, "cannot write");
            }
    TIFFClose(tiff);
}

static void check_tiff(const struct tiff_kind *k)
{
    uint8_t samples[H * W * RGBA], want[H * W * RGB];
    char *what = xformat("TIFF of %d samples of %d bits, photometric %d, compression %d%s%s",
                         k->samples, k->bits, k->photometric, k->compression,
                         k->tiled ? ", tiled" : "", k->planes ? ", in planes" : "");

    noise(samples, sizeof samples, 3);
    if (k->compression == COMPRESSION_JPEG)
        memset(samples, 99, sizeof samples);
    for (size_t i = 0; i < H * W; i++)
        for (size_t c = 0; c < RGB; c++) {
            const uint8_t *pixel = samples + i * k->samples;
            unsigned v = pixel[k->samples < RGB ? 0 : c], a = 255, b = over.background[c];

            if (k->photometric == PHOTOMETRIC_MINISWHITE)
                v = 255 - v;
            if (k->extra == EXTRASAMPLE_UNASSALPHA || k->extra == EXTRASAMPLE_ASSOCALPHA)
                a = pixel[k->samples - 1];
            if (k->extra == EXTRASAMPLE_ASSOCALPHA) /* multiplied in already, and at most 255 */
                v = v + (b * (255 - a) + 127) / 255;
            else
                v = (v * a + b * (255 - a) + 127) / 255;
            want[i * RGB + c] = (uint8_t)(v < 255 ? v : 255);
        }
    write_tiff("kind.tif", k, samples);
    check(what, "kind.tif", want, H, W, k->tolerance);
    free(what);
}

static void check_tiffs(void)
{
    static const struct tiff_kind kinds[] = {
        {8, 3, PHOTOMETRIC_RGB, COMPRESSION_NONE, 0, false, false, 0},
        {8, 3, PHOTOMETRIC_RGB, COMPRESSION_NONE, 0, true, false, 0},
        {8, 3, PHOTOMETRIC_RGB, COMPRESSION_LZW, 0, false, true, 0},
        {8, 3, PHOTOMETRIC_RGB, COMPRESSION_ADOBE_DEFLATE, 0, true, false, 0},
        {8, 3, PHOTOMETRIC_RGB, COMPRESSION_PACKBITS, 0, true, true, 0},
        {8, 3, PHOTOMETRIC_RGB, COMPRESSION_JPEG, 0, false, false, 1},
        {16, 3, PHOTOMETRIC_RGB, COMPRESSION_LZW, 0, false, false, 0},
        {16, 3, PHOTOMETRIC_RGB, COMPRESSION_NONE, 0, true, false, 0},
        {8, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, 0, false, false, 0},
        {8, 1, PHOTOMETRIC_MINISWHITE, COMPRESSION_ADOBE_DEFLATE, 0, false, false, 0},
        {16, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, 0, true, false, 0},
        {8, 4, PHOTOMETRIC_RGB, COMPRESSION_NONE, EXTRASAMPLE_UNASSALPHA, false, false, 1},
        {8, 4, PHOTOMETRIC_RGB, COMPRESSION_LZW, EXTRASAMPLE_UNASSALPHA, true, false, 1},
        {8, 4, PHOTOMETRIC_RGB, COMPRESSION_NONE, EXTRASAMPLE_ASSOCALPHA, false, false, 0},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_tiff(&kinds[i]);
}

/* --- BMP --- */

struct bmp_kind {
    unsigned bits, compression, head_len;
    bool from_top;
    uint32_t masks[RGBA]; /* of 16 and 32 bits, red green blue alpha; all 0: none are written */
};

static uint8_t masked(uint32_t pixel, uint32_t mask)
{
    uint32_t most = mask ? mask >> __builtin_ctz(mask) : 0,
             value = mask ? (pixel & mask) >> __builtin_ctz(mask) : 0;

    return mask ? (uint8_t)(255.0 * value / most + 0.5) : 0;
}

/* The pixel at BIT of a row. */
static uint32_t bmp_pixel(const uint8_t *row, size_t bit, unsigned bits)
{
    return bits == 32 ? get_le32(row + bit / 8)
        : bits == 24  ? get_le16(row + bit / 8) | (uint32_t)row[bit / 8 + 2] << 16
        : bits == 16  ? get_le16(row + bit / 8)
                      : row[bit / 8] >> (8 - bits - bit % 8) & ((1u << bits) - 1);
}

static void check_bmp(const struct bmp_kind *k)
{
    static const uint32_t rgb555[] = {0x7C00, 0x3E0, 0x1F, 0},
                          rgb888[] = {0xFF0000, 0xFF00, 0xFF, 0};
    uint8_t file[32768] = "BM", want[H * W * RGB];
    uint8_t palette[256 * RGBA];
    size_t n_colours = k->bits <= 8 ? (size_t)1 << k->bits : 0, row = (W * k->bits + 31) / 32 * 4,
           entry = k->head_len == 12 ? 3 : 4, masks = k->masks[0] && k->head_len == 40 ? 12 : 0,
           at = 14 + k->head_len + masks + n_colours * entry, len = at + H * row;
    const uint32_t *mask = k->masks[0] ? k->masks : k->bits == 16 ? rgb555 : rgb888;
    char *what = xformat("BMP of %u bits, header of %u%s%s", k->bits, k->head_len,
                         k->from_top ? ", from the top" : "", k->masks[0] ? ", masks" : "");

    noise(palette, sizeof palette, 5);
    put_le32(file + 2, (uint32_t)len);
    put_le32(file + 10, (uint32_t)at);
    put_le32(file + 14, k->head_len);
    if (k->head_len == 12) {
        put_le16(put_le16(file + 18, W), H);
        put_le16(put_le16(file + 22, 1), (uint16_t)k->bits);
    } else {
        put_le32(put_le32(file + 18, W), k->from_top ? -(uint32_t)H : H);
        put_le16(put_le16(file + 26, 1), (uint16_t)k->bits);
        put_le32(file + 30, k->compression);
        for (size_t i = 0; k->masks[0] && i < (k->head_len > 40 ? 4 : 3); i++)
            put_le32(file + 54 + 4 * i, k->masks[i]);
    }
    for (size_t i = 0; i < n_colours; i++)
        memcpy(file + 14 + k->head_len + i * entry, palette + i * RGBA, entry);
    noise(file + at, H * row, 6);
    for (size_t i = 0; i < H * W; i++) {
        size_t y = k->from_top ? i / W : H - 1 - i / W;
        uint32_t pixel = bmp_pixel(file + at + y * row, i % W * k->bits, k->bits);
        unsigned a = k->masks[3] ? masked(pixel, k->masks[3]) : 255;

        for (size_t c = 0; c < RGB; c++)
            want[i * RGB + c] = k->bits <= 8
                ? palette[pixel * RGBA + 2 - c]
                : (uint8_t)((masked(pixel, mask[c]) * a + over.background[c] * (255 - a) + 127)
                            / 255);
    }
    {
        FILE *f = fopen("kind.bmp", "wb");

        fwrite(file, 1, len, f);
        fclose(f);
    }
    check(what, "kind.bmp", want, H, W, 0);
    free(what);
}

/* Run lengths of 8 and of 4 bits; the picture is 6 x 4, colour 0 where nothing is written. */
static void check_runs(bool four)
{
    static const uint8_t runs_8[] = {3, 1, 0, 3, 4, 5, 6, 0, 0, 0, 0, 2, 2, 1, 2, 7, 0, 1},
                         runs_4[] = {3, 0x11, 0, 3, 0x45, 0x60, 0, 0, 0, 2, 2, 1, 2, 0x77, 0, 1};
    static const uint8_t shown[4][6] = {
        {0, 0, 0, 0, 0, 0}, {0, 0, 7, 7, 0, 0}, {0, 0, 0, 0, 0, 0}, {1, 1, 1, 4, 5, 6}};
    uint8_t file[256] = "BM", want[4 * 6 * RGB];
    size_t n = four ? 16 : 8, at = 14 + 40 + 4 * n;
    FILE *f = fopen("runs.bmp", "wb");

    put_le32(file + 10, (uint32_t)at);
    put_le32(file + 14, 40);
    put_le32(put_le32(file + 18, 6), 4);
    put_le16(put_le16(file + 26, 1), four ? 4 : 8);
    put_le32(file + 30, four ? 2 : 1);
    put_le32(file + 46, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        memset(file + 54 + 4 * i, (int)(i * 10), 3);
    memcpy(file + at, four ? runs_4 : runs_8, four ? sizeof runs_4 : sizeof runs_8);
    fwrite(file, 1, at + (four ? sizeof runs_4 : sizeof runs_8), f);
    fclose(f);
    for (size_t i = 0; i < 24; i++)
        memset(want + i * RGB, shown[i / 6][i % 6] * 10, RGB);
    if (!four) /* an end of the row and a step of one up: the second row from the bottom is empty */
        check("BMP of run lengths, 8 bits", "runs.bmp", want, 4, 6, 0);
    else { /* a step to the right goes on from where the run before ended */
        memset(want + 6 * RGB, 0, 12 * RGB);
        for (size_t x = 2; x < 4; x++)
            memset(want + (6 + x) * RGB, 70, RGB);
        check("BMP of run lengths, 4 bits", "runs.bmp", want, 4, 6, 0);
    }
}

static void check_bmps(void)
{
    static const struct bmp_kind kinds[] = {
        {1, 0, 40, false, {0}},
        {2, 0, 40, false, {0}},
        {4, 0, 40, false, {0}},
        {4, 0, 12, false, {0}},
        {8, 0, 40, true, {0}},
        {8, 0, 124, false, {0}},
        {16, 0, 40, false, {0}},
        {16, 3, 40, false, {0xF800, 0x7E0, 0x1F, 0}},
        {24, 0, 40, false, {0}},
        {24, 0, 12, false, {0}},
        {24, 0, 40, true, {0}},
        {32, 0, 40, false, {0}},
        {32, 3, 40, false, {0xFF, 0xFF00, 0xFF0000, 0}},
        {32, 3, 108, false, {0xFF0000, 0xFF00, 0xFF, 0xFF000000}},
        {32, 3, 56, true, {0x3FF00000, 0xFFC00, 0x3FF, 0}},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_bmp(&kinds[i]);
    check_runs(false);
    check_runs(true);
}

/* --- JPEG --- */

/* Four inks, each a slope, as they are stored. */
static void write_ink(const char *path, bool adobe, bool ycck)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    FILE *f = fopen(path, "wb");
    uint8_t row[31 * 4];
    JSAMPROW rows[] = {row};

    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, f);
    c.image_width = 31;
    c.image_height = 29;
    c.input_components = 4;
    c.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, ycck ? JCS_YCCK : JCS_CMYK);
    jpeg_set_quality(&c, 100, TRUE);
    c.write_Adobe_marker = adobe;
    jpeg_start_compress(&c, TRUE);
    for (size_t y = 0; y < 29; y++) {
        for (size_t x = 0; x < 31; x++)
            memcpy(row + 4 * x,
                   (uint8_t[]){(uint8_t)(8 * x), (uint8_t)(8 * y), (uint8_t)(4 * (x + y)),
                               (uint8_t)(255 - 2 * x)},
                   4);
        jpeg_write_scanlines(&c, rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    fclose(f);
}

static void check_ink(bool adobe)
{
    uint8_t want[29 * 31 * RGB];

    write_ink("ink.jpg", adobe, false);
    for (size_t i = 0; i < 29 * 31; i++) {
        unsigned x = (unsigned)(i % 31), y = (unsigned)(i / 31),
                 ink[] = {8 * x, 8 * y, 4 * (x + y), 255 - 2 * x};

        for (size_t c = 0; c < RGB; c++)
            want[i * RGB + c] =
                (uint8_t)(adobe ? ink[c] * ink[3] / 255 : (255 - ink[c]) * (255 - ink[3]) / 255);
    }
    check(adobe ? "JPEG of inks as Adobe stores them" : "JPEG of inks", "ink.jpg", want, 29, 31, 4);
}

/* A progressive picture whose first coefficient is refined over and over, beyond what is of use. */
static void write_scans(const char *path, int n)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    jpeg_scan_info *scans = xcalloc((size_t)n + 2, sizeof *scans);
    FILE *f = fopen(path, "wb");
    uint8_t row[64];
    JSAMPROW rows[] = {row};
    int n_scans = 0;

    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, f);
    c.image_width = c.image_height = 64;
    c.input_components = 1;
    c.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&c);
    scans[n_scans++] = (jpeg_scan_info){1, {0}, 0, 0, 0, 0};
    for (int k = 1; k < 64 && n_scans < n; k++) /* each coefficient alone, a bit a scan */
        for (int bit = 6; bit >= 0 && n_scans < n; bit--)
            scans[n_scans++] = (jpeg_scan_info){1, {0}, k, k, bit == 6 ? 0 : bit + 1, bit};
    c.scan_info = scans;
    c.num_scans = n_scans;
    jpeg_start_compress(&c, TRUE);
    for (size_t y = 0; y < 64; y++) {
        noise(row, sizeof row, y + 1);
        jpeg_write_scanlines(&c, rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    fclose(f);
    free(scans);
}

/* --- colour profiles --- */

/* The profile of sRGB's colours with samples that are light itself; the caller frees it. */
static uint8_t *linear_profile(cmsUInt32Number *len)
{
    cmsToneCurve *straight = cmsBuildGamma(NULL, 1), *curves[] = {straight, straight, straight};
    cmsCIExyYTRIPLE colours = {{0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}};
    cmsHPROFILE profile = cmsCreateRGBProfile(&(cmsCIExyY){0.3127, 0.3290, 1}, &colours, curves);
    uint8_t *bytes;

    cmsSaveProfileToMem(profile, NULL, len);
    bytes = xmalloc(*len);
    cmsSaveProfileToMem(profile, bytes, len);
    cmsCloseProfile(profile);
    cmsFreeToneCurve(straight);
    return bytes;
}

/* A PNG and a JPEG of H x W pixels, each of which has the same three samples. */
static void write_profiled(const uint8_t samples[RGB], const uint8_t *profile, unsigned len)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    FILE *f = fopen("profile.png", "wb"), *g = fopen("profile.jpg", "wb");
    uint8_t row[W * RGB];
    JSAMPROW rows[] = {row};

    for (size_t i = 0; i < sizeof row; i++)
        row[i] = samples[i % RGB];
    png_init_io(png, f);
    png_set_IHDR(png, info, W, H, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_iCCP(png, info, "light", 0, profile, len);
    png_write_info(png, info);
    for (size_t y = 0; y < H; y++)
        png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(f);
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, g);
    c.image_width = W;
    c.image_height = H;
    c.input_components = RGB;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 100, TRUE);
    jpeg_start_compress(&c, TRUE);
    jpeg_write_icc_profile(&c, profile, len);
    for (size_t y = 0; y < H; y++)
        jpeg_write_scanlines(&c, rows, 1);
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    fclose(g);
}

/* Every byte of the picture at PATH is the sample's, or what sRGB makes of as much light. */
static void check_profiled(const char *path, const uint8_t samples[RGB], bool to_srgb)
{
    const struct picture_settings settings = {.to_srgb = to_srgb, .max_pixels = MOST};
    char error[IMAGE_ERROR];
    struct image im;

    if (image_read(&im, path, &settings, NULL, error)) {
        fail("%s: %s", path, error);
        return;
    }
    for (size_t i = 0; i < H * W * RGB; i++) {
        double light = samples[i % RGB] / 255.0, want = samples[i % RGB];

        if (to_srgb)
            want = 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055);
        if (fabs(im.pixels[i] - want) > 4) {
            fail("%s, converted %d: %d, want %.1f", path, to_srgb, im.pixels[i], want);
            break;
        }
    }
    image_release(&im);
}

static void check_profiles(void)
{
    static const uint8_t samples[][RGB] = {
        {128, 128, 128}, {30, 60, 200}, {255, 255, 255}, {200, 100, 50}};
    cmsUInt32Number len;
    uint8_t *profile = linear_profile(&len);

    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        write_profiled(samples[i], profile, len);
        for (int converted = 0; converted < 2; converted++) {
            check_profiled("profile.png", samples[i], converted);
            check_profiled("profile.jpg", samples[i], converted);
        }
    }
    free(profile);
}

/* --- orientation --- */

/* Every orientation of a picture of 2 x 3, turned and turned back. */
static void check_turns(void)
{
    for (unsigned o = 1; o <= 8; o++) {
        uint8_t stored[6 * RGB], upright[6 * RGB];

        noise(stored, sizeof stored, o);
        exif_turn(upright, stored, o, 2, 3);
        for (size_t i = 0; i < 6; i++) {
            size_t w = o >= 5 ? 2 : 3, row, column;

            exif_stored(&row, &column, o, i / w, i % w, 2, 3);
            if (memcmp(upright + i * RGB, stored + (row * 3 + column) * RGB, RGB) != 0)
                fail("orientation %u: pixel %zu is not where exif_stored says", o, i);
        }
    }
}

static void check_text(void)
{
    static const char text[] = "\nexif\n      32\n4949"
                               "2a00080000000100120103000100000006000000\n00000000\n";

    if (exif_text_orientation(text, strlen(text)) != 6)
        fail("the orientation in hexadecimal text is not 6");
    if (exif_text_orientation("\nexif\n", 6) != 1 || exif_text_orientation("", 0) != 1)
        fail("text without digits is not upright");
}

/* --- damage --- */

static size_t read_file(const char *path, uint8_t *bytes, size_t most)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(bytes, 1, most, f) : 0;

    if (f)
        fclose(f);
    return n;
}

static const char *try_bytes(const uint8_t *bytes, size_t n, char error[IMAGE_ERROR])
{
    struct image im;
    FILE *f = fopen("bad", "wb");
    const char *bad;

    fwrite(bytes, 1, n, f);
    fclose(f);
    bad = image_read(&im, "bad", &over, NULL, error);
    image_release(&im);
    return bad;
}

/* Cut anywhere it must be refused, up to the bytes that no reader needs (a GIF's last block, an
 * ancillary chunk); with any byte changed it must not be the end of us. */
static void check_damage(const char *path, size_t n_spare)
{
    static uint8_t bytes[1 << 16];
    size_t n = read_file(path, bytes, sizeof bytes);
    char error[IMAGE_ERROR];

    if (n < 16)
        fail("%s: not there", path);
    for (size_t cut = 16; cut + n_spare < n; cut += 1 + n / 300)
        if (!try_bytes(bytes, cut, error))
            fail("%s: read, though cut after %zu of %zu bytes", path, cut, n);
    for (size_t i = 0; i < n; i += 1 + n / 500) {
        uint8_t before = bytes[i];

        bytes[i] ^= (uint8_t)(1u << i % 8);
        try_bytes(bytes, n, error);
        bytes[i] = 255;
        try_bytes(bytes, n, error);
        bytes[i] = before;
    }
}

/* --- tools for other tests --- */

static void make_png(const char *ppm, const char *path)
{
    struct image im = {0};
    FILE *f = fopen(ppm, "rb");
    int most;

    if (!f || fscanf(f, "P6 %zu %zu %d", &im.width, &im.height, &most) != 3 || getc(f) == EOF)
        die_file(ppm, "no PPM file");
    im.pixels = xmalloc(im.height * im.width * RGB);
    if (fread(im.pixels, RGB, im.height * im.width, f) != im.height * im.width)
        die_file(ppm, "cut short");
    fclose(f);
    image_write(path, &im, NULL);
    image_release(&im);
}

static void copy(const char *from, const char *to)
{
    static uint8_t bytes[1 << 16];
    size_t n = read_file(from, bytes, sizeof bytes);
    FILE *f = fopen(to, "wb");

    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        die_file(to, "cannot write");
}

static void write_webp(const char *path, bool lossless)
{
    uint8_t pixels[H * W * RGBA], *webp;
    FILE *f = fopen(path, "wb");
    size_t n;

    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i / 97 + i);
    n = lossless ? WebPEncodeLosslessRGBA(pixels, W, H, W * RGBA, &webp)
                 : WebPEncodeRGBA(pixels, W, H, W * RGBA, 50, &webp);
    if (!f || fwrite(webp, 1, n, f) != n || fclose(f) != 0)
        die_file(path, "cannot write");
    WebPFree(webp);
}

static void write_seeds(void)
{
    check_gif(&(struct gif_kind){false, 3, 1, 2, H - 3, W - 2});
    copy("kind.gif", "gif/plain");
    check_gif(&(struct gif_kind){true, -1, 0, 0, H, W});
    copy("kind.gif", "gif/interlaced");
    check_tiff(&(struct tiff_kind){8, 3, PHOTOMETRIC_RGB, COMPRESSION_LZW, 0, false, false, 0});
    copy("kind.tif", "tiff/lzw");
    check_tiff(
        &(struct tiff_kind){16, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, 0, true, false, 0});
    copy("kind.tif", "tiff/tiled");
    check_tiff(&(struct tiff_kind){8, 3, PHOTOMETRIC_RGB, COMPRESSION_JPEG, 0, false, false, 1});
    copy("kind.tif", "tiff/jpeg");
    check_tiff(&(struct tiff_kind){8, 4, PHOTOMETRIC_RGB, COMPRESSION_ADOBE_DEFLATE,
                                   EXTRASAMPLE_UNASSALPHA, false, true, 1});
    copy("kind.tif", "tiff/planes");
    check_bmp(&(struct bmp_kind){8, 0, 40, true, {0}});
    copy("kind.bmp", "bmp/palette");
    check_bmp(&(struct bmp_kind){32, 3, 108, false, {0xFF0000, 0xFF00, 0xFF, 0xFF000000}});
    copy("kind.bmp", "bmp/masks");
    check_runs(false);
    copy("runs.bmp", "bmp/runs");
    write_ink("jpeg/ink", true, true);
    write_scans("jpeg/scans", 12);
    write_webp("webp/lossy", false);
    write_webp("webp/lossless", true);
    remove("kind.gif");
    remove("kind.tif");
    remove("kind.bmp");
    remove("runs.bmp");
}

static void make_large(size_t h, size_t w, const char *path)
{
    uint8_t *row = xmalloc(w * RGB);
    FILE *f = fopen(path, "wb");

    fprintf(f, "P6\n%zu %zu\n255\n", w, h);
    for (size_t y = 0; y < h; y++) {
        for (size_t i = 0; i < w * RGB; i++)
            row[i] = (uint8_t)((y / 9 + i / 40) ^ (i / RGB * y / 5000 & 31));
        fwrite(row, RGB, w, f);
    }
    if (fclose(f) != 0)
        die_file(path, "cannot write");
    free(row);
}

static void make_bmp(const char *ppm, const char *path)
{
    uint8_t head[54] = "BM", *row;
    FILE *from = fopen(ppm, "rb"), *f = fopen(path, "wb");
    size_t h, w, len;
    int most;

    if (!from || !f || fscanf(from, "P6 %zu %zu %d", &w, &h, &most) != 3 || getc(from) == EOF)
        die_file(ppm, "no PPM file");
    len = (w * RGB + 3) / 4 * 4;
    row = xcalloc(len, 1);
    put_le32(head + 10, sizeof head);
    put_le32(head + 14, 40);
    put_le32(put_le32(head + 18, (uint32_t)w), -(uint32_t)h);
    put_le16(put_le16(head + 26, 1), 24);
    fwrite(head, 1, sizeof head, f);
    for (size_t y = 0; y < h && fread(row, RGB, w, from) == w; y++)
        fwrite(row, 1, len, f);
    fclose(from);
    if (fclose(f) != 0)
        die_file(path, "cannot write");
    free(row);
}

static void make_interlaced(size_t h, size_t w, const char *path)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t *row = xcalloc(w, RGB);
    FILE *f = fopen(path, "wb");

    png_init_io(png, f);
    png_set_compression_level(png, 1);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_ADAM7, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--)
        for (size_t y = 0; y < h; y++)
            png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(f);
    free(row);
}

int main(int argc, char **argv)
{
    report_init("check-pictures");
    if (argc == 5 && strcmp(argv[1], "ink") == 0) {
        write_ink(argv[4], strcmp(argv[2], "yes") == 0, strcmp(argv[3], "yes") == 0);
    } else if (argc == 4 && strcmp(argv[1], "scans") == 0) {
        write_scans(argv[3], atoi(argv[2]));
    } else if (argc == 4 && strcmp(argv[1], "png") == 0) {
        make_png(argv[2], argv[3]);
    } else if (argc == 4 && strcmp(argv[1], "bmp") == 0) {
        make_bmp(argv[2], argv[3]);
    } else if (argc == 5 && strcmp(argv[1], "large") == 0) {
        make_large(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), argv[4]);
    } else if (argc == 5 && strcmp(argv[1], "interlaced") == 0) {
        make_interlaced(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), argv[4]);
    } else if (argc == 2 && strcmp(argv[1], "seeds") == 0) {
        write_seeds();
    } else {
        check_gifs();
        check_damage("kind.gif", 2);
        check_tiffs();
        check_damage("kind.tif", 0);
        check_bmps();
        check_damage("kind.bmp", 0);
        check_damage("runs.bmp", 2);
        check_ink(true);
        check_ink(false);
        check_damage("ink.jpg", 0);
        check_profiles();
        check_turns();
        check_text();
    }
    return fflush(stdout) != 0 || failures > 0;
}
