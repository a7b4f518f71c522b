#include "pictures/exif.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/report.h"

enum { RGB = 3, ORIENTATION = 0x0112, ENTRY = 12 };

static unsigned number(const unsigned char *bytes, bool big)
{
    return big ? get_be16(bytes) : get_le16(bytes);
}

unsigned exif_orientation(const unsigned char *exif, size_t len)
{
    size_t at, n;
    bool big;

    if (len > 6 && memcmp(exif, "Exif\0\0", 6) == 0) {
        exif += 6;
        len -= 6;
    }
    if (len < 14 || (memcmp(exif, "II*\0", 4) != 0 && memcmp(exif, "MM\0*", 4) != 0))
        return 1;
    big = exif[0] == 'M';
    at = big ? get_be32(exif + 4) : get_le32(exif + 4);
    if (at > len - 2)
        return 1;
    n = number(exif + at, big);
    for (at += 2; n > 0 && len - at >= ENTRY; n--, at += ENTRY) {
        unsigned value = number(exif + at + 8, big); /* tag, type, count, value */

        if (number(exif + at, big) == ORIENTATION)
            return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

unsigned exif_text_orientation(const char *text, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char *bytes = xcalloc(len / 2 + 1, 1);
    const char *end = text + len, *c = text;
    size_t n = 0;
    unsigned orientation;

    while (c < end && isspace((unsigned char)*c))
        c++;
    for (int line = 0; line < 2; line++) { /* the name, the number of bytes */
        while (c < end && *c != '\n')
            c++;
        c += c < end;
    }
    for (; c < end; c++) {
        const char *digit = *c ? strchr(digits, tolower((unsigned char)*c)) : NULL;

        if (!digit)
            continue;
        bytes[n / 2] = (unsigned char)(bytes[n / 2] << 4 | (digit - digits));
        n++;
    }
    orientation = exif_orientation(bytes, n / 2);
    free(bytes);
    return orientation;
}

void exif_stored(size_t *row, size_t *column, unsigned orientation, size_t y, size_t x,
                 size_t height, size_t width)
{
    *row = orientation >= 5 ? x : y;
    *column = orientation >= 5 ? y : x;
    if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
        *row = height - 1 - *row;
    if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        *column = width - 1 - *column;
}

void exif_turn(uint8_t *upright, const uint8_t *stored, unsigned orientation, size_t height,
               size_t width)
{
    size_t h = orientation >= 5 ? width : height, w = orientation >= 5 ? height : width;

    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++, upright += RGB) {
            size_t row, column;

            exif_stored(&row, &column, orientation, y, x, height, width);
            memcpy(upright, stored + (row * width + column) * RGB, RGB);
        }
}
