#include "report/sample.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/report.h"
#include "base/rng.h"
#include "base/sizes.h"

/* keeps (n_classes): rows that each class keeps of its counts (n_classes), MOST < n in all. */
static void share_out(size_t *keeps, const size_t *counts, size_t n_classes, size_t n, size_t most)
{
    size_t *remainders = xcalloc(n_classes, sizeof *remainders), left = most, n_filled = 0;

    for (size_t c = 0; c < n_classes; c++)
        n_filled += counts[c] > 0;
    for (size_t c = 0; c < n_classes; c++) {
        keeps[c] = most * counts[c] / n;
        remainders[c] = most * counts[c] % n;
        if (keeps[c] == 0 && counts[c] > 0 && n_filled <= most) {
            keeps[c] = 1;
            remainders[c] = 0;
        }
        left -= smaller(keeps[c], left);
    }
    while (left > 0) {
        size_t best = n_classes;

        for (size_t c = 0; c < n_classes; c++)
            if (keeps[c] < counts[c] && (best == n_classes || remainders[c] > remainders[best]))
                best = c;
        keeps[best]++;
        remainders[best] = 0;
        left--;
    }
    free(remainders);
}

/* Where ones made the sum too large, the largest classes give way. */
static void trim(size_t *keeps, size_t n_classes, size_t most)
{
    size_t sum = 0;

    for (size_t c = 0; c < n_classes; c++)
        sum += keeps[c];
    for (; sum > most; sum--) {
        size_t largest = 0;

        for (size_t c = 1; c < n_classes; c++)
            if (keeps[c] > keeps[largest])
                largest = c;
        keeps[largest]--;
    }
}

/* Marks KEEPS of the COUNT rows of class c. */
static void mark(bool *is_kept, const size_t *class_of, size_t c, size_t n, size_t count,
                 size_t keeps, uint64_t seed)
{
    uint32_t *order = xcalloc(count, sizeof *order);
    size_t *rows = xcalloc(count, sizeof *rows), k = 0;
    struct rng rng;

    for (size_t i = 0; i < n; i++)
        if (!class_of || class_of[i] == c)
            rows[k++] = i;
    rng_init(&rng, seed, RNG_PICK, c);
    rng_permutation(&rng, order, (uint32_t)count);
    for (size_t i = 0; i < keeps; i++)
        is_kept[rows[order[i]]] = true;
    free(order);
    free(rows);
}

size_t sample_choose(size_t *chosen, const size_t *class_of, size_t n_classes, size_t n,
                     size_t most, uint64_t seed)
{
    bool *is_kept = xcalloc(n + 1, sizeof *is_kept);
    size_t *counts = xcalloc(n_classes, sizeof *counts), *keeps = xcalloc(n_classes, sizeof *keeps);
    size_t n_chosen = 0;

    for (size_t i = 0; i < n; i++)
        counts[class_of ? class_of[i] : 0]++;
    if (n > most) {
        share_out(keeps, counts, n_classes, n, most);
        trim(keeps, n_classes, most);
        for (size_t c = 0; c < n_classes; c++)
            if (keeps[c] > 0)
                mark(is_kept, class_of, c, n, counts[c], keeps[c], seed);
    }
    for (size_t i = 0; i < n; i++)
        if (n <= most || is_kept[i])
            chosen[n_chosen++] = i;
    free(counts);
    free(keeps);
    free(is_kept);
    return n_chosen;
}
