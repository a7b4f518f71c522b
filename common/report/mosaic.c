#include "report/mosaic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"
#include "pictures/jpeg.h"
#include "pictures/resize.h"

enum { RGB = 3, BLOCK = 8, PAPER = 128 };

static size_t round_up(size_t n)
{
    return divide_up(n, BLOCK) * BLOCK;
}

size_t mosaic_shrink(size_t n, size_t longer, size_t side)
{
    size_t small = longer > side ? (n * side + longer / 2) / longer : n;

    return small > 0 ? small : 1;
}

/* The fewest columns, a page as square as can be. */
static size_t find_columns(size_t n, size_t cell_height, size_t cell_width, size_t most)
{
    size_t columns = 1;

    while (columns < most && columns * cell_width < divide_up(n, columns) * cell_height)
        columns++;
    return columns;
}

struct mosaic mosaic_new(const char *name, size_t n, size_t H, size_t W, size_t side, size_t page,
                         int quality)
{
    size_t longer = larger(H, W);
    struct mosaic m = {.name = name, .quality = quality, .H = H, .W = W};

    m.height = mosaic_shrink(H, longer, side);
    m.width = mosaic_shrink(W, longer, side);
    m.cell_height = round_up(m.height);
    m.cell_width = round_up(m.width);
    assert(m.cell_height <= page && m.cell_width <= page);
    m.columns = find_columns(n, m.cell_height, m.cell_width, page / m.cell_width);
    m.lines = smaller(divide_up(n, m.columns), page / m.cell_height);
    m.lines = larger(1, m.lines);
    return m;
}

static size_t page_bytes(const struct mosaic *m)
{
    return m->lines * m->cell_height * m->columns * m->cell_width * RGB;
}

void mosaic_start(struct mosaic *m)
{
    m->pixels = xmalloc(page_bytes(m));
}

static void end_page(struct mosaic *m, struct page *p)
{
    char *name = xformat("%s-%zu", m->name, m->n_pages++);
    size_t len;
    unsigned char *file = jpeg_format(&len, m->pixels, m->lines * m->cell_height,
                                      m->columns * m->cell_width, m->quality);

    page_add_block(p, name, file, len);
    free(file);
    free(name);
}

/* Goes on with the last row and column, over the rest of the cell. */
static void fill_cell(const struct mosaic *m, uint8_t *cell, size_t stride)
{
    for (size_t y = 0; y < m->height; y++)
        for (size_t x = m->width; x < m->cell_width; x++)
            memcpy(cell + y * stride + x * RGB, cell + y * stride + (m->width - 1) * RGB, RGB);
    for (size_t y = m->height; y < m->cell_height; y++)
        memcpy(cell + y * stride, cell + (m->height - 1) * stride, m->cell_width * RGB);
}

void mosaic_add(struct mosaic *m, struct page *p, const uint8_t *rgb)
{
    size_t per_page = m->columns * m->lines, k = m->n % per_page;
    size_t stride = m->columns * m->cell_width * RGB;
    uint8_t *cell =
        m->pixels + k / m->columns * m->cell_height * stride + k % m->columns * m->cell_width * RGB;
    uint8_t *small = xmalloc(m->height * m->width * RGB);

    if (k == 0)
        memset(m->pixels, PAPER, page_bytes(m));
    resize_area(small, m->height, m->width, rgb, m->H, m->W, m->W * RGB);
    for (size_t y = 0; y < m->height; y++)
        memcpy(cell + y * stride, small + y * m->width * RGB, m->width * RGB);
    fill_cell(m, cell, stride);
    free(small);
    if (++m->n % per_page == 0)
        end_page(m, p);
}

void mosaic_end(struct mosaic *m, struct page *p)
{
    if (m->n % (m->columns * m->lines) != 0)
        end_page(m, p);
    free(m->pixels);
}

size_t mosaic_memory(const struct mosaic *m)
{
    return 4 * page_bytes(m); /* the page, its coefficients of two bytes, its file */
}

json_t *mosaic_facts(const struct mosaic *m)
{
    return json_checked(json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "height", (json_int_t)m->height,
                                  "width", (json_int_t)m->width, "cell_height",
                                  (json_int_t)m->cell_height, "cell_width",
                                  (json_int_t)m->cell_width, "columns", (json_int_t)m->columns,
                                  "lines", (json_int_t)m->lines, "pages", (json_int_t)m->n_pages));
}
