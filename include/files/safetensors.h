/* safetensors: header <-> table of tensors. Pure: bytes in, struct out; every offset checked.
 *
 *     0  length of the header, 8 bytes little-endian
 *     8  JSON: {"name":{"dtype":"F32","shape":[3,3,3,16],"data_offsets":[begin,end]},...,
 *               "__metadata__":{"key":"text"}}, padded with spaces to a multiple of 8
 *     data; offsets count from here, cover it without holes or overlap
 *
 * F32 is written. F16, BF16 and F64 are read too, as float32, F64 rounded. Source:
 * https://github.com/huggingface/safetensors (format section of the README)
 */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/report.h"
#include "files/npy.h"

enum { SAFETENSORS_MAX_RANK = 8 };

struct safetensors_entry {
    char *name;
    int rank;
    size_t shape[SAFETENSORS_MAX_RANK];
    size_t offset, count;     /* in numbers, from the start of the data */
    struct npy_stored stored; /* when read: how its numbers stand, */
    size_t begin;             /* and where, in bytes from the start of the file */
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
    char error[REASON_SIZE];
};

/* Parses a whole file in memory. NULL, or the reason, which may stand in S. On failure nothing
 * needs releasing. */
const char *safetensors_parse(struct safetensors *s, const unsigned char *data, size_t len);
/* to[0..count-1], the numbers of entry E of the parsed FILE. */
void safetensors_numbers(float *to, const struct safetensors_entry *e, const unsigned char *file);
/* The 8 bytes of length and the header for these entries and metadata; *len is its length; the
 * caller frees it. Entries must lie one behind another in order of offset. */
unsigned char *safetensors_format(const struct safetensors *s, size_t *len);
const struct safetensors_entry *safetensors_find(const struct safetensors *s,
                                                 const char *name);             /* or NULL */
const char *safetensors_metadata(const struct safetensors *s, const char *key); /* or NULL */
void safetensors_release(struct safetensors *s);

#endif
