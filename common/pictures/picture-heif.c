/* Built in with `make HEIF=1` alone. libheif itself turns the picture as the file says. */
#ifdef HEIF
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libheif/heif.h>

#include "base/report.h"
#include "pictures/picture.h"

enum { RGB = 3, RGBA = 4 };

struct heif {
    struct heif_context *context;
    struct heif_image_handle *handle;
    struct heif_image *image;
    struct heif_decoding_options *options;
    uint8_t *row;
};

static bool fits(const unsigned char *head, size_t n)
{
    static const char *const brands[] = {"heic", "heix", "heim", "heis", "hevc",
                                         "hevx", "mif1", "avif", "avis"};

    for (size_t i = 0; n >= 12 && i < sizeof brands / sizeof *brands; i++)
        if (memcmp(head + 4, "ftyp", 4) == 0 && memcmp(head + 8, brands[i], 4) == 0)
            return true;
    return false;
}

static const char *open_heif(struct picture *p)
{
    struct heif *h = xcalloc(1, sizeof *h);
    const char *bad = source_whole(&p->source);
    struct heif_error error;

    p->state = h;
    if (bad)
        return bad;
    h->context = heif_context_alloc();
    if (!h->context)
        die("out of memory: a HEIF decoder wanted");
    heif_context_set_max_decoding_threads(h->context, 1);
    error =
        heif_context_read_from_memory_without_copy(h->context, p->source.buffer, p->source.n, NULL);
    if (error.code == heif_error_Ok)
        error = heif_context_get_primary_image_handle(h->context, &h->handle);
    if (error.code != heif_error_Ok)
        return picture_fail(p, "%s", error.message);
    h->options = heif_decoding_options_alloc();
    if (!h->options)
        die("out of memory: a HEIF decoder wanted");
    h->options->ignore_transformations = !p->settings->orient;
    p->height = (size_t)(p->settings->orient ? heif_image_handle_get_height(h->handle)
                                             : heif_image_handle_get_ispe_height(h->handle));
    p->width = (size_t)(p->settings->orient ? heif_image_handle_get_width(h->handle)
                                            : heif_image_handle_get_ispe_width(h->handle));
    return NULL;
}

static const char *plan(struct picture *p, size_t rows, size_t columns)
{
    (void)rows;
    (void)columns;
    p->memory = p->source.size + (4 << 20) + 14 * (uint64_t)p->height * p->width;
    return NULL;
}

static void find_profile(struct picture *p)
{
    struct heif *h = p->state;
    size_t len = heif_image_handle_get_raw_color_profile_size(h->handle);
    void *profile;

    if (!p->settings->to_srgb || len == 0 || len > COLOUR_MOST)
        return;
    profile = xmalloc(len);
    if (heif_image_handle_get_raw_color_profile(h->handle, profile).code == heif_error_Ok)
        picture_profile(p, profile, len, COLOUR_RGB);
    free(profile);
}

static const char *decode(struct picture *p)
{
    struct heif *h = p->state;
    const uint8_t *pixels;
    struct heif_error error = heif_decode_image(h->handle, &h->image, heif_colorspace_RGB,
                                                heif_chroma_interleaved_RGBA, h->options);
    int stride = 0;

    if (error.code != heif_error_Ok)
        return picture_fail(p, "%s", error.message);
    pixels = heif_image_get_plane_readonly(h->image, heif_channel_interleaved, &stride);
    if (!pixels || (size_t)heif_image_get_width(h->image, heif_channel_interleaved) != p->width
        || (size_t)heif_image_get_height(h->image, heif_channel_interleaved) != p->height)
        return "damaged: it is not of the size it tells";
    find_profile(p);
    h->row = xmalloc(p->width * RGB);
    for (size_t y = 0; y < p->height; y++) {
        picture_flatten(h->row, pixels + y * (size_t)stride, p->width, p->settings->background);
        picture_row(p, h->row);
    }
    return NULL;
}

static void close_heif(struct picture *p)
{
    struct heif *h = p->state;

    heif_image_release(h->image);
    heif_decoding_options_free(h->options);
    heif_image_handle_release(h->handle);
    heif_context_free(h->context);
    free(h->row);
    free(h);
}

static const char *library(void)
{
    static char text[32];

    snprintf(text, sizeof text, "libheif %s", heif_get_version());
    return text;
}

const struct picture_format picture_heif = {"HEIF", " heic heif avif ", fits,   open_heif, plan,
                                            decode, close_heif,         library};
#else
typedef int no_heif; /* ISO C wants a declaration */
#endif
