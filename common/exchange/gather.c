#include "exchange/gather.h"

#include <assert.h>
#include <stdlib.h>

#include "base/report.h"

void gather_init(struct gather *g, struct tensor_reader *t)
{
    *g = (struct gather){.t = t, .block = xmalloc(tensor_block(t) * t->row_bytes)};
}

const void *gather_row(struct gather *g, size_t row)
{
    assert(row >= g->start && row < g->t->n_rows);
    while (row >= g->start + g->n) {
        g->start = g->t->next_row;
        g->n = tensor_read(g->t, g->block, tensor_block(g->t));
    }
    return (char *)g->block + (row - g->start) * g->t->row_bytes;
}

void gather_release(struct gather *g)
{
    while (tensor_read(g->t, g->block, tensor_block(g->t)) > 0)
        continue;
    free(g->block);
}
