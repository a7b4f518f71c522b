#include "analysis/labelled.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/report.h"

/* FNV-1a */
static size_t fold_of(const char *path)
{
    uint64_t hash = 14695981039346656037u;

    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 1099511628211u;
    return (size_t)((hash ^ hash >> 32) % LABELLED_FOLDS);
}

/* The classes of IX that rows of S have: numbers from 0. */
static void find_classes(struct labelled *l, const struct selection *s)
{
    const struct index *ix = s->ix;
    size_t *number = xcalloc(ix->n_classes, sizeof *number);
    bool *has = xcalloc(ix->n_classes, sizeof *has);

    for (size_t i = 0; i < l->n; i++)
        has[ix->rows[s->positions[i]].class_number] = true;
    for (size_t c = 0; c < ix->n_classes; c++)
        if (has[c]) {
            l->classes[l->n_classes] = ix->classes[c];
            number[c] = l->n_classes++;
        }
    for (size_t i = 0; i < l->n; i++) {
        const struct index_row *row = &ix->rows[s->positions[i]];

        l->class_of[i] = number[row->class_number];
        l->class_n[l->class_of[i]]++;
        l->fold[i] = fold_of(row->path);
        if (row->split == INDEX_TEST)
            l->test[l->n_test++] = (uint32_t)i;
    }
    free(number);
    free(has);
}

struct labelled labelled_from(const struct selection *s)
{
    struct labelled l = {.n = s->n};
    size_t most = s->ix ? s->ix->n_classes : 1;

    l.class_of = xcalloc(l.n, sizeof *l.class_of);
    l.fold = xcalloc(l.n, sizeof *l.fold);
    l.all = xmalloc(l.n * sizeof *l.all);
    l.test = xmalloc(l.n * sizeof *l.test);
    l.classes = xcalloc(most, sizeof *l.classes);
    l.class_n = xcalloc(most, sizeof *l.class_n);
    for (size_t i = 0; i < l.n; i++)
        l.all[i] = (uint32_t)i;
    if (s->ix) {
        find_classes(&l, s);
    } else {
        l.classes[l.n_classes++] = "";
        l.class_n[0] = l.n;
    }
    l.n_train = l.n - l.n_test;
    return l;
}
