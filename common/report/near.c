#include "report/near.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "analysis/lists.h"
#include "base/endian.h"
#include "base/profile.h"
#include "base/report.h"
#include "base/sizes.h"

enum { STEPS = 65535 };

struct pair {
    size_t i, j;
    double distance;
};

static void put_u32(unsigned char *to, uint32_t value)
{
    put_le16(put_le16(to, value & 65535), value >> 16);
}

static void write_block(struct page *p, const char *name, const char *suffix,
                        const unsigned char *data, size_t len)
{
    char *full = xformat("%s%s", name, suffix);

    page_add_block(p, full, data, len);
    free(full);
}

static int compare(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->i != y->i ? (x->i < y->i ? -1 : 1) : (x->j > y->j) - (x->j < y->j);
}

/* A pair is met from either side or from one; it is taken once. */
static bool is_second_sight(const size_t *neighbours, size_t k, size_t i, size_t j)
{
    if (i < j)
        return false;
    for (size_t c = 0; c < k; c++)
        if (neighbours[j * k + c] == i)
            return true;
    return false;
}

static json_t *list_pairs(const size_t *neighbours, const double *distances, size_t n, size_t k,
                          double within, size_t most)
{
    struct pair *pairs = NULL;
    size_t n_pairs = 0, capacity = 0;
    json_t *list = json_checked(json_array());

    for (size_t i = 0; i < n * k; i++) {
        size_t a = i / k, b = neighbours[i];

        if (distances[i] > within || is_second_sight(neighbours, k, a, b))
            continue;
        if (n_pairs == capacity)
            pairs = xrealloc(pairs, capacity = capacity ? 2 * capacity : 64, sizeof *pairs);
        pairs[n_pairs++] = (struct pair){smaller(a, b), larger(a, b), distances[i]};
    }
    if (n_pairs > 0)
        qsort(pairs, n_pairs, sizeof *pairs, compare);
    for (size_t i = 0; i < n_pairs && i < most; i++)
        json_array_append_new(list,
                              json_checked(json_pack("[I,I,f]", (json_int_t)pairs[i].i,
                                                     (json_int_t)pairs[i].j, pairs[i].distance)));
    free(pairs);
    return list;
}

json_t *near_write(struct page *p, const char *name, struct rows *r, double within, size_t most,
                   json_t **duplicates, struct tensor_reader *lists)
{
    size_t n = rows_n(r), k = n < 2 ? 0 : n - 1 < NEAR_MOST ? n - 1 : NEAR_MOST;
    size_t *neighbours = xcalloc(n, (k + 1) * sizeof *neighbours);
    double *distances = xcalloc(n, (k + 1) * sizeof *distances), largest = 0;
    unsigned char *data = xcalloc(n * k + 1, 4);
    enum profile_part before;

    before = profile_enter(PROFILE_ARITHMETIC);
    if (k > 0)
        lists_find(neighbours, distances, r, k, lists);
    profile_leave(before);
    for (size_t i = 0; i < n * k; i++) {
        put_u32(data + 4 * i, (uint32_t)neighbours[i]);
        largest = fmax(largest, distances[i]);
    }
    write_block(p, name, "", data, 4 * n * k);
    for (size_t i = 0; i < n * k; i++)
        put_le16(data + 2 * i, (uint32_t)lrint(largest > 0 ? distances[i] / largest * STEPS : 0));
    write_block(p, name, "-distances", data, 2 * n * k);
    if (duplicates)
        *duplicates = list_pairs(neighbours, distances, n, k, within, most);
    free(neighbours);
    free(distances);
    free(data);
    return json_checked(json_pack("{s:I,s:f}", "k", (json_int_t)k, "step", largest / STEPS));
}
