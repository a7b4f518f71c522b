#include "pictures/sorting.h"

#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"
#include "files/digest.h"

/* The bytes of the first folder; 0: there is none. */
static size_t first_folder(const char *file)
{
    const char *slash = strchr(file, '/');

    return slash ? (size_t)(slash - file) : 0;
}

/* Whether the first folders of all paths are named as splits are. *HAS_BOTH: there is something to
 * train on, and something to test on. */
static bool are_splits(const char *const *files, size_t n, bool *has_both)
{
    bool seen[INDEX_ALL] = {false, false};

    for (size_t i = 0; i < n; i++) {
        enum index_split split = labels_split(files[i], first_folder(files[i]));

        if (split == INDEX_ALL)
            return false;
        seen[split] = true;
    }
    *has_both = seen[INDEX_TRAIN] && seen[INDEX_TEST];
    return n > 0;
}

static struct sorted class_of(const char *file, size_t depth)
{
    struct sorted row = {.class_name = file};
    const char *slash = file;

    for (; depth > 0 && (slash = strchr(slash, '/')); depth--, slash++)
        row.class_len = (size_t)(slash - file);
    return row;
}

static double share_of(const char *file)
{
    return (double)(hash64_name(file, strlen(file)) >> 11) / (double)(1ull << 53);
}

/* Of the rows that the labels leave to chance. */
static void draw_lots(struct sorted *rows, const char *const *files, size_t n, double test)
{
    size_t n_test = 0, least = 0, most = 0;

    for (size_t i = 0; i < n; i++) {
        double share = share_of(files[i]);

        rows[i].split = share < test ? INDEX_TEST : INDEX_TRAIN;
        n_test += rows[i].split == INDEX_TEST;
        least = share < share_of(files[least]) ? i : least;
        most = share > share_of(files[most]) ? i : most;
    }
    if (n >= 2 && n_test == 0 && test > 0)
        rows[least].split = INDEX_TEST;
    if (n >= 2 && n_test == n && test < 1)
        rows[most].split = INDEX_TRAIN;
}

struct sorted *sorting_sort(const char *const *files, size_t n, const struct sorting_settings *s,
                            const struct labels *labels)
{
    struct sorted *rows = xcalloc(n + 1, sizeof *rows);
    bool has_both = false, by_folders = !labels && s->by_folders && are_splits(files, n, &has_both);

    if (!labels || !labels->has_split)
        draw_lots(rows, files, n, s->test);
    for (size_t i = 0; i < n; i++) {
        const struct label *label = labels ? labels_find(labels, files[i]) : NULL;
        size_t skip = by_folders ? first_folder(files[i]) + 1 : 0;
        enum index_split drawn = rows[i].split;

        if (label) {
            rows[i] = (struct sorted){drawn, label->class_name, strlen(label->class_name)};
            rows[i].split = labels->has_split ? label->split : drawn;
            continue;
        }
        rows[i] = class_of(files[i] + skip, s->depth);
        rows[i].split = by_folders && has_both ? labels_split(files[i], skip - 1) : drawn;
    }
    return rows;
}

static int compare(const void *a, const void *b)
{
    const struct sorted *x = *(const struct sorted *const *)a,
                        *y = *(const struct sorted *const *)b;
    size_t len = smaller(x->class_len, y->class_len);
    int order = memcmp(x->class_name, y->class_name, len);

    return order ? order : (x->class_len > y->class_len) - (x->class_len < y->class_len);
}

size_t sorting_classes(const struct sorted *rows, size_t n)
{
    const struct sorted **order = xcalloc(n + 1, sizeof *order);
    size_t n_classes = n > 0;

    for (size_t i = 0; i < n; i++)
        order[i] = &rows[i];
    qsort(order, n, sizeof *order, compare);
    for (size_t i = 1; i < n; i++)
        n_classes += compare(&order[i], &order[i - 1]) != 0;
    free(order);
    return n_classes;
}
