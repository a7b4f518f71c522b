/* safetensors: header <-> table of tensors. Pure: bytes in, struct out; every offset checked.
 *
 *     0  length of the header, 8 bytes little-endian
 *     8  JSON: {"name":{"dtype":"F32","shape":[3,3,3,16],"data_offsets":[begin,end]},...,
 *               "__metadata__":{"key":"text"}}, padded with spaces to a multiple of 8
 *     data; offsets count from here, cover it without holes or overlap
 *
 * Only F32 is read. Source: https://github.com/huggingface/safetensors (format section of the
 * README)
 */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

enum { SAFETENSORS_MAX_RANK = 8 };

struct safetensors_entry {
    char *name;
    int rank;
    size_t shape[SAFETENSORS_MAX_RANK];
    size_t offset, count; /* in floats, from the start of the data */
};
struct safetensors_pair {
    char *key, *value;
};

struct safetensors {
    struct safetensors_entry *entries; /* ordered by offset */
    size_t n_entries;
    struct safetensors_pair
        *metadata; /* in the order of the file when read, as given when written */
    size_t n_metadata;
    size_t data_start; /* bytes from the start of the file */
    size_t n_floats;   /* all data */
};

/* Parses a whole file in memory. NULL, or the reason (constant). On failure nothing needs
 * releasing. */
const char *safetensors_parse(struct safetensors *s, const unsigned char *data, size_t len);
/* The 8 bytes of length and the header for these entries and metadata; *len is its length; the
 * caller frees it. Entries must lie one behind another in order of offset. */
unsigned char *safetensors_format(const struct safetensors *s, size_t *len);
const struct safetensors_entry *safetensors_find(const struct safetensors *s,
                                                 const char *name);             /* or NULL */
const char *safetensors_metadata(const struct safetensors *s, const char *key); /* or NULL */
void safetensors_release(struct safetensors *s);

#endif
