/* picture: a picture as import-images reads it, in all ways there are, for the target of a format.
 */
#ifndef FUZZ_PICTURE_H
#define FUZZ_PICTURE_H

#include <string.h>

#include "fuzz.h"
#include "pictures/fit.h"
#include "pictures/folder.h"
#include "pictures/picture.h"

enum { PICTURE_SIZE = 9, PICTURE_PIXELS = 1 << 20, PICTURE_MEMORY = 56 << 20 };

struct fuzz_way {
    const char *path;
    struct picture_settings picture;
    struct fit_settings fit;
};

static inline void fuzz_import(void *context)
{
    const struct fuzz_way *way = context;
    uint8_t row[PICTURE_SIZE * PICTURE_SIZE * 3];
    struct digest file, again;
    struct picture p;
    struct fit fit;

    if (!picture_open(&p, way->path, &way->picture, true) && !fit_plan(&fit, &p, &way->fit)
        && fit.memory <= PICTURE_MEMORY)
        fit_row(&fit, row);
    fuzz_check(!picture_close(&p, &file), "a file that can be read");
    picture_look(&p, way->path, true);
    picture_close(&p, &again);
    fuzz_check(digest_equal(file, again), "one digest, decoded or not");
}

/* Of the bytes that are of the format NAME, no others. */
static inline void fuzz_picture(const unsigned char *data, size_t len, const char *name)
{
    struct fuzz_way way = {
        .path = fuzz_file(data, len),
        .picture = {{255, 128, 0}, .max_pixels = PICTURE_PIXELS},
        .fit = {.size = PICTURE_SIZE, .background = {255, 128, 0}},
    };
    struct picture p;

    if (picture_look(&p, way.path, false) == NULL
        && strcmp(picture_name(picture_number(p.format)), name) == 0)
        for (int i = 0; i < 3; i++) {
            way.fit.way = (enum fit_way)i;
            way.picture.orient = i > 0;
            way.picture.to_srgb = i > 1;
            way.picture.accepts_truncated = i > 0;
            fuzz_survives(fuzz_import, &way);
        }
    picture_close(&p, NULL);
}

#endif
