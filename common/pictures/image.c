#include "pictures/image.h"

#include <stdio.h>
#include <stdlib.h>

#include <png.h>

#include "base/report.h"
#include "files/zio.h"

enum { RGB = 3 };

void image_release(struct image *im)
{
    free(im->pixels);
    *im = (struct image){0};
}

const char *image_read_png(struct image *im, const char *path, char error[IMAGE_ERROR])
{
    static const png_color white = {255, 255, 255};
    png_image png = {.version = PNG_IMAGE_VERSION};

    *im = (struct image){0};
    if (png_image_begin_read_from_file(&png, path)) {
        png.format = PNG_FORMAT_RGB;
        *im = (struct image){png.height, png.width, xmalloc(PNG_IMAGE_SIZE(png))};
        if (png_image_finish_read(&png, &white, im->pixels, 0, NULL))
            return NULL;
    }
    snprintf(error, IMAGE_ERROR, "%s", png.message);
    image_release(im);
    return error;
}

void image_digest(const struct image *im, char digest[DIGEST_SIZE])
{
    digest_format(digest, digest_data(im->pixels, im->height * im->width * RGB));
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

_Noreturn static void on_write_error(png_structp png, png_const_charp message)
{
    zio_fail(png_get_error_ptr(png), message);
}

static void on_write(png_structp png, png_bytep data, size_t len)
{
    zio_write(png_get_io_ptr(png), data, len);
}

static void on_flush(png_structp png)
{
    (void)png;
}

void image_write(const char *path, const struct image *im, const char *const *text)
{
    struct zio_writer *file = zio_create(path, ZIO_PLAIN);
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, file, on_write_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info)
        die("out of memory");
    png_set_write_fn(png, file, on_write, on_flush);
    png_set_IHDR(png, info, (png_uint_32)im->width, (png_uint_32)im->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (; text && text[0]; text += 2) {
        png_text t = {.compression = PNG_ITXT_COMPRESSION_NONE,
                      .key = (png_charp)(uintptr_t)text[0],
                      .text = (png_charp)(uintptr_t)text[1],
                      .lang = (png_charp)(uintptr_t) "",
                      .lang_key = (png_charp)(uintptr_t) ""};
        png_set_text(png, info, &t, 1);
    }
    png_write_info(png, info);
    for (size_t y = 0; y < im->height; y++)
        png_write_row(png, im->pixels + y * im->width * RGB);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    zio_commit(file, NULL);
}
