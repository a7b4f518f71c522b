/* The NPY header alone, and a tensor of a file and of a pipe. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "files/tensor.h"

void target_init(void) {}

static void read_tensor(void *path)
{
    struct tensor_reader *t = tensor_open(path);
    size_t block = tensor_block(t), n;
    size_t start = t->row_bytes < 64 ? t->row_bytes : 64;
    unsigned char *rows = xmalloc(block * t->row_bytes), first[64];

    while ((n = tensor_read(t, rows, block)) > 0)
        if (t->next_row == n)
            memcpy(first, rows, start);
    if (tensor_is_seekable(t) && t->n_rows > 0) {
        tensor_read_at(t, rows, 0, 1);
        fuzz_check(memcmp(first, rows, start) == 0, "a row at random is the row in order");
    }
    free(rows);
    tensor_close(t);
}

void target(const unsigned char *data, size_t len)
{
    struct npy_header h, again;
    struct npy_stored stored;
    unsigned char text[512];

    if (!npy_parse(&h, &stored, data, len)) {
        size_t n = npy_format(&h, text, sizeof text);

        fuzz_check(n <= sizeof text && !npy_parse(&again, &stored, text, n)
                       && h.dtype == again.dtype && npy_is(&stored, again.dtype)
                       && h.rank == again.rank && memcmp(h.shape, again.shape, sizeof h.shape) == 0,
                   "what was formatted reads back");
    }
    fuzz_survives(read_tensor, (void *)(uintptr_t)fuzz_file(data, len));
    if (fuzz_pipe(data, len))
        fuzz_survives(read_tensor, (void *)(uintptr_t) "-");
}
