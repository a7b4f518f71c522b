/* A GIF file as import-images reads it. */
#include "picture.h"

void target_init(void) {}

void target(const unsigned char *data, size_t len)
{
    fuzz_picture(data, len, "GIF");
}
