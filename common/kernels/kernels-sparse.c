/* sparse: sums over the few gradients that a pool and a relu let pass. */
#include "kernels-vectors.h"

#if defined(__AVX512F__)
enum { HALF = LANES / 2 };
#else
enum { HALF = LANES };
#endif
typedef float half_unaligned __attribute__((vector_size(4 * HALF), aligned(4), may_alias));

/* ROWS x VECS vectors of the window in registers over all entries. TAIL: half a vector more in each
 * row, where a run ends so: loads that cross a cache line are fewer. */
INLINE void windows(int rows, int vecs, bool tail, float *y, size_t y_row, const float *x,
                    size_t x_row, const struct entry *e, size_t n)
{
    vec acc[SPARSE_TILE];
    half_unaligned end[7];
#pragma GCC unroll 7
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 9
        for (int v = 0; v < vecs; v++)
            acc[r * vecs + v] = load(y + r * y_row + v * LANES);
        if (tail)
            end[r] = *(const half_unaligned *)(y + r * y_row + vecs * LANES);
    }
    for (const struct entry *last = e + n; e < last; e++) {
        const float *from = x + e->at;
#pragma GCC unroll 7
        for (int r = 0; r < rows; r++, from += x_row) {
#pragma GCC unroll 9
            for (int v = 0; v < vecs; v++)
                acc[r * vecs + v] += load(from + v * LANES) * e->g;
            if (tail)
                end[r] += *(const half_unaligned *)(from + vecs * LANES) * e->g;
        }
    }
#pragma GCC unroll 7
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 9
        for (int v = 0; v < vecs; v++)
            store(y + r * y_row + v * LANES, acc[r * vecs + v]);
        if (tail)
            *(half_unaligned *)(y + r * y_row + vecs * LANES) = end[r];
    }
}

void KERNELS(sparse_list)(struct entry *entries, size_t room, uint32_t *n, float *sums,
                          const float *g, const uint8_t *argmax, const struct pooled *p)
{
    const struct pooled local = *p;
    const int K = local.channels, full = K / LANES * LANES;
    for (int k = 0; k < K; k++) {
        struct entry *const first = entries + k * room, *const added = first + n[k], *e = added;
        int32_t at = local.at;
        for (int j = 0; j < local.cols; j++, at += local.step) {
            const uint8_t where = argmax[j * K + k];
            *e = (struct entry){at + local.offset[where], g[j * K + k]};
            e += where != KERNELS_DEAD;
        }
        n[k] = (uint32_t)(e - first);
        for (const struct entry *s = added; s < e && k >= full; s++)
            sums[k] += s->g;
    }
    for (int k = 0; k < full; k += LANES) {
        vec sum = load(sums + k);
        for (int j = 0; j < local.cols; j++)
            sum += select(widen(argmax + j * K + k) != KERNELS_DEAD, load(g + j * K + k), (vec){0});
        store(sums + k, sum);
    }
}

void KERNELS(sparse_sum)(float *y, size_t y_row, const float *x, size_t x_row, int taps, int run,
                         const struct entry *e, size_t n)
{
    const int rows = taps % 7 == 0 ? 7
        : taps % 5 == 0            ? 5
        : taps % 3 == 0            ? 3
        : taps % 4 == 0            ? 4
                                   : 1;
    const int all = (run + LANES - 1) / LANES, most = rows == 1 ? 8 : SPARSE_TILE / rows,
              blocks = (all + most - 1) / most;
    for (int r = 0; r < taps; r += rows, x += rows * x_row, y += rows * y_row)
        for (int block = 0; block < blocks; block++) {
            const int v = all * block / blocks, vecs = all * (block + 1) / blocks - v;
            float *to = y + v * LANES;
            const float *from = x + v * LANES;
            const bool tail =
                (int)HALF < LANES && rows == 7 && all == 2 && (run - 1) % LANES < HALF;
            switch (rows * 16 + (tail ? 0 : vecs)) {
                CASE(112, windows(7, 1, true, to, y_row, from, x_row, e, n));
                CASE(112 + 1, windows(7, 1, false, to, y_row, from, x_row, e, n));
                CASE(80 + 1, windows(5, 1, false, to, y_row, from, x_row, e, n));
                CASE(80 + 2, windows(5, 2, false, to, y_row, from, x_row, e, n));
                CASE(64 + 1, windows(4, 1, false, to, y_row, from, x_row, e, n));
                CASE(64 + 2, windows(4, 2, false, to, y_row, from, x_row, e, n));
                CASE(64 + 3, windows(4, 3, false, to, y_row, from, x_row, e, n));
                CASE(48 + 1, windows(3, 1, false, to, y_row, from, x_row, e, n));
                CASE(48 + 2, windows(3, 2, false, to, y_row, from, x_row, e, n));
                CASE(48 + 3, windows(3, 3, false, to, y_row, from, x_row, e, n));
                CASE(48 + 4, windows(3, 4, false, to, y_row, from, x_row, e, n));
                CASE(16 + 1, windows(1, 1, false, to, y_row, from, x_row, e, n));
                CASE(16 + 2, windows(1, 2, false, to, y_row, from, x_row, e, n));
                CASE(16 + 3, windows(1, 3, false, to, y_row, from, x_row, e, n));
                CASE(16 + 4, windows(1, 4, false, to, y_row, from, x_row, e, n));
                CASE(16 + 5, windows(1, 5, false, to, y_row, from, x_row, e, n));
                CASE(16 + 6, windows(1, 6, false, to, y_row, from, x_row, e, n));
                CASE(16 + 7, windows(1, 7, false, to, y_row, from, x_row, e, n));
                CASE(16 + 8, windows(1, 8, false, to, y_row, from, x_row, e, n));
#if defined(__AVX512F__)
                CASE(112 + 2, windows(7, 2, false, to, y_row, from, x_row, e, n));
                CASE(112 + 3, windows(7, 3, false, to, y_row, from, x_row, e, n));
                CASE(80 + 3, windows(5, 3, false, to, y_row, from, x_row, e, n));
                CASE(80 + 4, windows(5, 4, false, to, y_row, from, x_row, e, n));
                CASE(80 + 5, windows(5, 5, false, to, y_row, from, x_row, e, n));
                CASE(64 + 4, windows(4, 4, false, to, y_row, from, x_row, e, n));
                CASE(64 + 5, windows(4, 5, false, to, y_row, from, x_row, e, n));
                CASE(64 + 6, windows(4, 6, false, to, y_row, from, x_row, e, n));
                CASE(48 + 5, windows(3, 5, false, to, y_row, from, x_row, e, n));
                CASE(48 + 6, windows(3, 6, false, to, y_row, from, x_row, e, n));
                CASE(48 + 7, windows(3, 7, false, to, y_row, from, x_row, e, n));
                CASE(48 + 8, windows(3, 8, false, to, y_row, from, x_row, e, n));
#endif
            default:
                assert(!"a tile");
            }
        }
}
