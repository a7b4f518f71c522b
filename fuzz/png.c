/* A PNG file as import-images, history and tensor verify read it; as it comes, and with checksums
 * that fit. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "picture.h"
#include "base/endian.h"
#include "files/chunks.h"
#include "files/keep.h"
#include "analysis/inspect.h"
#include "base/report.h"

void target_init(void) {}

static void read_history(void *path)
{
    free(keep_read(path));
}

static void verify(void *path)
{
    inspect_verify(path);
}

static void seal(unsigned char *data, size_t len)
{
    struct chunk c = {0};

    while (chunk_follows(&c, len) && chunk_next(&c, data + chunk_after(&c), len))
        put_be32(data + c.at + CHUNK_HEAD + c.len, chunk_crc(&c, data + c.at + CHUNK_HEAD));
}

static void read_as_file(const unsigned char *data, size_t len)
{
    void *path = (void *)(uintptr_t)fuzz_file(data, len);

    fuzz_picture(data, len, "PNG");
    fuzz_survives(read_history, path);
    fuzz_survives(verify, path);
}

void target(const unsigned char *data, size_t len)
{
    unsigned char *copy = xmalloc(len + 1);

    read_as_file(data, len);
    memcpy(copy, data, len);
    seal(copy, len);
    if (memcmp(copy, data, len) != 0)
        read_as_file(copy, len);
    free(copy);
}
