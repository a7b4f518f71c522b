#include "pictures/copies.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "pictures/resize.h"

enum { RGB = 3, SIDE = 8, QUALITY = 30 };

const char *const copy_names[COPY_KINDS] = {"mirrored", "cropped", "recompressed"};

static void mirror(uint8_t *copy, const uint8_t *image, size_t H, size_t W)
{
    for (size_t i = 0; i < H; i++)
        for (size_t j = 0; j < W; j++)
            memcpy(copy + (i * W + j) * RGB, image + (i * W + W - 1 - j) * RGB, RGB);
}

static void crop(uint8_t *copy, const uint8_t *image, size_t H, size_t W, uint64_t seed,
                 uint64_t number)
{
    size_t h = (H * 4 + 4) / 5, w = (W * 4 + 4) / 5, top, left;
    struct rng rng;

    rng_init(&rng, seed, RNG_COPIES, number);
    top = rng_below(&rng, (uint32_t)(H - h + 1));
    left = rng_below(&rng, (uint32_t)(W - w + 1));
    resize_bilinear(copy, H, W, image + (top * W + left) * RGB, h, w, W * RGB);
}

/* --- as JPEG --- */

static const uint8_t luminance[SIDE * SIDE] = {
    16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55, /**/
    14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62, /**/
    18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92, /**/
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
static const uint8_t chrominance[SIDE * SIDE] = {
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, /**/
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99, /**/
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, /**/
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

static double step(const uint8_t *table, size_t k)
{
    int scaled = (table[k] * (5000 / QUALITY) + 50) / 100;

    return scaled < 1 ? 1 : scaled > 255 ? 255 : scaled;
}

/* to = basis from basis', or with BACK basis' from basis. */
static void transform(double to[SIDE * SIDE], const double from[SIDE * SIDE],
                      const double basis[SIDE * SIDE], int back)
{
    const size_t row = back ? 1 : SIDE, column = back ? SIDE : 1;
    double half[SIDE * SIDE] = {0};

    memset(to, 0, SIDE * SIDE * sizeof *to);
    for (size_t u = 0; u < SIDE; u++)
        for (size_t i = 0; i < SIDE; i++)
            for (size_t j = 0; j < SIDE; j++)
                half[u * SIDE + j] += basis[u * row + i * column] * from[i * SIDE + j];
    for (size_t u = 0; u < SIDE; u++)
        for (size_t v = 0; v < SIDE; v++)
            for (size_t j = 0; j < SIDE; j++)
                to[u * SIDE + v] += half[u * SIDE + j] * basis[v * row + j * column];
}

/* What is left of one channel of a block, less 128. */
static void quantise(double block[SIDE * SIDE], const uint8_t *table,
                     const double basis[SIDE * SIDE])
{
    double coefficients[SIDE * SIDE];

    transform(coefficients, block, basis, 0);
    for (size_t k = 0; k < SIDE * SIDE; k++)
        coefficients[k] = round(coefficients[k] / step(table, k)) * step(table, k);
    transform(block, coefficients, basis, 1);
}

static uint8_t to_byte(double v)
{
    return (uint8_t)fmin(fmax(floor(v + 0.5), 0), 255);
}

static size_t within(size_t i, size_t n)
{
    return i < n ? i : n - 1;
}

static void compress_block(uint8_t *copy, const uint8_t *image, size_t H, size_t W, size_t top,
                           size_t left, const double basis[SIDE * SIDE])
{
    double y[SIDE * SIDE], cb[SIDE * SIDE], cr[SIDE * SIDE];

    for (size_t k = 0; k < SIDE * SIDE; k++) {
        const uint8_t *p =
            image + (within(top + k / SIDE, H) * W + within(left + k % SIDE, W)) * RGB;

        y[k] = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] - 128;
        cb[k] = -0.168736 * p[0] - 0.331264 * p[1] + 0.5 * p[2];
        cr[k] = 0.5 * p[0] - 0.418688 * p[1] - 0.081312 * p[2];
    }
    quantise(y, luminance, basis);
    quantise(cb, chrominance, basis);
    quantise(cr, chrominance, basis);
    for (size_t k = 0; k < SIDE * SIDE; k++)
        if (top + k / SIDE < H && left + k % SIDE < W) {
            uint8_t *p = copy + ((top + k / SIDE) * W + left + k % SIDE) * RGB;

            p[0] = to_byte(y[k] + 128 + 1.402 * cr[k]);
            p[1] = to_byte(y[k] + 128 - 0.344136 * cb[k] - 0.714136 * cr[k]);
            p[2] = to_byte(y[k] + 128 + 1.772 * cb[k]);
        }
}

static void recompress(uint8_t *copy, const uint8_t *image, size_t H, size_t W)
{
    const double pi = 3.14159265358979323846;
    double basis[SIDE * SIDE];

    for (size_t k = 0; k < SIDE * SIDE; k++)
        basis[k] = sqrt((k < SIDE ? 1.0 : 2.0) / SIDE)
            * cos((double)((2 * (k % SIDE) + 1) * (k / SIDE)) * pi / (2 * SIDE));
    for (size_t top = 0; top < H; top += SIDE)
        for (size_t left = 0; left < W; left += SIDE)
            compress_block(copy, image, H, W, top, left, basis);
}

void copy_make(uint8_t *copy, const uint8_t *image, size_t H, size_t W, enum copy_kind kind,
               uint64_t seed, uint64_t number)
{
    if (kind == COPY_MIRRORED)
        mirror(copy, image, H, W);
    else if (kind == COPY_CROPPED)
        crop(copy, image, H, W, seed, number);
    else
        recompress(copy, image, H, W);
}
