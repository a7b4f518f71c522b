/* libpng FILE...: seconds that libpng takes on one core to read and decode the files to 8-bit RGB,
 * one after another, nothing else. */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void decode(const char *path)
{
    FILE *file = fopen(path, "rb");
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    size_t height, row;
    png_bytep pixels;
    png_bytepp rows;
    if (file == NULL || setjmp(png_jmpbuf(png))) {
        fprintf(stderr, "libpng: '%s': cannot be read\n", path);
        exit(1);
    }
    png_init_io(png, file);
    png_read_info(png, info);
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    height = png_get_image_height(png, info);
    row = png_get_rowbytes(png, info);
    pixels = malloc(height * row);
    rows = malloc(height * sizeof *rows);
    for (size_t i = 0; i < height; i++)
        rows[i] = pixels + i * row;
    png_read_image(png, rows);
    png_read_end(png, NULL);
    png_destroy_read_struct(&png, &info, NULL);
    free(rows);
    free(pixels);
    fclose(file);
}

int main(int argc, char **argv)
{
    const double start = now();
    for (int i = 1; i < argc; i++)
        decode(argv[i]);
    printf("%.4f\n", now() - start);
    return 0;
}
