#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

#include "base/report.h"
#include "pictures/picture.h"

enum { RGB = 3 };

struct gif {
    GifFileType *file;
    size_t x, y, height, width; /* of the frame on its screen */
    int transparent;            /* the index of this colour; -1: none */
    uint8_t *indices, *row;     /* of the frame: a row, or all where interlaced; of the screen */
};

static bool fits(const unsigned char *head, size_t n)
{
    return n >= 6 && (memcmp(head, "GIF87a", 6) == 0 || memcmp(head, "GIF89a", 6) == 0);
}

static int on_read(GifFileType *file, GifByteType *bytes, int n)
{
    struct picture *p = file->UserData;

    return source_take(&p->source, bytes, (size_t)n) ? n : 0;
}

static const char *why(struct picture *p, int error)
{
    const char *text = GifErrorString(error);

    if (p->source.ended || p->source.error)
        return source_reason(&p->source);
    return picture_fail(p, "damaged: %s", text ? text : "giflib finds no picture");
}

/* What stands before the first frame; its transparent colour is kept. */
static const char *skip_extension(struct picture *p)
{
    struct gif *g = p->state;
    GifByteType *block;
    GraphicsControlBlock control;
    int code;

    if (DGifGetExtension(g->file, &code, &block) == GIF_ERROR)
        return why(p, g->file->Error);
    while (block) {
        if (code == GRAPHICS_EXT_FUNC_CODE
            && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
            g->transparent = control.TransparentColor;
        if (DGifGetExtensionNext(g->file, &block) == GIF_ERROR)
            return why(p, g->file->Error);
    }
    return NULL;
}

static const char *open_gif(struct picture *p)
{
    struct gif *g = xcalloc(1, sizeof *g);
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    const char *bad;
    int error = 0;

    p->state = g;
    g->transparent = -1;
    g->file = DGifOpen(p, on_read, &error);
    if (!g->file)
        return why(p, error);
    while (type != IMAGE_DESC_RECORD_TYPE) {
        if (DGifGetRecordType(g->file, &type) == GIF_ERROR)
            return why(p, g->file->Error);
        if (type == TERMINATE_RECORD_TYPE)
            return "no picture in it";
        if (type == EXTENSION_RECORD_TYPE && (bad = skip_extension(p)))
            return bad;
    }
    if (DGifGetImageDesc(g->file) == GIF_ERROR)
        return why(p, g->file->Error);
    g->x = (size_t)g->file->Image.Left;
    g->y = (size_t)g->file->Image.Top;
    g->height = (size_t)g->file->Image.Height;
    g->width = (size_t)g->file->Image.Width;
    p->height = (size_t)g->file->SHeight;
    p->width = (size_t)g->file->SWidth;
    if (g->height == 0 || g->width == 0)
        return "no pixels";
    if (p->height < g->y + g->height) /* as browsers do with frames beyond the screen */
        p->height = g->y + g->height;
    if (p->width < g->x + g->width)
        p->width = g->x + g->width;
    return NULL;
}

static const char *plan(struct picture *p, size_t rows, size_t columns)
{
    const struct gif *g = p->state;

    (void)rows;
    (void)columns;
    p->memory = 2 * SOURCE_BUFFER + (RGB + 1) * (uint64_t)p->width
        + (g->file->Image.Interlace ? (uint64_t)g->height * g->width : 0);
    return NULL;
}

/* A row of the screen: INDICES from g->x on, or NULL: nothing of the frame. */
static void give(struct picture *p, const uint8_t *indices)
{
    struct gif *g = p->state;
    const ColorMapObject *map =
        g->file->Image.ColorMap ? g->file->Image.ColorMap : g->file->SColorMap;

    for (size_t x = 0; x < p->width; x++)
        memcpy(g->row + x * RGB, p->settings->background, RGB);
    for (size_t x = 0; indices && x < g->width; x++) {
        GifColorType colour = {0}; /* black: an index beyond the colours */

        if (indices[x] < map->ColorCount)
            colour = map->Colors[indices[x]];
        if (indices[x] != g->transparent)
            memcpy(g->row + (g->x + x) * RGB, (uint8_t[]){colour.Red, colour.Green, colour.Blue},
                   RGB);
    }
    picture_row(p, g->row);
}

static const char *read_interlaced(struct picture *p)
{
    static const size_t first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    struct gif *g = p->state;

    for (int pass = 0; pass < 4; pass++)
        for (size_t y = first[pass]; y < g->height; y += step[pass])
            if (DGifGetLine(g->file, g->indices + y * g->width, (int)g->width) == GIF_ERROR)
                return why(p, g->file->Error);
    return NULL;
}

static const char *decode(struct picture *p)
{
    struct gif *g = p->state;
    bool interlaced = g->file->Image.Interlace;
    const char *bad;

    if (!g->file->Image.ColorMap && !g->file->SColorMap)
        return "no colours in it";
    g->row = xmalloc(p->width * RGB);
    g->indices = xcalloc(interlaced ? g->height : 1, g->width);
    if (interlaced && (bad = read_interlaced(p)))
        return bad;
    for (size_t y = 0; y < p->height; y++) {
        size_t of_frame = y - g->y;

        if (y < g->y || of_frame >= g->height) {
            give(p, NULL);
            continue;
        }
        if (!interlaced && DGifGetLine(g->file, g->indices, (int)g->width) == GIF_ERROR)
            return why(p, g->file->Error);
        give(p, g->indices + (interlaced ? of_frame * g->width : 0));
    }
    return NULL;
}

static void close_gif(struct picture *p)
{
    struct gif *g = p->state;

    if (g->file)
        DGifCloseFile(g->file, NULL);
    free(g->indices);
    free(g->row);
    free(g);
}

const struct picture_format picture_gif = {"GIF", " gif ", fits,      open_gif,
                                           plan,  decode,  close_gif, NULL};
