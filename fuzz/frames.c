/* Seek table, record and frames, of a file and of a pipe; as they come, and with checksums that
 * fit, so that more than the checks is reached. */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "files/frames.h"
#include "fuzz.h"
#include "files/zio.h"

enum { BLOCK = 1 << 20, HEAD = 8, ENTRY = 12, FOOTER = 9 };

void target_init(void) {}

static void read_all(void *path)
{
    struct zio_reader *r = zio_open(path);
    unsigned char *block = xmalloc(BLOCK), head[16];
    char digest[DIGEST_SIZE], again[DIGEST_SIZE] = "";
    uint64_t total = 0;
    size_t n;

    zio_peek(r, head, sizeof head);
    if (zio_is_seekable(r) && zio_length(r) > 0)
        zio_read_at(r, head, 1, zio_length(r) - 1);
    if (zio_is_seekable(r))
        zio_reader_digest(r, again);
    while ((n = zio_read(r, block, BLOCK)) > 0)
        total += n;
    zio_reader_digest(r, digest);
    fuzz_check(!zio_is_seekable(r) || strcmp(digest, again) == 0,
               "one digest in order and at random");
    fuzz_check(!zio_is_seekable(r) || zio_length(r) == total, "the length said is the length read");
    fuzz_check(!zio_history(r) || strlen(zio_history(r)) > 0, "a history is no empty text");
    free(block);
    zio_close(r);
}

/* The hashes and the check of what stands in DATA, as far as its lengths make sense. */
static void seal(unsigned char *data, size_t len)
{
    size_t n, record, table, at = 0;
    unsigned char *tail, *joined;

    if (len < FOOTER + HEAD + ENTRY)
        return;
    n = get_le32(data + len - FOOTER);
    if (n == 0 || n > (len - FOOTER - HEAD) / ENTRY)
        return;
    n--;
    table = HEAD + ENTRY * (n + 1) + FOOTER;
    record = get_le32(data + len - FOOTER - ENTRY);
    if (record > len - table || record < HEAD + 16 + 8 * n)
        return;
    tail = data + len - table - record;
    for (size_t i = 0; i < n; i++) {
        unsigned char *entry = tail + record + HEAD + ENTRY * i;
        size_t stored = get_le32(entry);

        if (stored < 4 || stored > (size_t)(tail - data) - at)
            break;
        put_le64(tail + 16 + 8 * i, hash64_data(data + at, stored));
        memcpy(entry + 8, data + at + stored - 4, 4);
        at += stored;
    }
    joined = xmalloc(record + table);
    memcpy(joined, tail + HEAD, record - HEAD - 8);
    memcpy(joined + record - HEAD - 8, tail + record, table);
    put_le64(tail + record - 8, hash64_data(joined, record - HEAD - 8 + table));
    free(joined);
}

static void read_both(const unsigned char *data, size_t len)
{
    fuzz_survives(read_all, (void *)(uintptr_t)fuzz_file(data, len));
    if (fuzz_pipe(data, len))
        fuzz_survives(read_all, (void *)(uintptr_t) "-");
}

void target(const unsigned char *data, size_t len)
{
    unsigned char *copy = xmalloc(len + 1);

    memcpy(copy, data, len);
    seal(copy, len);
    if (memcmp(copy, data, len) != 0)
        read_both(copy, len);
    read_both(data, len);
    free(copy);
}
