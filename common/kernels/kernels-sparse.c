/* sparse: sums over the gradients that a pool and a relu let pass. */
#include "kernels-vectors.h"

#if defined(__AVX512F__)
enum { HALF = LANES / 2 };
#else
enum { HALF = LANES };
#endif
typedef float half_unaligned __attribute__((vector_size(4 * HALF), aligned(4), may_alias));

/* What a tile sums: of each list. */
struct lists {
    const struct entry *entries;
    size_t room;
    const uint32_t *n;
    int count;
};

/* ROWS x VECS vectors of the window in registers over all entries of a list. TAIL: half a vector
 * more in each row, where a run ends so: loads that cross a cache line are fewer. */
INLINE void windows(int rows, int vecs, bool tail, float *y, const float *x,
                    const struct sparse_window *g, struct lists lists)
{
    const size_t x_row = g->x_row, y_row = g->y_row;
    assert(rows * vecs <= SPARSE_TILE);
    for (int l = 0; l < lists.count; l++, y += g->y_list) {
        const struct entry *e = lists.entries + l * lists.room, *last = e + lists.n[l];
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
        for (; e < last; e++) {
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
}

INLINE void any_windows(int rows, int vecs, float *y, const float *x, const struct sparse_window *g,
                        struct lists lists)
{
    switch (vecs) {
        CASE(1, windows(rows, 1, false, y, x, g, lists));
        CASE(2, windows(rows, 2, false, y, x, g, lists));
        CASE(3, windows(rows, 3, false, y, x, g, lists));
        CASE(4, windows(rows, 4, false, y, x, g, lists));
        CASE(5, windows(rows, 5, false, y, x, g, lists));
        CASE(6, windows(rows, 6, false, y, x, g, lists));
        CASE(7, windows(rows, 7, false, y, x, g, lists));
        CASE(8, windows(rows, 8, false, y, x, g, lists));
    default:
        assert(!"vectors of a tile");
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

/* Tile by tile, and of each all lists: what a tile sees of x stays in the first-level cache. */
void KERNELS(sparse_sum)(float *y, const float *x, const struct sparse_window *g,
                         const struct entry *entries, size_t room, const uint32_t *n, int count)
{
    const struct lists lists = {entries, room, n, count};
    const int rows = g->taps % 7 == 0 ? 7
        : g->taps % 5 == 0            ? 5
        : g->taps % 3 == 0            ? 3
        : g->taps % 4 == 0            ? 4
                                      : 1;
    const int all = (g->run + LANES - 1) / LANES, most = rows == 1 ? 8 : SPARSE_TILE / rows,
              tiles = (all + most - 1) / most;
    for (int r = 0; r < g->taps; r += rows, x += rows * g->x_row, y += rows * g->y_row)
        for (int t = 0; t < tiles; t++) {
            const int v = all * t / tiles, vecs = all * (t + 1) / tiles - v;
            float *to = y + v * LANES;
            const float *from = x + v * LANES;
            const bool tail =
                (int)HALF < LANES && rows == 7 && all == 2 && (g->run - 1) % LANES < HALF;
            switch (tail ? 0 : rows) {
                CASE(0, windows(7, 1, true, to, from, g, lists));
                CASE(1, any_windows(1, vecs, to, from, g, lists));
                CASE(3, any_windows(3, vecs, to, from, g, lists));
                CASE(4, any_windows(4, vecs, to, from, g, lists));
                CASE(5, any_windows(5, vecs, to, from, g, lists));
                CASE(7, any_windows(7, vecs, to, from, g, lists));
            default:
                assert(!"rows of a tile");
            }
        }
}
