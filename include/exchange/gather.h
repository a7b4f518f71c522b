/* gather: some rows of a tensor, one after the other, from a file or a pipe, through a block. */
#ifndef GATHER_H
#define GATHER_H

#include "files/tensor.h"

struct gather {
    struct tensor_reader *t;
    void *block;
    size_t start, n; /* of the rows in the block */
};

void gather_init(struct gather *g, struct tensor_reader *t);
/* Row number ROW, until the next call; ROW ascends from call to call. */
const void *gather_row(struct gather *g, size_t row);
/* Reads what is left, so that the end of the file is checked and a pipe tells its history. */
void gather_release(struct gather *g);

#endif
