/* The basis of a pca, as a file. */
#include "analysis/basis.h"

#include <stdlib.h>

#include "fuzz.h"
#include "header.h"

void target_init(void) {}

static void read_basis(void *path)
{
    struct basis b;

    basis_read(&b, path);
    basis_release(&b);
}

void target(const unsigned char *data, size_t len)
{
    unsigned char *fitted = header_fitted(data, len);

    fuzz_survives(read_basis, (void *)(uintptr_t)fuzz_file(data, len));
    if (fitted)
        fuzz_survives(read_basis, (void *)(uintptr_t)fuzz_file(fitted, len));
    free(fitted);
}
