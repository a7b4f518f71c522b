#include "pictures/picture.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/report.h"

enum { RGB = 3, PLAIN_MEMORY = 64 << 20, PIXEL_MEMORY = 16 };

/* In the order of picture_number. */
static const struct picture_format *const formats[PICTURE_FORMATS] = {
    &picture_png,  &picture_jpeg, &picture_webp, &picture_gif, &picture_tiff, &picture_bmp,
#ifdef HEIF
    &picture_heif,
#endif
};

/* What else is found in folders of pictures, by its first bytes, capital or small. */
static const struct {
    const char *begins, *is;
} others[] = {
    {"version https://git-lfs", "git-lfs pointer"},
    {"<!doctype html", "HTML"},
    {"<html", "HTML"},
    {"<?xml", "XML"},
    {"<svg", "SVG"},
    {"%PDF", "PDF"},
};

/* --- files that are no pictures --- */

const char *picture_other(const struct picture *p)
{
    const struct source *s = &p->source;
    const unsigned char *head = s->buffer, *end = head + s->n;

    if (!head)
        return NULL;
    if (s->n == 0)
        return "empty file";
    if (s->n >= 12 && memcmp(head + 4, "ftyp", 4) == 0
        && (memcmp(head + 8, "hei", 3) == 0 || memcmp(head + 8, "hev", 3) == 0
            || memcmp(head + 8, "mif1", 4) == 0 || memcmp(head + 8, "avi", 3) == 0))
        return "HEIF picture";
    if (s->n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
        head += 3;
    while (head < end && isspace(*head))
        head++;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        size_t len = strlen(others[i].begins);

        if ((size_t)(end - head) >= len
            && strncasecmp((const char *)head, others[i].begins, len) == 0)
            return others[i].is;
    }
    return NULL;
}

/* The ending between blanks, in small letters; "" where there is none, or no short one. */
static void find_ending(char ending[8], const char *name)
{
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    size_t len = dot ? strlen(dot + 1) : 0;

    ending[0] = '\0';
    if (len == 0 || len > 5 || (slash && dot < slash))
        return;
    ending[0] = ' ';
    for (size_t i = 0; i < len; i++)
        ending[1 + i] = (char)tolower((unsigned char)dot[1 + i]);
    memcpy(ending + 1 + len, " ", 2);
}

bool picture_is_name(const char *name)
{
    static const char more[] = " heic heif avif jp2 jxl ";
    char ending[8];

    find_ending(ending, name);
    for (size_t i = 0; i < PICTURE_FORMATS; i++)
        if (formats[i] && picture_is_name_of(formats[i], name))
            return true;
    return ending[0] && strstr(more, ending);
}

bool picture_is_name_of(const struct picture_format *format, const char *name)
{
    char ending[8];

    find_ending(ending, name);
    return ending[0] && strstr(format->endings, ending);
}

/* --- formats --- */

size_t picture_number(const struct picture_format *format)
{
    size_t i = 0;

    while (formats[i] != format)
        i++;
    return i;
}

const char *picture_name(size_t number)
{
    return formats[number] ? formats[number]->name : NULL;
}

const char *picture_library(size_t number)
{
    return formats[number] && formats[number]->library ? formats[number]->library() : NULL;
}

/* --- what formats use --- */

const char *picture_fail(struct picture *p, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(p->reason, sizeof p->reason, format, arguments);
    va_end(arguments);
    return p->reason;
}

void picture_row(struct picture *p, uint8_t *row)
{
    assert(p->n_rows < p->rows);
    if (p->colour && colour_from(p->colour) == COLOUR_RGB)
        colour_convert(p->colour, row, row, p->columns);
    p->n_rows++;
    p->each(p->context, row);
}

void picture_flatten(uint8_t *rgb, const uint8_t *rgba, size_t n, const uint8_t background[3])
{
    for (size_t i = 0; i < n; i++, rgb += RGB, rgba += 4) {
        unsigned a = rgba[3];

        for (int c = 0; c < RGB; c++)
            rgb[c] = (uint8_t)((2 * (rgba[c] * a + background[c] * (255 - a)) + 255) / 510);
    }
}

void picture_profile(struct picture *p, const void *profile, size_t len, enum colour_samples from)
{
    if (p->settings->to_srgb && !p->colour)
        p->colour = colour_new(profile, len, from);
}

/* --- a picture --- */

const char *picture_look(struct picture *p, const char *path, bool digest)
{
    const char *bad;

    *p = (struct picture){.orientation = 1};
    bad = source_open(&p->source, path, digest);
    for (size_t i = 0; i < PICTURE_FORMATS && !bad && !p->format; i++)
        if (formats[i] && formats[i]->fits(p->source.buffer, p->source.n))
            p->format = formats[i];
    if (!p->format && !picture_is_name(path)) { /* no need to read to the end */
        digest_free(p->source.hash);
        p->source.hash = NULL;
    }
    if (bad || p->format)
        return bad;
    return p->source.n == 0 ? "empty" : "not a picture";
}

const char *picture_open(struct picture *p, const char *path, const struct picture_settings *s,
                         bool digest)
{
    const char *bad = picture_look(p, path, digest);

    p->settings = s;
    if (bad)
        return bad;
    bad = p->format->open(p);
    if (bad)
        return bad;
    if (p->height == 0 || p->width == 0)
        return "no pixels";
    if (p->height > PICTURE_SIDE || p->width > PICTURE_SIDE
        || (uint64_t)p->height * p->width > s->max_pixels)
        return picture_fail(p, "too large: %zu x %zu pixels, want at most %llu (--max-pixels)",
                            p->height, p->width, (unsigned long long)s->max_pixels);
    p->rows = p->height;
    p->columns = p->width;
    return NULL;
}

const char *picture_plan(struct picture *p, size_t rows, size_t columns)
{
    const char *bad = p->format->plan(p, rows, columns);

    if (!bad && p->memory > PLAIN_MEMORY + PIXEL_MEMORY * (uint64_t)p->height * p->width)
        return picture_fail(p, "%llu MiB wanted for %zu x %zu pixels",
                            (unsigned long long)(p->memory >> 20), p->height, p->width);
    return bad;
}

const char *picture_decode(struct picture *p, void (*each)(void *context, const uint8_t *row),
                           void *context)
{
    const char *bad;

    p->each = each;
    p->context = context;
    bad = p->format->decode(p);
    assert(bad || p->n_rows == p->rows);
    return bad;
}

const char *picture_close(struct picture *p, struct digest *digest)
{
    if (p->state)
        p->format->close(p);
    colour_free(p->colour);
    return source_close(&p->source, digest);
}
