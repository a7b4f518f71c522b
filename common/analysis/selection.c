#include "analysis/selection.h"

#include <stdlib.h>

#include "base/report.h"

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

struct selection selection_read(const struct selection_options *o, const struct tensor_reader *t)
{
    struct selection s = {.n = t->n_rows};
    const char *classes = given(o->classes);

    if (!given(o->index)) {
        if (classes || o->split != INDEX_ALL)
            die_usage("--%s needs --index", classes ? "classes" : "split");
        return s;
    }
    s.ix = index_read(o->index, t->n_rows);
    s.positions = index_select(s.ix, (enum index_split)o->split, classes, &s.n);
    s.rows = xcalloc(s.n, sizeof *s.rows);
    for (size_t i = 0; i < s.n; i++)
        s.rows[i] = s.ix->rows[s.positions[i]].row;
    return s;
}

void selection_add_to_history(const struct selection *s, struct tensor_reader *t, struct history *h)
{
    tensor_add_to_history(t, h);
    if (s->ix)
        history_input(h, s->ix->digest, NULL);
}

bool selection_is_current(const struct selection *s, struct tensor_reader *t, struct history *h,
                          const char *path)
{
    if (!tensor_is_seekable(t))
        return false;
    selection_add_to_history(s, t, h);
    return history_is_current(h, path);
}

void selection_finish(const struct selection *s, struct tensor_reader *t, struct history *h)
{
    if (!tensor_is_seekable(t))
        selection_add_to_history(s, t, h);
}

void selection_release(struct selection *s)
{
    if (s->ix)
        index_free(s->ix);
    free(s->positions);
    free(s->rows);
}
