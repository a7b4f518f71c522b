/* exif: the one thing that matters of what a camera writes about its picture: how it was held.
 *
 * The orientations say where the stored row 0 and column 0 belong: 1 top left, 2 top right, 3
 * bottom right, 4 bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom. From 5 on
 * height and width change places.
 *
 * Source: Exif 2.32, 4.6.4 A; TIFF 6.0.
 */
#ifndef EXIF_H
#define EXIF_H

#include <stddef.h>
#include <stdint.h>

/* The orientation, 1 to 8, in an EXIF block of LEN bytes, with "Exif\0\0" before it or not; 1 where
 * there is none. Pure. */
unsigned exif_orientation(const unsigned char *exif, size_t len);
/* The same of a block in hexadecimal, as ImageMagick keeps it in the text of a PNG file, under "Raw
 * profile type exif": a line with the name, one with the number of bytes, the digits in lines. */
unsigned exif_text_orientation(const char *text, size_t len);

/* Where the pixel (y,x) of the upright picture is stored, in a picture of HEIGHT x WIDTH stored
 * pixels. */
void exif_stored(size_t *row, size_t *column, unsigned orientation, size_t y, size_t x,
                 size_t height, size_t width);
/* upright becomes the stored picture (height,width,3), turned and mirrored; (width,height,3) from
 * orientation 5 on. They must not overlap. */
void exif_turn(uint8_t *upright, const uint8_t *stored, unsigned orientation, size_t height,
               size_t width);

#endif
