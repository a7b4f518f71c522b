/* An index, read and written again. */
#include "files/index.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "base/report.h"

void target_init(void) {}

static void read_index(void *path)
{
    struct index *ix = index_read(path, 1000);
    size_t n;

    for (size_t i = 0; i < ix->n; i++)
        free(index_format(ix->rows[i].row, ix->rows[i].split, ix->classes[ix->rows[i].class_number],
                          ix->rows[i].path));
    if (ix->n > 0)
        free(index_select(ix, INDEX_ALL, NULL, &n));
    index_free(ix);
}

/* Each path serves as a list of classes. */
static void choose(void *path)
{
    struct index *ix = index_read(path, 1000);
    size_t n;

    for (size_t i = 0; i < ix->n; i++)
        free(index_select(ix, INDEX_ALL, ix->rows[i].path, &n));
    index_free(ix);
}

void target(const unsigned char *data, size_t len)
{
    void *path = (void *)(uintptr_t)fuzz_file(data, len);

    fuzz_survives(read_index, path);
    fuzz_survives(choose, path);
}
