/* A PNG file as import-images, history and tensor verify read it; as it comes, and with checksums
 * that fit. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "files/history.h"
#include "pictures/image.h"
#include "analysis/inspect.h"
#include "base/report.h"

static uint32_t table[256];

/* CRC-32 as PNG has it. */
void target_init(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320 : 0);
    }
}

static void import(void *path)
{
    const struct image_settings settings = {{255, 128, 0}, true};
    char error[IMAGE_ERROR], digest[ZIO_DIGEST_SIZE];
    XXH128_hash_t file, again;
    struct image im;

    if (!image_read(&im, path, &settings, &file, error))
        image_digest(&im, digest);
    image_release(&im);
    fuzz_check(!image_file_digest(path, &again, error) && XXH128_isEqual(file, again),
               "one digest, decoded or not");
    free(history_read(path));
}

static void verify(void *path)
{
    inspect_verify(path);
}

static void seal(unsigned char *data, size_t len)
{
    for (size_t at = 8, size; at + 12 <= len; at += 12 + size) {
        uint32_t crc = UINT32_MAX;

        size = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8
            | data[at + 3];
        if (size > len - at - 12)
            return;
        for (size_t i = 0; i < size + 4; i++)
            crc = crc >> 8 ^ table[(crc ^ data[at + 4 + i]) & 255];
        for (int i = 0; i < 4; i++)
            data[at + 8 + size + i] = (unsigned char)(~crc >> (24 - 8 * i));
    }
}

static void read_as_file(const unsigned char *data, size_t len)
{
    void *path = (void *)(uintptr_t)fuzz_file(data, len);

    fuzz_survives(import, path);
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
