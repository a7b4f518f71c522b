/* A table of labels, found line by line. */
#include <string.h>

#include "fuzz.h"
#include "pictures/labels.h"

void target_init(void) {}

static void read_labels(void *path)
{
    struct labels *l = labels_read(path);

    for (size_t i = 0; i < l->n; i++)
        fuzz_check(labels_find(l, l->labels[i].path) == &l->labels[i], "each label found");
    labels_free(l);
}

void target(const unsigned char *data, size_t len)
{
    fuzz_survives(read_labels, (void *)(uintptr_t)fuzz_file(data, len));
}
