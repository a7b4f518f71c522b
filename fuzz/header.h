/* header: a safetensors file whose length of the header fits the header again after text was put in
 * or taken out. */
#ifndef HEADER_H
#define HEADER_H

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

/* A copy with the length set to where the last brace stands; NULL where there is none. The caller
 * frees it. */
static inline unsigned char *header_fitted(const unsigned char *data, size_t len)
{
    const unsigned char *brace = len > 8 ? memrchr(data + 8, '}', len - 8) : NULL;
    unsigned char *copy = brace ? malloc(len) : NULL;
    size_t n = brace ? (size_t)(brace - data) - 7 : 0;

    if (!copy)
        return NULL;
    memcpy(copy, data, len);
    put_le64(copy, n);
    return copy;
}

#endif
