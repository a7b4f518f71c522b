/* colour: from the colours of an ICC profile to sRGB, by lcms2, perceptual intent. */
#ifndef COLOUR_H
#define COLOUR_H

#include <stddef.h>
#include <stdint.h>

enum { COLOUR_MOST = 4 << 20 }; /* the longest profile, bytes */
enum colour_samples { COLOUR_RGB, COLOUR_CMYK, COLOUR_CMYK_INVERTED }; /* inverted: 255 is no ink */

struct colour;

/* From rows of these samples: an RGB profile, or a grey one, wants COLOUR_RGB. NULL where the
 * profile cannot be used, or is of another kind. */
struct colour *colour_new(const void *profile, size_t len, enum colour_samples from);
/* rgb (n,3) from samples (n,3) or (n,4), which may start at the same place where they are RGB. */
void colour_convert(const struct colour *c, uint8_t *rgb, const uint8_t *samples, size_t n);
enum colour_samples colour_from(const struct colour *c);
void colour_free(struct colour *c);

const char *colour_library(void); /* "lcms2 2.14" */

#endif
