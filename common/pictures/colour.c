#include "pictures/colour.h"

#include <stdio.h>
#include <stdlib.h>

#include <lcms2.h>

#include "base/report.h"

enum { RGB = 3 };

struct colour {
    cmsHTRANSFORM transform;
    enum colour_samples from;
    int is_grey; /* the profile knows grey alone: the first of three samples stands for all */
};

struct colour *colour_new(const void *profile, size_t len, enum colour_samples from)
{
    static const cmsUInt32Number types[] = {[COLOUR_RGB] = TYPE_RGB_8,
                                            [COLOUR_CMYK] = TYPE_CMYK_8,
                                            [COLOUR_CMYK_INVERTED] = TYPE_CMYK_8_REV};
    cmsHPROFILE in = len <= COLOUR_MOST ? cmsOpenProfileFromMem(profile, (cmsUInt32Number)len)
                                        : NULL,
                out;
    cmsColorSpaceSignature space = in ? cmsGetColorSpace(in) : 0;
    cmsHTRANSFORM transform = NULL;
    struct colour *c = NULL;

    if (in
        && (space == (from == COLOUR_RGB ? cmsSigRgbData : cmsSigCmykData)
            || (space == cmsSigGrayData && from == COLOUR_RGB))) {
        out = cmsCreate_sRGBProfile();
        if (!out)
            die("out of memory: a colour profile wanted");
        transform = cmsCreateTransform(in, space == cmsSigGrayData ? TYPE_GRAY_8 : types[from], out,
                                       TYPE_RGB_8, INTENT_PERCEPTUAL, cmsFLAGS_NOCACHE);
        cmsCloseProfile(out);
    }
    if (transform) {
        c = xmalloc(sizeof *c);
        *c = (struct colour){transform, from, space == cmsSigGrayData};
    }
    if (in)
        cmsCloseProfile(in);
    return c;
}

void colour_convert(const struct colour *c, uint8_t *rgb, const uint8_t *samples, size_t n)
{
    if (c->is_grey)
        for (size_t i = 0; i < n; i++) {
            uint8_t grey = samples[i * RGB];

            cmsDoTransform(c->transform, &grey, rgb + i * RGB, 1);
        }
    else
        cmsDoTransform(c->transform, samples, rgb, (cmsUInt32Number)n);
}

enum colour_samples colour_from(const struct colour *c)
{
    return c->from;
}

void colour_free(struct colour *c)
{
    if (!c)
        return;
    cmsDeleteTransform(c->transform);
    free(c);
}

const char *colour_library(void)
{
    static char text[32];
    int version = cmsGetEncodedCMMversion(); /* 2140 */

    snprintf(text, sizeof text, "lcms2 %d.%d", version / 1000, version % 1000 / 10);
    return text;
}
