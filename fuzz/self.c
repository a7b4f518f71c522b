/* The harness on itself: inputs that name a fault. Not of make fuzz. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "base/report.h"

struct bytes {
    const unsigned char *data;
    size_t len;
};
static void *volatile kept;

void target_init(void) {}

static bool is(const struct bytes *b, const char *word)
{
    return b->len == strlen(word) && memcmp(b->data, word, b->len) == 0;
}

static void misbehave(void *context)
{
    const struct bytes *b = context;
    unsigned char *p = xmalloc(b->len + 1);

    if (is(b, "leak") || is(b, "exit"))
        kept = xmalloc(10);
    if (is(b, "descriptor") || is(b, "exit"))
        open("/dev/null", O_RDONLY);
    if (is(b, "large"))
        free(kept = xmalloc(FUZZ_MOST + 4 * b->len + 1));
    for (int i = 0; i < 4 && is(b, "total"); i++)
        kept = xmalloc(FUZZ_MOST);
    if (is(b, "beyond"))
        p[b->len + 1 + (kept != NULL)] = 1;
    if (is(b, "exit"))
        die("all of it is freed");
    free(p);
}

void target(const unsigned char *data, size_t len)
{
    fuzz_survives(misbehave, &(struct bytes){data, len});
}
