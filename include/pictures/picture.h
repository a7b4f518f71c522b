/* picture: a picture file of any format as rows of 8-bit RGB, whatever its ending says.
 *
 *     struct picture p;
 *     const char *bad = picture_open(&p, path, &settings, true);   the header: height, width
 *     if (!bad) bad = picture_plan(&p, 80, 80);                    how small, how much memory
 *     if (!bad) bad = picture_decode(&p, each, context);           each(context, row), from the top
 *     picture_close(&p, &digest);
 *
 * | format | read by | what of it |
 * |---|---|---|
 * | PNG | libpng | all kinds, by rows; all rows at once where interlaced |
 * | JPEG | libjpeg-turbo | baseline by rows; progressive: all coefficients; RGB, grey, CMYK, YCCK |
 * | WebP | libwebp | the first frame; lossy by rows |
 * | GIF | giflib | the first frame, on its screen |
 * | TIFF | libtiff | the first page, by strips or tiles |
 * | BMP | our own | 1 to 32 bits, masks, run lengths; by rows |
 * | HEIF, AVIF | libheif | with `make HEIF=1` alone |
 *
 * Transparent pixels lie over the background. With c a sample, a its alpha, M the largest sample
 * (255 or 65535) and b the background, a byte is round((c*a + b/255*M * (M-a)) * 255 / M^2), halves
 * up: one rounding for blending and for the step from 16 to 8 bits. TIFF alone comes from its
 * library with 8 bits and its alpha multiplied in. Gamma and colour profiles are ignored, unless
 * to_srgb.
 *
 * Reasons are lines without the file's name, such as "cut short", or a codec's words. Several
 * threads may each have a picture.
 */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"
#include "pictures/colour.h"
#include "pictures/source.h"

enum { PICTURE_REASON = REASON_SIZE, PICTURE_SIDE = 1000000 }; /* the longest height or width */

struct picture_settings {
    uint8_t background[3];  /* lies under what is transparent */
    bool orient;            /* ask how the picture was held; otherwise it is as stored */
    bool to_srgb;           /* convert by the colour profile within, if there is one */
    bool accepts_truncated; /* of a JPEG that ends early or is damaged, take what libjpeg makes */
    uint64_t max_pixels;
};

struct picture_format;

struct picture {
    const struct picture_format *format; /* NULL: no picture */
    const struct picture_settings *settings;
    size_t height, width; /* of the stored picture */
    unsigned orientation; /* exif.h */
    size_t rows, columns; /* that are decoded: height and width, or fewer (JPEG) */
    uint64_t memory;      /* bytes that decoding holds at most, after picture_plan */
    struct source source;
    struct colour *colour; /* NULL: none wanted, or none there */
    void *state;           /* of the format */
    char reason[PICTURE_REASON];
    /* while decoding */
    void (*each)(void *context, const uint8_t *row);
    void *context;
    size_t n_rows; /* given */
};

/* Opens PATH and finds the format by the first bytes: as picture_open, but no header is read, and
 * only picture_close may follow. A digest is had of pictures, and of what is named as they are. */
const char *picture_look(struct picture *p, const char *path, bool digest);
/* Opens PATH and reads the header. NULL, or the reason: "not a picture" where format is NULL then,
 * else the picture is damaged, has more pixels than max_pixels, or is of a kind that is not read.
 * SETTINGS must live as long as the picture. Whatever it returns, picture_close is to follow. */
const char *picture_open(struct picture *p, const char *path, const struct picture_settings *s,
                         bool digest);
/* Chooses the smallest scale of decoding that gives at least ROWS x COLUMNS, or all there are, and
 * works out the memory. Refuses what takes more than 64 MiB and 16 bytes a pixel. */
const char *picture_plan(struct picture *p, size_t rows, size_t columns);
/* Calls each(context, row) for each row (columns,3) in order. A reason may come after some of them.
 */
const char *picture_decode(struct picture *p, void (*each)(void *context, const uint8_t *row),
                           void *context);
/* Closes all. DIGEST (or NULL) as in source_close. */
const char *picture_close(struct picture *p, struct digest *digest);

/* What a file is that is no picture, by its first bytes: "HTML", "git-lfs pointer", "empty file",
 * "HEIF picture", NULL: not known. Of an open picture whose format is NULL. */
const char *picture_other(const struct picture *p);
/* Whether a file's name ends as those of pictures do; as those of this format do. */
bool picture_is_name(const char *name);
bool picture_is_name_of(const struct picture_format *format, const char *name);

/* The formats by number, 0 to PICTURE_FORMATS - 1. */
enum { PICTURE_FORMATS = 7 };
size_t picture_number(const struct picture_format *format);
const char *picture_name(size_t number); /* "PNG"; NULL: not built in */
/* The library whose version decides the pixels of a format, and its version, "libwebp 1.2.4"; NULL
 * where the format itself decides them. */
const char *picture_library(size_t number);

/* --- for picture-X.c: what a format gives, and what it uses --- */

struct picture_format {
    const char *name;
    const char *endings; /* of names, in small letters: " jpg jpeg " */
    bool (*fits)(const unsigned char *head, size_t n); /* whether a file so begins */
    /* Reads the header: height, width, and orientation where settings->orient. */
    const char *(*open)(struct picture *p);
    /* Sets memory, and rows and columns where they are not the height and width. */
    const char *(*plan)(struct picture *p, size_t rows, size_t columns);
    const char *(*decode)(struct picture *p); /* picture_row for each row */
    void (*close)(struct picture *p);         /* state is not NULL */
    const char *(*library)(void);             /* NULL: see picture_library */
};

extern const struct picture_format picture_png, picture_jpeg, picture_webp, picture_gif,
    picture_tiff, picture_bmp, picture_heif;

/* Hands on the next row (columns,3), which may be changed on the way. */
void picture_row(struct picture *p, uint8_t *row);
/* Writes the reason, which is returned. */
const char *picture_fail(struct picture *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* rgb (n,3) from rgba (n,4) over the background. They may start at the same place. */
void picture_flatten(uint8_t *rgb, const uint8_t *rgba, size_t n, const uint8_t background[3]);
/* A profile was found: makes the colour where it is wanted. */
void picture_profile(struct picture *p, const void *profile, size_t len, enum colour_samples from);

#endif
