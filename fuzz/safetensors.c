/* The header of a model, of a basis, or of somebody else. */
#include "files/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "header.h"

void target_init(void) {}

struct bytes {
    const unsigned char *data;
    size_t len;
};

static void parse(void *context)
{
    const struct bytes *b = context;
    struct safetensors s, again;
    size_t len;
    unsigned char *header, *whole;

    if (safetensors_parse(&s, b->data, b->len))
        return;
    header = safetensors_format(&s, &len);
    whole = calloc(1, len + s.n_floats * sizeof(float));
    memcpy(whole, header, len);
    fuzz_check(!safetensors_parse(&again, whole, len + s.n_floats * sizeof(float)),
               "what was formatted reads back");
    fuzz_check(again.n_entries == s.n_entries && again.n_metadata == s.n_metadata
                   && again.n_floats == s.n_floats,
               "what was formatted reads back the same");
    safetensors_release(&again);
    safetensors_release(&s);
    free(header);
    free(whole);
}

void target(const unsigned char *data, size_t len)
{
    unsigned char *fitted = header_fitted(data, len);

    fuzz_survives(parse, &(struct bytes){data, len});
    if (fitted)
        fuzz_survives(parse, &(struct bytes){fitted, len});
    free(fitted);
}
