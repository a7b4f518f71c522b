#include "pictures/image.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#include "base/endian.h"
#include "base/report.h"
#include "pictures/unpack.h"

enum { RGB = 3, RGBA = 4, BUFFER = 1 << 16 };

/* --- the bytes of a file, digested as they pass --- */

struct source {
    int fd;
    off_t file_size;
    struct digest_state *hash; /* NULL: no digest wanted */
    int error;                 /* errno of a failed read */
    size_t at, n;              /* the part of the buffer not yet taken */
    size_t capacity;           /* of the buffer: the whole of a file that may be unpacked */
    unsigned char *buffer;
};

/* NULL, or the reason. O_NONBLOCK: so that a FIFO does not hold us. */
static const char *source_open(struct source *s, const char *path, bool digest)
{
    struct stat st;
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "not a regular file";
    s->file_size = st.st_size;
    s->capacity = st.st_size > 0 && st.st_size <= UNPACK_MOST ? (size_t)st.st_size : BUFFER;
    s->buffer = xmalloc(s->capacity);
    s->hash = digest ? digest_new() : NULL;
    return NULL;
}

/* Makes at least one byte available; false at the end of the file or after an error. */
static bool source_fill(struct source *s)
{
    ssize_t got;
    if (s->at < s->n)
        return true;
    do
        got = read(s->fd, s->buffer, s->capacity);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        s->error = errno;
    if (got <= 0)
        return false;
    if (s->hash)
        digest_add(s->hash, s->buffer, (size_t)got);
    s->at = 0;
    s->n = (size_t)got;
    return true;
}

/* Closes the file and frees its buffer; with a digest, reads to its end first. NULL, or the reason
 * why that cannot be; then there is no digest. */
static const char *source_close(struct source *s, struct digest *digest)
{
    if (s->hash) {
        while (source_fill(s))
            s->at = s->n;
        if (!s->error)
            *digest = digest_value(s->hash);
        digest_free(s->hash);
    }
    if (s->fd >= 0)
        close(s->fd);
    free(s->buffer);
    return s->error ? strerror(s->error) : NULL;
}

const char *image_file_digest(const char *path, struct digest *digest, char error[IMAGE_ERROR])
{
    struct source *s = xcalloc(1, sizeof *s);
    const char *reason, *late;
    *digest = (struct digest){0};
    reason = source_open(s, path, true);
    late = source_close(s, digest);
    if (!reason)
        reason = late;
    if (reason)
        snprintf(error, IMAGE_ERROR, "%s", reason);
    free(s);
    return reason ? error : NULL;
}

/* --- reading PNG --- */

/* All that a failure inside libpng, a longjmp, must find again. */
struct decoder {
    struct source source;
    png_structp png;
    png_infop info;
    struct image *image;
    bool opaque;         /* 8 bits without alpha: libpng's rows are the image's */
    unsigned char *rows; /* otherwise of RGBA samples: all rows of an interlaced image, else one */
    unsigned char *unpacked; /* the file unpacked, or NULL */
    size_t unpacked_len, unpacked_at;
    char error[IMAGE_ERROR];
};

/* Held by the thread that has a large image: what the program holds is bounded by one of them, not
 * by the number of threads. */
static pthread_mutex_t large = PTHREAD_MUTEX_INITIALIZER;
enum { LARGE_PIXELS = 1 << 22 };

static void on_read_error(png_structp png, png_const_charp message)
{
    struct decoder *d = png_get_error_ptr(png);
    snprintf(d->error, sizeof d->error, "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read_unpacked(png_structp png, png_bytep data, size_t len)
{
    struct decoder *d = png_get_io_ptr(png);
    if (len > d->unpacked_len - d->unpacked_at)
        png_error(png, "cut short");
    memcpy(data, d->unpacked + d->unpacked_at, len);
    d->unpacked_at += len;
}

static void on_read(png_structp png, png_bytep data, size_t len)
{
    struct decoder *d = png_get_io_ptr(png);
    struct source *s = &d->source;
    while (len > 0) {
        size_t n;
        if (!source_fill(s))
            png_error(png, s->error ? strerror(s->error) : "cut short");
        n = len < s->n - s->at ? len : s->n - s->at;
        memcpy(data, s->buffer + s->at, n);
        s->at += n;
        data += n;
        len -= n;
    }
}

/* NULL where the file starts as a PNG file does, otherwise what it is instead. */
static const char *check_signature(struct source *s)
{
    const unsigned char *b;
    if (!source_fill(s))
        return s->error ? strerror(s->error) : "empty";
    b = s->buffer;
    if (s->n >= 8 && png_sig_cmp(b, 0, 8) == 0)
        return NULL;
    if (s->n >= 3 && memcmp(b, "\xff\xd8\xff", 3) == 0)
        return "a JPEG file";
    if (s->n >= 4 && memcmp(b, "GIF8", 4) == 0)
        return "a GIF file";
    if (s->n >= 12 && memcmp(b, "RIFF", 4) == 0 && memcmp(b + 8, "WEBP", 4) == 0)
        return "a WebP file";
    return "not a PNG file";
}

/* The orientation, 1 to 8, in an EXIF block (TIFF 6.0: byte order, 42, offset of the first
 * directory; entries of 12 bytes); 1 where there is none. */
static unsigned exif_orientation(const unsigned char *exif, size_t len)
{
    bool big;
    size_t at;
    unsigned n;
    if (len < 14 || (memcmp(exif, "II*\0", 4) != 0 && memcmp(exif, "MM\0*", 4) != 0))
        return 1;
    big = exif[0] == 'M';
    at = big ? get_be32(exif + 4) : get_le32(exif + 4);
    if (at > len - 2)
        return 1;
    n = big ? get_be16(exif + at) : get_le16(exif + at);
    for (at += 2; n > 0 && len - at >= 12; n--, at += 12) {
        const unsigned char *e = exif + at; /* tag, type, count, value */
        unsigned tag = big ? get_be16(e) : get_le16(e),
                 value = big ? get_be16(e + 8) : get_le16(e + 8);
        if (tag == 0x0112)
            return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

/* Turns and mirrors. The orientations say where the stored row 0 and column 0 belong: 1 top left, 2
 * top right, 3 bottom right, 4 bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom.
 */
static void orient(struct image *im, unsigned orientation)
{
    size_t h = orientation >= 5 ? im->width : im->height,
           w = orientation >= 5 ? im->height : im->width;
    uint8_t *upright = xmalloc(h * w * RGB), *to = upright;
    for (size_t y = 0; y < h; y++) {
        for (size_t x = 0; x < w; x++, to += RGB) {
            size_t row = orientation >= 5 ? x : y, column = orientation >= 5 ? y : x;
            if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
                row = im->height - 1 - row;
            if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
                column = im->width - 1 - column;
            memcpy(to, im->pixels + (row * im->width + column) * RGB, RGB);
        }
    }
    free(im->pixels);
    im->pixels = upright;
    im->height = h;
    im->width = w;
}

/* rgb (n,3) from RGBA samples of 1 or 2 bytes, big-endian, over the background. */
static void flatten(uint8_t *rgb, const unsigned char *samples, size_t n, int depth,
                    const uint8_t background[3])
{
    uint64_t most = depth == 16 ? 65535 : 255, square = most * most;
    for (size_t i = 0; i < n; i++, rgb += RGB) {
        uint64_t v[RGBA];
        for (int c = 0; c < RGBA; c++, samples += depth / 8)
            v[c] = depth == 16 ? get_be16(samples) : samples[0];
        for (int c = 0; c < RGB; c++) {
            uint64_t blend = v[c] * v[3] + background[c] * (most / 255) * (most - v[3]);
            rgb[c] =
                (uint8_t)(v[3] == 255 && most == 255 ? v[c] : (blend * 255 + square / 2) / square);
        }
    }
}

/* Sets up libpng to give RGB of 8 bits where the file is opaque and not finer, otherwise RGBA of 8
 * or 16 bits. */
static void ask_for_rgb(struct decoder *d)
{
    d->opaque = png_get_bit_depth(d->png, d->info) <= 8
        && !(png_get_color_type(d->png, d->info) & PNG_COLOR_MASK_ALPHA)
        && !png_get_valid(d->png, d->info, PNG_INFO_tRNS);
    png_set_expand(d->png);
    png_set_gray_to_rgb(d->png);
    if (!d->opaque)
        png_set_add_alpha(d->png, 0xffff, PNG_FILLER_AFTER);
}

/* A blank picture of any size is a small file: what its pixels take is bounded by the file, as
 * everywhere. */
static void check_memory(struct decoder *d, uint64_t bytes)
{
    char text[IMAGE_ERROR];
    if (bytes <= ZIO_MOST + 4 * (uint64_t)d->source.file_size)
        return;
    snprintf(text, sizeof text, "too large: %u x %u pixels in a file of %llu bytes",
             png_get_image_width(d->png, d->info), png_get_image_height(d->png, d->info),
             (unsigned long long)d->source.file_size);
    png_error(d->png, text);
}

/* Checks the dimensions and allocates. Deflate makes at most 1032 bytes out of one. */
static void allocate(struct decoder *d, bool interlaced)
{
    png_structp png = d->png;
    uint64_t height = png_get_image_height(png, d->info), width = png_get_image_width(png, d->info),
             bits;
    size_t rows_size;
    if (height * width > IMAGE_MAX_PIXELS)
        png_error(png, "too large: over 67108864 pixels");
    bits = (uint64_t)png_get_channels(png, d->info) * png_get_bit_depth(png, d->info);
    if (height * width * bits / 8 > 1032 * (uint64_t)d->source.file_size)
        png_error(png, "cut short");
    ask_for_rgb(d);
    png_set_interlace_handling(png);
    png_read_update_info(png, d->info);
    rows_size = d->opaque ? 0 : png_get_rowbytes(png, d->info) * (interlaced ? height : 1);
    check_memory(d, height * width * RGB + rows_size);
    if (height * width > LARGE_PIXELS) {
        pthread_mutex_lock(&large);
        d->image->is_large = true;
    }
    d->image->height = height;
    d->image->width = width;
    d->image->pixels = xmalloc(height * width * RGB);
    d->rows = d->opaque ? NULL : xmalloc(rows_size);
}

static bool decode(struct decoder *d, const struct image_settings *s)
{
    png_structp png = d->png;
    struct image *im = d->image;
    int passes, depth;
    size_t row_bytes;
    png_bytep exif;
    png_uint_32 exif_len;
    unsigned orientation;
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_read_info(png, d->info);
    passes = png_get_interlace_type(png, d->info) == PNG_INTERLACE_ADAM7 ? 7 : 1;
    allocate(d, passes > 1);
    depth = png_get_bit_depth(png, d->info);
    row_bytes = png_get_rowbytes(png, d->info);
    for (int pass = 1; pass <= passes; pass++) {
        for (size_t y = 0; y < im->height; y++) {
            uint8_t *to = im->pixels + y * im->width * RGB;
            unsigned char *row = d->opaque ? to : d->rows + (passes > 1 ? y * row_bytes : 0);
            png_read_row(png, row, NULL);
            if (pass == passes && !d->opaque)
                flatten(to, row, im->width, depth, s->background);
        }
    }
    png_read_end(png, d->info); /* to the IEND chunk: a file without it is cut short */
    orientation = 1;
    if (s->orient && png_get_eXIf_1(png, d->info, &exif_len, &exif))
        orientation = exif_orientation(exif, exif_len);
    if (orientation > 1) {
        free(d->rows);
        d->rows = NULL;
        check_memory(d, 2 * (uint64_t)im->height * im->width * RGB);
        orient(im, orientation);
    }
    return true;
}

/* The file comes unpacked where it can be, its checksums checked; otherwise as it is. */
static void read_from(struct decoder *d)
{
    if (d->source.n == (size_t)d->source.file_size)
        d->unpacked = unpack_png(d->source.buffer, d->source.n, &d->unpacked_len);
    png_set_read_fn(d->png, d, d->unpacked ? on_read_unpacked : on_read);
    if (d->unpacked) {
        png_set_crc_action(d->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
        png_set_option(d->png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
    }
}

const char *image_read(struct image *im, const char *path, const struct image_settings *s,
                       struct digest *digest, char error[IMAGE_ERROR])
{
    struct decoder *d = xcalloc(1, sizeof *d);
    const char *reason, *late;
    d->image = im;
    *im = (struct image){0};
    if (digest)
        *digest = (struct digest){0};
    reason = source_open(&d->source, path, digest != NULL);
    if (!reason)
        reason = check_signature(&d->source);
    if (!reason) {
        d->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, on_read_error, on_warning);
        d->info = d->png ? png_create_info_struct(d->png) : NULL;
        if (!d->info)
            die("out of memory");
        read_from(d);
        png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
        png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_AS_DEFAULT, (png_const_bytep) "eXIf",
                                    1);
        if (!decode(d, s))
            reason = d->error;
    }
    late = source_close(&d->source, digest);
    if (!reason)
        reason = late;
    if (reason) {
        snprintf(error, IMAGE_ERROR, "%s", reason);
        image_release(im);
    }
    free(d->rows);
    free(d->unpacked);
    if (d->png)
        png_destroy_read_struct(&d->png, &d->info, NULL);
    free(d);
    return reason ? error : NULL;
}

void image_release(struct image *im)
{
    free(im->pixels);
    if (im->is_large)
        pthread_mutex_unlock(&large);
    *im = (struct image){0};
}

void image_digest(const struct image *im, char digest[DIGEST_SIZE])
{
    digest_format(digest, digest_data(im->pixels, im->height * im->width * RGB));
}

/* --- writing PNG --- */

_Noreturn static void on_write_error(png_structp png, png_const_charp message)
{
    zio_fail(png_get_error_ptr(png), message);
}

static void on_write(png_structp png, png_bytep data, size_t len)
{
    zio_write(png_get_io_ptr(png), data, len);
}

static void on_flush(png_structp png)
{
    (void)png;
}

void image_write(const char *path, const struct image *im, const char *const *text)
{
    struct zio_writer *file = zio_create(path, ZIO_PLAIN);
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, file, on_write_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info)
        die("out of memory");
    png_set_write_fn(png, file, on_write, on_flush);
    png_set_IHDR(png, info, (png_uint_32)im->width, (png_uint_32)im->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (; text && text[0]; text += 2) {
        png_text t = {.compression = PNG_ITXT_COMPRESSION_NONE,
                      .key = (png_charp)(uintptr_t)text[0],
                      .text = (png_charp)(uintptr_t)text[1],
                      .lang = (png_charp)(uintptr_t) "",
                      .lang_key = (png_charp)(uintptr_t) ""};
        png_set_text(png, info, &t, 1);
    }
    png_write_info(png, info);
    for (size_t y = 0; y < im->height; y++)
        png_write_row(png, im->pixels + y * im->width * RGB);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    zio_commit(file, NULL);
}
