#include "planes.h"

enum { WHOLE = KERNELS_MAX_LANES };  /* vectors, whatever the width */

static size_t whole(size_t n)
{
    return (n + WHOLE - 1) / WHOLE * WHOLE;
}

struct planes planes_for(int h, int w, int margin, int step, int C, int taps, int sets, int few)
{
    const int rows = h + margin, row = w + margin, n = (h - 1) * row + w;
    const size_t size = ((size_t)rows * row + 31) / 32 * 32 + WHOLE;  /* odd numbers of cache lines, for the sets of the cache */
    return (struct planes){ step, C, h, w, rows, row, n, taps, sets, few, size, whole(n) };
}

static size_t places_size(const struct planes *p) { return whole((size_t)p->taps * p->taps * p->C); }
static size_t image_size(const struct planes *p) { return whole(p->step * p->step * p->C * p->size) + WHOLE; }

static int32_t *places(const struct planes *p, float *scratch, int set)
{
    return (int32_t *)scratch + set * places_size(p);
}

static float *image_planes(const struct planes *p, float *scratch)
{
    return scratch + p->sets * places_size(p);
}

float *planes_result(const struct planes *p, float *scratch, int channel, int set)
{
    return image_planes(p, scratch) + image_size(p) + ((size_t)channel * p->sets + set) * p->z;
}

uint8_t *planes_argmax(const struct planes *p, float *scratch)
{
    return (uint8_t *)planes_result(p, scratch, p->few, 0);
}

size_t planes_scratch(const struct planes *p)
{
    return p->sets * places_size(p) + image_size(p) + (size_t)p->few * p->sets * p->z + p->z;
}

void planes_set(const struct planes *p, float *scratch, int set, int a, int b)
{
    int32_t *at = places(p, scratch, set);
    for (int r = a; r < a + p->taps; r++)
        for (int s = b; s < b + p->taps; s++)
            for (int c = 0; c < p->C; c++) {
                const size_t plane = ((size_t)(r % p->step) * p->step + s % p->step) * p->C + c;
                *at++ = (int32_t)(plane * p->size + (size_t)(r / p->step) * p->row + s / p->step);
            }
}

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

/* N pixels of APART floats, 4 or more, to as many planes: 4 pixels by 4 floats at a time, the last ones again where they are no fours. */
static void part(float *to, size_t plane, const float *from, size_t apart, size_t n)
{
    for (size_t four = 0; four < apart; four += 4) {
        const size_t c = four + 4 <= apart ? four : apart - 4;
        float *const row = to + c * plane;
        size_t j = 0;
        for (; j + 4 <= n; j += 4) {
            const float *pixel = from + j * apart + c;
            const quad a = *(const quad *)pixel, b = *(const quad *)(pixel + apart);
            const quad d = *(const quad *)(pixel + 2 * apart), e = *(const quad *)(pixel + 3 * apart);
            const quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
            const quad de = __builtin_shufflevector(d, e, 0, 4, 1, 5), de2 = __builtin_shufflevector(d, e, 2, 6, 3, 7);
            *(quad *)(row + j) = __builtin_shufflevector(ab, de, 0, 1, 4, 5);
            *(quad *)(row + plane + j) = __builtin_shufflevector(ab, de, 2, 3, 6, 7);
            *(quad *)(row + 2 * plane + j) = __builtin_shufflevector(ab2, de2, 0, 1, 4, 5);
            *(quad *)(row + 3 * plane + j) = __builtin_shufflevector(ab2, de2, 2, 3, 6, 7);
        }
        for (; j < n; j++)
            for (size_t k = 0; k < 4; k++)
                row[k * plane + j] = from[j * apart + c + k];
    }
}

/* Likewise of fewer than 4. */
static inline void part_few(float *to, size_t plane, const float *from, size_t apart, size_t n)
{
    for (size_t j = 0; j < n; j++)
        for (size_t c = 0; c < apart; c++)
            to[c * plane + j] = from[j * apart + c];
}

void planes_from(const struct planes *p, float *scratch, const float *image, size_t row)
{
    const size_t apart = (size_t)p->step * p->C;  /* columns of a step, then channels */
    for (int a = 0; a < p->step; a++)
        for (int i = 0; i < p->rows; i++) {
            float *to = image_planes(p, scratch) + a * apart * p->size + (size_t)i * p->row;
            const float *from = image + (p->step * (size_t)i + a) * row;
            switch (apart) {
            case 1: part_few(to, p->size, from, 1, p->row); break;
            case 2: part_few(to, p->size, from, 2, p->row); break;
            case 3: part_few(to, p->size, from, 3, p->row); break;
            default: part(to, p->size, from, apart, p->row); break;
            }
        }
}

void planes_conv(const struct planes *p, const struct kernels *kernels, float *scratch, int set, const float *w, const float *b)
{
    const struct planes_conv g = { .channels = p->few, .taps = p->taps * p->taps * p->C, .at = places(p, scratch, set), .n = p->n,
                                   .y_plane = p->sets * p->z };
    kernels->conv_planes(planes_result(p, scratch, 0, set), image_planes(p, scratch), w, b, &g);
}

void planes_to(float *y, size_t y_row, size_t y_col, const float *result, const struct planes *p)
{
    for (int i = 0; i < p->h; i++)
        for (int j = 0; j < p->w; j++)
            y[i * y_row + j * y_col] = result[i * p->row + j];
}

void planes_bytes_to(uint8_t *y, size_t y_row, size_t y_col, const uint8_t *result, const struct planes *p)
{
    for (int i = 0; i < p->h; i++)
        for (int j = 0; j < p->w; j++)
            y[i * y_row + j * y_col] = result[i * p->row + j];
}
