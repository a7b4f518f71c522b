/* check-image checks reading and writing of PNG files, in the current folder check-image resize
 * FIGURES checks resizing; FIGURES is tests/data/resize-opencv.tsv check-image ppm FILE the image
 * as PPM, on standard output check-image png H W SEED FILE... writes PNG files of noise, with seeds
 * from SEED on check-image turned ORIENTATION FILE writes a PNG of grey 'a' 'b' 'c', 'd' 'e' 'f'
 * with an eXIf chunk check-image npy N H W SEED images of noise as NPY, on standard output
 * check-image floats N H W SEED the same as float32, from 0 to 1
 *
 * Checked are: every kind of PNG there is against the formula of image.h; orientations; what
 * damaged files give; resizing against sums in double precision and against OpenCV's bytes. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>
#include <xxhash.h>

#include "base/endian.h"
#include "pictures/image.h"
#include "files/npy.h"
#include "base/report.h"
#include "pictures/resize.h"
#include "base/rng.h"
#include "pictures.h"

enum { MOST = 1 << 26 }; /* pixels */

static uint64_t fnv1a(const uint8_t *bytes, size_t n)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

/* --- PNG files of every kind --- */

struct kind {
    int type, depth;
    bool interlaced, transparent;
}; /* transparent: with a tRNS chunk */
struct exif {
    const unsigned char *bytes;
    png_uint_32 len;
    bool late;
}; /* an eXIf chunk, after the image data where LATE */

static unsigned sample(const uint8_t *row, size_t i, int depth)
{
    if (depth == 16)
        return get_be16(row + 2 * i);
    return row[i * (size_t)depth / 8] >> (8 - depth - (int)(i * (size_t)depth % 8))
        & ((1u << depth) - 1);
}

/* Writes a PNG of this kind from packed rows (h,row_bytes), as libpng takes them. */
static void write_kind(const char *path, const struct kind *k, size_t h, size_t w, uint8_t *rows,
                       size_t row_bytes, png_color *palette, uint8_t *alphas,
                       png_color_16 *transparent, const struct exif *exif)
{
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png), after = png_create_info_struct(png);
    png_bytep *pointers;
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, k->depth, k->type,
                 k->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (k->type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << k->depth);
    if (k->transparent)
        png_set_tRNS(png, info, alphas, 1 << (k->type == PNG_COLOR_TYPE_PALETTE ? k->depth : 0),
                     transparent);
    if (exif)
        png_set_eXIf_1(png, exif->late ? after : info, exif->len,
                       (png_bytep)(uintptr_t)exif->bytes);
    png_set_gAMA(png, info, 0.3); /* to be ignored */
    png_write_info(png, info);
    pointers = xcalloc(h, sizeof *pointers);
    for (size_t y = 0; y < h; y++)
        pointers[y] = rows + y * row_bytes;
    png_write_image(png, pointers);
    png_write_end(png, after);
    png_destroy_info_struct(png, &after);
    png_destroy_write_struct(&png, &info);
    free(pointers);
    if (fclose(file) != 0)
        die_file(path, "cannot write");
}

/* round((c*a + b/255*M * (M-a)) * 255 / M^2) with c, a out of M. */
static uint8_t blended(uint64_t c, uint64_t a, uint64_t b, uint64_t M)
{
    return (uint8_t)((2 * (c * a * 255 + b * M * (M - a)) + M * M) / (2 * M * M));
}

static void check_kind(const struct kind *k, size_t h, size_t w, const struct picture_settings *s,
                       uint64_t seed)
{
    static const int channels_of[] = {[PNG_COLOR_TYPE_GRAY] = 1,
                                      [PNG_COLOR_TYPE_RGB] = 3,
                                      [PNG_COLOR_TYPE_PALETTE] = 1,
                                      [PNG_COLOR_TYPE_GRAY_ALPHA] = 2,
                                      [PNG_COLOR_TYPE_RGBA] = 4};
    int channels = channels_of[k->type];
    size_t row_bytes = (w * (size_t)channels * (size_t)k->depth + 7) / 8, wrong;
    uint8_t *rows = xmalloc(h * row_bytes), alphas[256];
    png_color palette[256];
    png_color_16 clear;
    struct image im;
    char error[IMAGE_ERROR];
    noise(rows, h * row_bytes, seed);
    noise(alphas, sizeof alphas, seed + 1);
    noise((uint8_t *)palette, sizeof palette, seed + 2);
    clear = (png_color_16){
        .red = (png_uint_16)sample(rows, 0, k->depth),
        .gray = (png_uint_16)sample(rows, 0, k->depth)}; /* the first pixel is transparent */
    if (k->type == PNG_COLOR_TYPE_RGB) {
        clear.green = (png_uint_16)sample(rows, 1, k->depth);
        clear.blue = (png_uint_16)sample(rows, 2, k->depth);
    }
    write_kind("kind.png", k, h, w, rows, row_bytes, palette, alphas, &clear, NULL);
    if (image_read(&im, "kind.png", s, NULL, error)) {
        fail("type %d, depth %d: %s", k->type, k->depth, error);
        free(rows);
        return;
    }
    wrong = im.height != h || im.width != w;
    for (size_t i = 0; i < h * w && !wrong; i++) {
        const uint8_t *row = rows + i / w * row_bytes;
        uint64_t v[4] = {0}, M = k->type == PNG_COLOR_TYPE_PALETTE ? 255 : (1u << k->depth) - 1;
        bool is_clear;
        uint64_t alpha;
        for (int c = 0; c < channels; c++)
            v[c] = sample(row, i % w * (size_t)channels + (size_t)c, k->depth);
        is_clear = k->transparent && v[0] == clear.red
            && (k->type != PNG_COLOR_TYPE_RGB || (v[1] == clear.green && v[2] == clear.blue));
        alpha = k->type == PNG_COLOR_TYPE_PALETTE ? k->transparent ? alphas[v[0]] : 255
            : channels == 4                       ? v[3]
            : channels == 2                       ? v[1]
            : is_clear                            ? 0
                                                  : M;
        if (k->type == PNG_COLOR_TYPE_PALETTE) {
            png_color colour = palette[v[0]];
            v[0] = colour.red;
            v[1] = colour.green;
            v[2] = colour.blue;
        } else if (channels < 3) {
            v[1] = v[2] = v[0];
        }
        for (int c = 0; c < 3; c++)
            wrong += im.pixels[i * 3 + (size_t)c] != blended(v[c], alpha, s->background[c], M);
    }
    if (wrong)
        fail("type %d, depth %d%s%s, %zux%zu: %zu bytes differ", k->type, k->depth,
             k->interlaced ? ", interlaced" : "", k->transparent ? ", tRNS" : "", h, w, wrong);
    image_release(&im);
    free(rows);
}

static void check_kinds(void)
{
    static const int depths[7][6] = {[PNG_COLOR_TYPE_GRAY] = {1, 2, 4, 8, 16},
                                     [PNG_COLOR_TYPE_RGB] = {8, 16},
                                     [PNG_COLOR_TYPE_PALETTE] = {1, 2, 4, 8},
                                     [PNG_COLOR_TYPE_GRAY_ALPHA] = {8, 16},
                                     [PNG_COLOR_TYPE_RGBA] = {8, 16}};
    static const struct picture_settings over[] = {{{255, 255, 255}, .max_pixels = MOST},
                                                   {{10, 200, 77}, .max_pixels = MOST}};
    static const size_t sizes[][2] = {{1, 1}, {3, 5}, {37, 23}, {8, 64}};
    for (int type = 0; type < 7; type++)
        for (int d = 0; depths[type][d]; d++)
            for (int variant = 0; variant < 4; variant++)
                for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                    struct kind k = {type, depths[type][d], variant & 1, variant & 2};
                    if (!k.transparent || !(type & PNG_COLOR_MASK_ALPHA))
                        check_kind(&k, sizes[i][0], sizes[i][1], &over[i % 2],
                                   1 + i + (uint64_t)type * 100);
                }
}

/* --- orientation --- */

/* The 2x3 image a b c / d e f as each orientation shows it, rows behind one another. */
static const struct {
    const char *shown;
    size_t height;
} orientations[] = {{"abcdef", 2}, {"cbafed", 2}, {"fedcba", 2}, {"defabc", 2},
                    {"adbecf", 3}, {"daebfc", 3}, {"fcebda", 3}, {"cfbead", 3}};

static void write_turned(const char *path, int orientation, bool big, bool late)
{
    unsigned char exif[] = "II*\0\x08\0\0\0\x02\0"
                           "\x01\x01\x03\0\x01\0\0\0\x09\0\0\0"
                           "\x12\x01\x03\0\x01\0\0\0?\0\0\0\0\0\0\0";
    unsigned char exif_big[] = "MM\0*\0\0\0\x08\0\x02"
                               "\x01\x01\0\x03\0\0\0\x01\0\x09\0\0"
                               "\x01\x12\0\x03\0\0\0\x01\0?\0\0\0\0\0\0";
    unsigned char *block = big ? exif_big : exif;
    struct kind k = {PNG_COLOR_TYPE_GRAY, 8, false, false};
    uint8_t rows[] = "abcdef";
    block[big ? 31 : 30] = (unsigned char)orientation;
    write_kind(path, &k, 2, 3, rows, 3, NULL, NULL, NULL,
               &(struct exif){block, sizeof exif - 1, late});
}

static void check_orientation(int orientation, bool big, bool late, bool asked)
{
    struct image im;
    char error[IMAGE_ERROR], got[7] = "";
    int shown = asked && orientation >= 1 && orientation <= 8 ? orientation - 1 : 0;
    write_turned("turned.png", orientation, big, late);
    if (image_read(&im, "turned.png",
                   &(struct picture_settings){.orient = asked, .max_pixels = MOST}, NULL, error)) {
        fail("orientation %d: %s", orientation, error);
        return;
    }
    for (int i = 0; i < 6; i++)
        got[i] = (char)im.pixels[3 * i];
    if (im.height != orientations[shown].height || im.height * im.width != 6
        || strcmp(got, orientations[shown].shown) != 0)
        fail("orientation %d (%s, %s): %zux%zu %s, want %s", orientation, big ? "MM" : "II",
             late ? "after the data" : "before", im.height, im.width, got,
             orientations[shown].shown);
    image_release(&im);
}

static void check_orientations(void)
{
    for (int variant = 0; variant < 8; variant++)
        for (int orientation = 0; orientation <= 9; orientation++)
            check_orientation(orientation, variant & 1, variant & 2, variant & 4);
}

/* --- damage --- */

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0)
        die_file(path, "cannot write");
}

static void check_reason(const char *path, const char *want)
{
    struct image im;
    char error[IMAGE_ERROR];
    const char *reason = image_read(
        &im, path, &(struct picture_settings){.orient = true, .max_pixels = MOST}, NULL, error);
    if (!reason || strcmp(reason, want) != 0)
        fail("%s: '%s', want '%s'", path, reason ? reason : "read", want);
    image_release(&im);
}

static void check_damage(void)
{
    struct kind k = {PNG_COLOR_TYPE_RGB, 8, true, false};
    uint8_t rows[9 * 21], file[4096];
    FILE *f;
    size_t n;
    noise(rows, sizeof rows, 5);
    write_kind("whole.png", &k, 9, 7, rows, 21, NULL, NULL, NULL, NULL);
    f = fopen("whole.png", "rb");
    n = fread(file, 1, sizeof file, f);
    fclose(f);
    check_reason("missing.png", "No such file or directory");
    write_bytes("bad.png", file, 0);
    check_reason("bad.png", "empty");
    for (size_t cut = 8; cut < n; cut++) {
        write_bytes("bad.png", file, cut);
        check_reason("bad.png", "cut short");
    }
    for (size_t i = 0; i < n;
         i++) { /* a flipped byte is found or, in a chunk that is ignored, changes nothing */
        struct image im, whole;
        char error[IMAGE_ERROR];
        uint8_t changed[sizeof file];
        memcpy(changed, file, n);
        changed[i] ^= 0x10;
        write_bytes("bad.png", changed, n);
        if (!image_read(&im, "bad.png",
                        &(struct picture_settings){.orient = true, .max_pixels = MOST}, NULL,
                        error)) {
            if (image_read(&whole, "whole.png",
                           &(struct picture_settings){.orient = true, .max_pixels = MOST}, NULL,
                           error)
                || memcmp(im.pixels, whole.pixels, 9 * 21) != 0)
                fail("byte %zu flipped: not found", i);
            image_release(&whole);
        }
        image_release(&im);
    }
    write_bytes("bad.png", "\xff\xd8\xff\xe0 and so on", 14);
    check_reason("bad.png", "cut short");
    write_bytes("bad.png", "GIF89a", 6);
    check_reason("bad.png", "cut short");
    write_bytes("bad.png", "RIFF....WEBPVP8 ", 16);
    check_reason("bad.png", "cut short");
    write_bytes("bad.png", "hello, world", 12);
    check_reason("bad.png", "not a picture");
    /* IHDR of 20000 x 20000, and of 8000 x 8000 with next to nothing behind it; CRCs by Python's
     * zlib.crc32 */
    write_bytes("bad.png",
                "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x4e\x20\0\0\x4e\x20\x08\x02\0\0\0\x6c\x12\xd1"
                "\x6e\0\0\0\x01IDATx\0\0\0\0",
                46);
    check_reason("bad.png",
                 "too large: 20000 x 20000 pixels, want at most 67108864 (--max-pixels)");
    write_bytes("bad.png",
                "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x1f\x40\0\0\x1f\x40\x08\x02\0\0\0\x89\x93\x3a"
                "\xa3\0\0\0\x01IDATx\0\0\0\0",
                46);
    check_reason("bad.png", "cut short");
    mkdir("folder.png", 0777);
    check_reason("folder.png", "not a regular file");
    mkfifo("fifo.png", 0666);
    check_reason("fifo.png", "not a regular file");
}

static void check_digest(void)
{
    static const char bytes[] = "GIF89a, as it says";
    struct digest seen, alone, want = digest_data(bytes, sizeof bytes);
    char error[IMAGE_ERROR];
    struct picture p;
    struct image im;

    write_bytes("text.png", bytes, sizeof bytes);
    image_read(&im, "text.png", &(struct picture_settings){.max_pixels = MOST}, &seen, error);
    if (picture_look(&p, "text.png", true) || picture_close(&p, &alone) || !digest_equal(seen, want)
        || !digest_equal(alone, want))
        fail("the digest of a file is not XXH128 of its bytes");
}

/* --- writing --- */

static void check_write(void)
{
    struct image im = {.height = 5, .width = 9, .pixels = xmalloc(5 * 9 * 3)}, back;
    char error[IMAGE_ERROR];
    noise(im.pixels, 5 * 9 * 3, 3);
    image_write("written.png", &im,
                (const char *const[]){"kasane-history", "[]", "Comment", "\xc3\xa4", NULL});
    if (image_read(&back, "written.png",
                   &(struct picture_settings){.orient = true, .max_pixels = MOST}, NULL, error))
        fail("written.png: %s", error);
    else if (back.height != 5 || back.width != 9 || memcmp(back.pixels, im.pixels, 5 * 9 * 3) != 0)
        fail("an image does not come back as it was written");
    image_release(&im);
    image_release(&back);
}

/* --- resizing --- */

/* One axis of resize_area in double precision: the weight of input j in output i. */
static double area_weight(size_t i, size_t d, size_t j, size_t s)
{
    double x, k, f, weight = 0, k0, k1;
    if (s > d) {
        double begin = fmax((double)i * (double)s / (double)d, (double)j),
               end = fmin((double)(i + 1) * (double)s / (double)d, (double)j + 1);
        return end > begin ? (end - begin) * (double)d / (double)s : 0;
    }
    x = ((double)i + 0.5) * (double)s / (double)d - 0.5;
    k = floor(x);
    f = x - k;
    k0 = fmin(fmax(k, 0), (double)s - 1);
    k1 = fmin(fmax(k + 1, 0), (double)s - 1);
    if (k0 == (double)j)
        weight += 1 - f;
    if (k1 == (double)j)
        weight += f;
    return weight;
}

static void check_area(size_t sh, size_t sw, size_t dh, size_t dw)
{
    size_t stride = sw * 3 + 5;
    uint8_t *src = xmalloc(sh * stride), *dst = xmalloc(dh * dw * 3);
    noise(src, sh * stride, sh * 1000 + sw);
    resize_area(dst, dh, dw, src, sh, sw, stride);
    for (size_t y = 0; y < dh; y++)
        for (size_t x = 0; x < dw; x++)
            for (size_t c = 0; c < 3; c++) {
                double sum = 0;
                for (size_t i = 0; i < sh; i++) {
                    double wy = area_weight(y, dh, i, sh);
                    for (size_t j = 0; wy != 0 && j < sw; j++)
                        sum += wy * area_weight(x, dw, j, sw) * src[i * stride + j * 3 + c];
                }
                if (fabs(dst[(y * dw + x) * 3 + c] - sum) > 0.5 + 1e-6) {
                    fail("resize_area %zux%zu to %zux%zu at (%zu,%zu,%zu): %d, want %f", sh, sw, dh,
                         dw, y, x, c, dst[(y * dw + x) * 3 + c], sum);
                    y = dh;
                    x = dw;
                    break;
                }
            }
    free(src);
    free(dst);
}

static void check_areas(void)
{
    static const size_t sizes[][4] = {{7, 5, 7, 5},   {10, 10, 5, 5}, {10, 10, 3, 7},
                                      {23, 40, 8, 9}, {5, 6, 11, 13}, {1, 1, 4, 6},
                                      {9, 3, 4, 8},   {3, 30, 9, 10}, {31, 17, 1, 1}};
    uint8_t src[7 * 5 * 3], dst[7 * 5 * 3];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_area(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
    noise(src, sizeof src, 9);
    resize_area(dst, 7, 5, src, 7, 5, 15);
    if (memcmp(src, dst, sizeof src) != 0)
        fail("resize_area to the same size is not a copy");
}

/* Lines "sh sw dh dw hash": FNV-1a of what OpenCV makes of noise with the seed sh*1000+sw. */
static void check_opencv(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t sh, sw, dh, dw, n = 0;
    unsigned long long want;
    if (!file)
        die_file(path, "cannot open");
    for (; fscanf(file, "%zu %zu %zu %zu %llx", &sh, &sw, &dh, &dw, &want) == 5; n++) {
        uint8_t *src = xmalloc(sh * sw * 3), *dst = xmalloc(dh * dw * 3);
        noise(src, sh * sw * 3, sh * 1000 + sw);
        resize_bilinear(dst, dh, dw, src, sh, sw, sw * 3);
        if (fnv1a(dst, dh * dw * 3) != want)
            fail("resize_bilinear %zux%zu to %zux%zu: not OpenCV's bytes", sh, sw, dh, dw);
        free(src);
        free(dst);
    }
    if (n < 100 || !feof(file))
        fail("%s: read %zu figures, want at least 100", path, n);
    fclose(file);
}

/* --- tools for the other tests --- */

static void print_ppm(const char *path)
{
    struct image im;
    char error[IMAGE_ERROR];
    if (image_read(&im, path, &(struct picture_settings){{255, 255, 255}, true, .max_pixels = MOST},
                   NULL, error))
        die_file(path, "%s", error);
    printf("P6\n%zu %zu\n255\n", im.width, im.height);
    fwrite(im.pixels, 3, im.height * im.width, stdout);
    image_release(&im);
}

static void print_npy(size_t n, size_t h, size_t w, uint64_t seed, bool floats)
{
    struct npy_header header = {floats ? NPY_F32 : NPY_U8, 4, {n, h, w, 3}};
    unsigned char start[NPY_FIXED];
    size_t start_len = npy_format(&header, start, sizeof start);
    uint8_t *rows = xmalloc(n * h * w * 3);
    fwrite(start, 1, start_len, stdout);
    noise(rows, n * h * w * 3, seed);
    for (size_t i = 0; i < n * h * w * 3; i++) {
        float value = (float)rows[i] / 255;
        if (floats)
            fwrite(&value, sizeof value, 1, stdout);
        else
            putchar(rows[i]);
    }
    free(rows);
}

static void make_png(size_t h, size_t w, uint64_t seed, const char *path)
{
    struct image im = {.height = h, .width = w, .pixels = xmalloc(h * w * 3)};
    noise(im.pixels, h * w * 3, seed);
    image_write(path, &im, NULL);
    image_release(&im);
}

/* White, a bit a pixel: the smallest file that there is of its size. */
static void make_blank(size_t h, size_t w, const char *path)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    unsigned char *row = xmalloc(w / 8 + 1);
    FILE *f = fopen(path, "wb");
    memset(row, 255, w / 8 + 1);
    png_init_io(png, f);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, 1, PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < h; y++)
        png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(f);
    free(row);
}

int main(int argc, char **argv)
{
    report_init("check-image");
    if (argc == 3 && strcmp(argv[1], "ppm") == 0) {
        print_ppm(argv[2]);
    } else if (argc == 6 && (strcmp(argv[1], "npy") == 0 || strcmp(argv[1], "floats") == 0)) {
        print_npy(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10),
                  strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10), argv[1][0] == 'f');
    } else if (argc >= 6 && strcmp(argv[1], "png") == 0) {
        for (int i = 5; i < argc; i++)
            make_png(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10),
                     strtoul(argv[4], NULL, 10) + (uint64_t)(i - 5), argv[i]);
    } else if (argc == 5 && strcmp(argv[1], "blank") == 0) {
        make_blank(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), argv[4]);
    } else if (argc == 4 && strcmp(argv[1], "turned") == 0) {
        write_turned(argv[3], atoi(argv[2]), false, false);
    } else if (argc == 3 && strcmp(argv[1], "resize") == 0) {
        check_areas();
        check_opencv(argv[2]);
    } else {
        check_kinds();
        check_orientations();
        check_damage();
        check_digest();
        check_write();
    }
    return fflush(stdout) != 0 || failures > 0;
}
