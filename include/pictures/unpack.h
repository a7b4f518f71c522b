/* unpack: a PNG file as another PNG file of the same picture whose IDAT chunk is stored, not
 * compressed. Pure.
 *
 * libpng inflates row by row, and zlib's quick loop stops 258 bytes before the end of each: of
 * small pictures it does little. Here libdeflate inflates all rows at once, and libpng is left with
 * filters and formats, all that it knows better.
 *
 * Source: https://www.w3.org/TR/png-3/, 5.3 and 10; RFC 1950, RFC 1951 3.2.4.
 */
#ifndef UNPACK_H
#define UNPACK_H

#include <stddef.h>

enum { UNPACK_MOST = 8 << 20 }; /* bytes of rows, the longest that are unpacked */

/* Returns the unpacked file and its length; the caller frees it. Every checksum of the LEN bytes at
 * FILE was checked, and those of the IDAT chunk of the new file are not set. NULL where anything is
 * out of the ordinary: interlaced, long, damaged, too much or too little data, a window of deflate
 * shorter than the rows; then libpng must see the file itself, and tells what is wrong. */
unsigned char *unpack_png(const unsigned char *file, size_t len, size_t *unpacked_len);

#endif
