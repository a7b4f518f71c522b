/* A HEIF or AVIF file as import-images reads it. */
#include "picture.h"

void target_init(void)
{
    fuzz_other_threads = true; /* dav1d's */
}

void target(const unsigned char *data, size_t len)
{
    fuzz_picture(data, len, "HEIF");
}
