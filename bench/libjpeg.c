/* libjpeg SCALE FILE...: seconds that libjpeg-turbo takes on one core to read and decode the files
 * at SCALE/8 to 8-bit RGB, one after another, as djpeg does; nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jpeglib.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void decode(const char *path, unsigned scale)
{
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    FILE *file = fopen(path, "rb");
    JSAMPLE *row;

    if (!file) {
        fprintf(stderr, "libjpeg: '%s': cannot be read\n", path);
        exit(1);
    }
    d.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&d);
    jpeg_stdio_src(&d, file);
    jpeg_read_header(&d, TRUE);
    d.scale_num = scale;
    d.scale_denom = 8;
    d.out_color_space = JCS_RGB;
    d.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&d);
    row = malloc((size_t)d.output_width * 3);
    while (d.output_scanline < d.output_height)
        jpeg_read_scanlines(&d, &row, 1);
    jpeg_finish_decompress(&d);
    jpeg_destroy_decompress(&d);
    free(row);
    fclose(file);
}

int main(int argc, char **argv)
{
    const double start = now();

    for (int i = 2; i < argc; i++)
        decode(argv[i], (unsigned)atoi(argv[1]));
    printf("%.4f\n", now() - start);
    return 0;
}
