/* A model, with or without a checkpoint, or a basis: read, inspected and verified as a file. */
#include "net/model.h"

#include <stdlib.h>

#include "fuzz.h"
#include "header.h"
#include "analysis/inspect.h"

void target_init(void) {}

static void read_model(void *path)
{
    model_free(model_read(path));
}

static void look(void *path)
{
    inspect_info(path);
}

static void verify(void *path)
{
    inspect_verify(path);
}

static void read_as_file(const unsigned char *data, size_t len)
{
    char *path = (char *)(uintptr_t)fuzz_file(data, len);

    fuzz_survives(read_model, path);
    fuzz_survives(look, path);
    fuzz_survives(verify, path);
}

void target(const unsigned char *data, size_t len)
{
    unsigned char *fitted = header_fitted(data, len);

    read_as_file(data, len);
    if (fitted)
        read_as_file(fitted, len);
    free(fitted);
}
