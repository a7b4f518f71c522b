#include "analysis/contact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"

/* Pixels. FRAME lies around each image, in its colour or in that of the paper. */
enum {
    RGB = 3,
    FRAME = 3,
    CELL_GAP = 2,   /* between frames */
    QUERY_GAP = 10, /* between a query and its answers */
    BLOCK_GAP = 26, /* between blocks in a line */
    LINE_GAP = 8,
    MARGIN = 12,
    WIDTH = 1600, /* of the sheet, where a block fits */
    LEAST = 64,   /* of an image's side: a smaller one is enlarged to this or more */
};

static const uint8_t paper[RGB] = {255, 255, 255}, ink[RGB] = {40, 40, 40};
static const uint8_t colours[][RGB] = {
    [CONTACT_PLAIN] = {255, 255, 255},
    [CONTACT_OTHER_CLASS] = {214, 39, 40},
    [CONTACT_OTHER_SPLIT] = {255, 150, 0},
};

/* Where what stands, in pixels. */
struct layout {
    size_t zoom, height, width;      /* of an image */
    size_t cell_height, cell_width;  /* with its frame */
    size_t query_width, block_width; /* query_width: with its gap; 0: there is none */
    size_t columns, lines;           /* of blocks */
};

static struct layout layout_of(const struct contact *c)
{
    size_t H = c->images->header.shape[1], W = c->images->header.shape[2], side = smaller(H, W);
    struct layout l = {.zoom = side < LEAST ? divide_up(LEAST, side) : 1};

    l.height = H * l.zoom;
    l.width = W * l.zoom;
    l.cell_height = l.height + 2 * FRAME;
    l.cell_width = l.width + 2 * FRAME;
    l.query_width = c->queries || c->picture ? l.cell_width + QUERY_GAP : 0;
    l.block_width = l.query_width + c->k * (l.cell_width + CELL_GAP) - CELL_GAP;
    l.columns = (WIDTH - 2 * MARGIN + BLOCK_GAP) / (l.block_width + BLOCK_GAP);
    l.columns = larger(1, smaller(l.columns, c->n));
    l.lines = c->n > 0 ? divide_up(c->n, l.columns) : 1; /* or an empty one */
    return l;
}

static void fill(struct image *sheet, size_t top, size_t left, size_t height, size_t width,
                 const uint8_t colour[RGB])
{
    for (size_t y = top; y < top + height; y++)
        for (size_t x = left; x < left + width; x++)
            memcpy(sheet->pixels + (y * sheet->width + x) * RGB, colour, RGB);
}

static void place(struct image *sheet, const struct layout *l, size_t top, size_t left,
                  const uint8_t *pixels, const uint8_t frame[RGB])
{
    fill(sheet, top, left, l->cell_height, l->cell_width, frame);
    for (size_t y = 0; y < l->height; y++)
        for (size_t x = 0; x < l->width; x++)
            memcpy(sheet->pixels + ((top + FRAME + y) * sheet->width + left + FRAME + x) * RGB,
                   pixels + (y / l->zoom * (l->width / l->zoom) + x / l->zoom) * RGB, RGB);
}

/* pixels (H,W,3) of a row of the images. */
static void get_pixels(const struct contact *c, uint8_t *pixels, float *numbers, size_t row)
{
    struct tensor_reader *t = c->images;

    if (t->header.dtype == NPY_U8) {
        tensor_read_at(t, pixels, row, 1);
        return;
    }
    tensor_read_at(t, numbers, row, 1);
    for (size_t i = 0; i < t->row_items; i++)
        pixels[i] = (uint8_t)lrintf(fminf(fmaxf(numbers[i], 0), 1) * 255); /* NaN: 0 */
}

struct image contact_draw(const struct contact *c, size_t memory)
{
    struct layout l = layout_of(c);
    struct image sheet = {.height = 2 * MARGIN + l.lines * (l.cell_height + LINE_GAP) - LINE_GAP,
                          .width =
                              2 * MARGIN + l.columns * (l.block_width + BLOCK_GAP) - BLOCK_GAP};
    uint8_t *pixels = xmalloc(c->images->row_items);
    float *numbers = xmalloc(c->images->row_items * sizeof *numbers);

    if (sheet.height > memory / RGB / sheet.width || sheet.height > INT32_MAX
        || sheet.width > INT32_MAX)
        die("a sheet of %zu x %zu pixels, --memory holds %zu rows of them: want fewer answers",
            sheet.height, sheet.width, memory / RGB / sheet.width);
    sheet.pixels = xmalloc(sheet.height * sheet.width * RGB);
    fill(&sheet, 0, 0, sheet.height, sheet.width, paper);
    for (size_t i = 0; i < c->n; i++) {
        size_t top = MARGIN + i / l.columns * (l.cell_height + LINE_GAP),
               left = MARGIN + i % l.columns * (l.block_width + BLOCK_GAP);

        if (c->queries)
            get_pixels(c, pixels, numbers, c->queries[i]);
        if (l.query_width > 0)
            place(&sheet, &l, top, left, c->queries ? pixels : c->picture, ink);
        for (size_t j = 0; j < c->k; j++) {
            get_pixels(c, pixels, numbers, c->answers[i * c->k + j]);
            place(&sheet, &l, top, left + l.query_width + j * (l.cell_width + CELL_GAP), pixels,
                  colours[c->marks[i * c->k + j]]);
        }
        progress_show(i + 1, c->n, "sheet: %zu of %zu", i + 1, c->n);
    }
    progress_end();
    free(pixels);
    free(numbers);
    return sheet;
}
