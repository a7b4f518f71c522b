/* npy: the header of NumPy's .npy format, version 1.0, 2.0 and 3.0 read, 1.0 written. Pure: bytes
 * in, struct out.
 *
 *     0  "\x93NUMPY"   6 bytes
 *     6  major, minor  1 byte each
 *     8  header length 2 bytes little-endian (4 in versions 2 and 3)
 *        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }" spaces '\n',
 *        padded so that the data start at a multiple of 64
 *
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
#ifndef NPY_H
#define NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum npy_dtype { NPY_U8, NPY_F32, NPY_F64, NPY_I64 }; /* '|u1', '<f4', '<f8', '<i8' */
enum { NPY_MAX_RANK = 8, NPY_PREFIX = 10, NPY_MAX_HEADER = 65536 + 12, NPY_FIXED = 128 };

/* How numbers stand in a file: bool, signed, unsigned, float or bfloat16; 1 to 8 bytes each;
 * swapped: the most significant byte first. */
struct npy_stored {
    char kind; /* one of "biufB" */
    unsigned char size;
    bool swapped;
};

struct npy_header {
    enum npy_dtype dtype;
    int rank; /* 0..NPY_MAX_RANK */
    size_t shape[NPY_MAX_RANK];
};

size_t npy_item_size(enum npy_dtype dtype);       /* bytes */
const char *npy_dtype_name(enum npy_dtype dtype); /* "uint8", "float32", "float64", "int64" */
/* Product of the dimensions from FIRST on; SIZE_MAX on overflow. */
size_t npy_count(const struct npy_header *h, int first);
/* "(5,80,80,3)"; "(N,80,80,3)" with the first dimension hidden is for the caller to write. */
void npy_format_shape(const struct npy_header *h, char *text, size_t size);

/* How many bytes the header takes, from the first 12 of them; 0 where they are not an NPY header.
 */
size_t npy_header_length(const unsigned char *data);
/* Parses a header of LEN bytes into H, and how its numbers stand into STORED. What is none of the
 * four types is read as that which holds each of its values: float16 as float32, integers and bool
 * as int64; of those of uint64 that it does not hold npy_convert tells. NULL, or the reason,
 * constant, such as "shape overflows". */
const char *npy_parse(struct npy_header *h, struct npy_stored *stored, const unsigned char *data,
                      size_t len);
/* Writes the header, always NPY_FIXED (128) bytes where the shape fits in them, otherwise a
 * multiple of 64. Returns its length. */
size_t npy_format(const struct npy_header *h, unsigned char *data, size_t size);

/* Whether numbers that stand so are those of DTYPE, byte for byte. */
bool npy_is(const struct npy_stored *s, enum npy_dtype dtype);
/* to[0..n-1], of DTYPE, from N numbers that stand so at FROM, at any address; it must not overlap
 * TO. DTYPE: that of npy_parse, or NPY_F32, rounded. Returns N, or the position of the first that
 * int64 does not hold. */
size_t npy_convert(void *to, enum npy_dtype dtype, const void *from, const struct npy_stored *s,
                   size_t n);

#endif
