/* libwebp wants a buffer of all rows. They are handed on as they come and their memory is given
 * back, so that of a photograph little is ever there. Lossless pictures libwebp holds itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "base/endian.h"
#include "base/report.h"
#include "pictures/exif.h"
#include "pictures/picture.h"

enum { RGB = 3, RGBA = 4, RIFF = 12, HEAD = 8, BLOCK_MOST = 1 << 20, PART = 1 << 16 };

struct webp {
    bool animated, has_alpha, is_lossless;
    size_t x, y, height, width; /* of the frame on its canvas */
    const uint8_t *frame;       /* its bytes, in the source's buffer */
    size_t frame_len;
    WebPDemuxer *demuxer;
    WebPIDecoder *decoder;
    uint8_t *pixels, *row; /* the frame (height,width,3 or 4), mapped; a row of the canvas */
    size_t pixels_len;
};

static bool fits(const unsigned char *head, size_t n)
{
    return n >= RIFF && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0;
}

/* The content of the first chunk of this NAME, *len bytes; NULL: there is none. */
static unsigned char *find_chunk(const struct source *s, const char *name, size_t *len)
{
    unsigned char head[HEAD], *chunk;
    uint64_t at = RIFF;

    for (; source_at(s, at, head, HEAD); at += HEAD + (*len + 1) / 2 * 2) {
        *len = get_le32(head + 4);
        if (memcmp(head, name, 4) != 0 || *len > BLOCK_MOST)
            continue;
        chunk = xmalloc(*len + 1);
        if (source_at(s, at + HEAD, chunk, *len))
            return chunk;
        free(chunk);
        return NULL;
    }
    return NULL;
}

static const char *why(struct picture *p, VP8StatusCode status)
{
    if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED)
        return source_reason(&p->source);
    return status == VP8_STATUS_UNSUPPORTED_FEATURE ? "a kind of WebP that libwebp does not read"
        : status == VP8_STATUS_OUT_OF_MEMORY        ? "libwebp is out of memory"
                                                    : "damaged: libwebp finds no picture";
}

static const char *open_webp(struct picture *p)
{
    struct webp *w = xcalloc(1, sizeof *w);
    unsigned char *exif;
    size_t len;
    WebPBitstreamFeatures f;
    VP8StatusCode status = WebPGetFeatures(p->source.buffer, p->source.n, &f);

    p->state = w;
    if (status != VP8_STATUS_OK)
        return why(p, status);
    if ((uint64_t)get_le32(p->source.buffer + 4) + HEAD > p->source.size)
        return "cut short";
    p->height = (size_t)f.height;
    p->width = (size_t)f.width;
    w->animated = f.has_animation;
    w->has_alpha = f.has_alpha;
    w->is_lossless = f.format != 1;
    if (p->settings->orient && (exif = find_chunk(&p->source, "EXIF", &len))) {
        p->orientation = exif_orientation(exif, len);
        free(exif);
    }
    return NULL;
}

static const char *plan(struct picture *p, size_t rows, size_t columns)
{
    const struct webp *w = p->state;
    uint64_t pixels = (uint64_t)p->height * p->width;
    unsigned channels = w->has_alpha || w->animated ? RGBA : RGB;

    (void)rows;
    (void)columns;
    /* the file; libwebp's rows of blocks; the pixels, which a flat picture gives all at once; what
     * libwebp holds of alpha, or of all */
    p->memory = p->source.size + (1 << 20) + 256 * (uint64_t)p->width + channels * pixels
        + (w->is_lossless     ? 5 * pixels
               : w->has_alpha ? 3 * pixels
                              : 0);
    return NULL;
}

/* The first frame where there are several, else the file as it is. */
static const char *find_frame(struct picture *p)
{
    struct webp *w = p->state;
    WebPData data = {p->source.buffer, p->source.n};
    WebPIterator frame;

    *w = (struct webp){.animated = w->animated,
                       .has_alpha = w->has_alpha,
                       .height = p->height,
                       .width = p->width,
                       .frame = data.bytes,
                       .frame_len = data.size};
    if (!w->animated)
        return NULL;
    w->demuxer = WebPDemux(&data);
    if (!w->demuxer || !WebPDemuxGetFrame(w->demuxer, 1, &frame))
        return "damaged: no first frame";
    w->x = (size_t)frame.x_offset;
    w->y = (size_t)frame.y_offset;
    w->height = (size_t)frame.height;
    w->width = (size_t)frame.width;
    w->frame = frame.fragment.bytes;
    w->frame_len = frame.fragment.size;
    w->has_alpha = true; /* so that all frames go one way */
    WebPDemuxReleaseIterator(&frame);
    if (w->x + w->width > p->width || w->y + w->height > p->height)
        return "damaged: its first frame lies beyond its canvas";
    return NULL;
}

/* The rows of the canvas from the next on, up to END, which is at most what is decoded. */
static void give_rows(struct picture *p, size_t end)
{
    struct webp *w = p->state;
    size_t channels = w->has_alpha ? RGBA : RGB, page = (size_t)sysconf(_SC_PAGESIZE), done;

    while (p->n_rows < end) {
        size_t y = p->n_rows;

        if (w->animated)
            for (size_t x = 0; x < p->width; x++)
                memcpy(w->row + x * RGB, p->settings->background, RGB);
        if (y >= w->y && y < w->y + w->height) {
            const uint8_t *from = w->pixels + (y - w->y) * w->width * channels;

            if (w->has_alpha)
                picture_flatten(w->row + w->x * RGB, from, w->width, p->settings->background);
            else
                memcpy(w->row, from, w->width * RGB);
        }
        picture_row(p, w->row);
    }
    done = end > w->y ? (end - w->y) * w->width * channels / page * page : 0;
    if (done > 0 && done <= w->pixels_len)
        madvise(w->pixels, done, MADV_DONTNEED);
}

static const char *decode_frame(struct picture *p)
{
    struct webp *w = p->state;
    size_t len = 0;
    VP8StatusCode status = VP8_STATUS_SUSPENDED;
    int last = 0;

    while (status == VP8_STATUS_SUSPENDED && len < w->frame_len) {
        len = w->frame_len - len < PART ? w->frame_len : len + PART;
        status = WebPIUpdate(w->decoder, w->frame, len);
        if (WebPIDecGetRGB(w->decoder, &last, NULL, NULL, NULL) && last > 0
            && (size_t)last < w->height)
            give_rows(p, w->y + (size_t)last);
    }
    if (status != VP8_STATUS_OK)
        return why(p, status);
    give_rows(p, p->height);
    return NULL;
}

static const char *decode(struct picture *p)
{
    struct webp *w = p->state;
    const char *bad = source_whole(&p->source);
    WebPBitstreamFeatures f;
    unsigned char *profile;
    size_t len, channels;

    if (!bad)
        bad = find_frame(p);
    if (bad)
        return bad;
    if (WebPGetFeatures(w->frame, w->frame_len, &f) != VP8_STATUS_OK || (size_t)f.width != w->width
        || (size_t)f.height != w->height)
        return "damaged: its frame is not of the size it tells";
    if (p->settings->to_srgb && (profile = find_chunk(&p->source, "ICCP", &len))) {
        picture_profile(p, profile, len, COLOUR_RGB);
        free(profile);
    }
    channels = w->has_alpha ? RGBA : RGB;
    w->pixels_len = w->height * w->width * channels;
    w->pixels =
        mmap(NULL, w->pixels_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (w->pixels == MAP_FAILED)
        die("out of memory: %zu bytes wanted", w->pixels_len);
    w->row = xmalloc(p->width * RGB);
    w->decoder = WebPINewRGB(w->has_alpha ? MODE_RGBA : MODE_RGB, w->pixels, w->pixels_len,
                             (int)(w->width * channels));
    if (!w->decoder)
        die("out of memory: a WebP decoder wanted");
    return decode_frame(p);
}

static void close_webp(struct picture *p)
{
    struct webp *w = p->state;

    WebPIDelete(w->decoder);
    WebPDemuxDelete(w->demuxer);
    if (w->pixels && w->pixels != MAP_FAILED)
        munmap(w->pixels, w->pixels_len);
    free(w->row);
    free(w);
}

static const char *library(void)
{
    static char text[32];
    int version = WebPGetDecoderVersion();

    snprintf(text, sizeof text, "libwebp %d.%d.%d", version >> 16, version >> 8 & 255,
             version & 255);
    return text;
}

const struct picture_format picture_webp = {"WebP", " webp ", fits,       open_webp,
                                            plan,   decode,   close_webp, library};
