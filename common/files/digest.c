#include "files/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/endian.h"
#include "base/report.h"

/* --- XXH128 --- */

static struct digest from(XXH128_hash_t hash)
{
    return (struct digest){hash.high64, hash.low64};
}

struct digest digest_data(const void *data, size_t len)
{
    return from(XXH3_128bits(data, len));
}

bool digest_equal(struct digest a, struct digest b)
{
    return a.high == b.high && a.low == b.low;
}

void digest_format(char text[DIGEST_SIZE], struct digest d)
{
    snprintf(text, DIGEST_SIZE, "xxh128:%016llx%016llx", (unsigned long long)d.high,
             (unsigned long long)d.low);
}

bool digest_parse(struct digest *d, const char *text)
{
    unsigned long long high, low;
    int end = 0;

    if (sscanf(text, "xxh128:%16llx%16llx%n", &high, &low, &end) != 2 || text[end])
        return false;
    *d = (struct digest){high, low};
    return true;
}

void digest_bytes(unsigned char bytes[DIGEST_BYTES], struct digest d)
{
    put_be64(put_be64(bytes, d.high), d.low);
}

struct digest_state {
    XXH3_state_t *xxh3;
};

struct digest_state *digest_new(void)
{
    struct digest_state *s = xmalloc(sizeof *s);

    s->xxh3 = XXH3_createState();
    if (!s->xxh3)
        die("out of memory: a digest wanted");
    digest_reset(s);
    return s;
}

void digest_add(struct digest_state *s, const void *data, size_t len)
{
    XXH3_128bits_update(s->xxh3, data, len);
}

struct digest digest_value(const struct digest_state *s)
{
    return from(XXH3_128bits_digest(s->xxh3));
}

void digest_reset(struct digest_state *s)
{
    XXH3_128bits_reset(s->xxh3);
}

void digest_free(struct digest_state *s)
{
    if (s)
        XXH3_freeState(s->xxh3);
    free(s);
}

/* --- 64 bits --- */

uint64_t hash64_data(const void *data, size_t len)
{
    return XXH64(data, len, 0);
}

uint64_t hash64_name(const char *name, size_t len)
{
    return XXH3_64bits(name, len);
}

struct hash64 {
    XXH64_state_t *xxh64;
};

struct hash64 *hash64_new(void)
{
    struct hash64 *h = xmalloc(sizeof *h);

    h->xxh64 = XXH64_createState();
    if (!h->xxh64)
        die("out of memory: a hash wanted");
    hash64_reset(h);
    return h;
}

void hash64_add(struct hash64 *h, const void *data, size_t len)
{
    XXH64_update(h->xxh64, data, len);
}

uint64_t hash64_value(const struct hash64 *h)
{
    return XXH64_digest(h->xxh64);
}

void hash64_reset(struct hash64 *h)
{
    XXH64_reset(h->xxh64, 0);
}

void hash64_free(struct hash64 *h)
{
    if (h)
        XXH64_freeState(h->xxh64);
    free(h);
}
