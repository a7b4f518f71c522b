#include "pictures/jpeg.h"

#include <assert.h>
#include <stdio.h>

#include <jpeglib.h>

#include "base/report.h"

enum { RGB = 3 };
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

_Noreturn static void on_error(j_common_ptr c)
{
    char text[JMSG_LENGTH_MAX];

    c->err->format_message(c, text);
    die("JPEG: %s", text);
}

unsigned char *jpeg_format(size_t *len, const uint8_t *rgb, size_t height, size_t width,
                           int quality)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *file = NULL;
    unsigned long file_len = 0;

    assert(height > 0 && height <= JPEG_SIDE && width > 0 && width <= JPEG_SIDE);
    c.err = jpeg_std_error(&errors);
    errors.error_exit = on_error;
    jpeg_create_compress(&c);
    c.mem->max_memory_to_use = 0; /* JPEGMEM of the environment */
    jpeg_mem_dest(&c, &file, &file_len);
    c.image_width = (JDIMENSION)width;
    c.image_height = (JDIMENSION)height;
    c.input_components = RGB;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    c.dct_method = JDCT_ISLOW;
    c.optimize_coding = TRUE;
    for (int i = 0; i < c.num_components; i++)
        c.comp_info[i].h_samp_factor = c.comp_info[i].v_samp_factor = 1;
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(rgb + (size_t)c.next_scanline * width * RGB);

        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    *len = file_len;
    return file;
}

const char *jpeg_library(void)
{
    return "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION);
}
