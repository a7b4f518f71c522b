/* jpeg: RGB pixels as a JPEG file in memory, baseline, with chroma at full resolution and the
 * integer transform: the same bytes for the same pixels and the same libjpeg-turbo.
 */
#ifndef JPEG_H
#define JPEG_H

#include <stddef.h>
#include <stdint.h>

enum { JPEG_SIDE = 65500 }; /* the longest side that the format allows */

/* The file for rgb (height,width,3); *len: its bytes. QUALITY 1..100. The caller frees it. */
unsigned char *jpeg_format(size_t *len, const uint8_t *rgb, size_t height, size_t width,
                           int quality);
/* "libjpeg-turbo 2.1.5": the version it was compiled with, for it tells none at run time. */
const char *jpeg_library(void);

#endif
