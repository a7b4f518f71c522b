/* The text of a history: asked, printed, taken over into another and compared with it; and sought
 * in a file. */
#include "files/history.h"
#include "files/keep.h"
#include "files/record.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "base/report.h"
#include "files/zio.h"

struct bytes {
    const unsigned char *data;
    size_t len;
};
static int64_t epochs = 3;
static const struct cli_option options[] = {
    {"epochs", CLI_INT, &epochs, 0, 100, NULL, CLI_SETTING, "times"},
    {0},
};
static struct cli cli = {.tool = "train-stage", .synopsis = "", .summary = "", .options = options};

void target_init(void) {}

static void ask(void *context)
{
    const struct bytes *b = context;
    char *text = xcalloc(b->len + 1, 1), digest[DIGEST_SIZE], *whole, *difference;
    struct history *h = history_start(&cli, 1);

    memcpy(text, b->data, b->len);
    record_digest(text, digest, sizeof digest);
    record_find(text, "finetune", digest, sizeof digest);
    record_print(text);
    difference = history_difference(h, text, "epochs");
    history_input(h, "xxh128:0", text);
    whole = history_text(h, "xxh128:1");
    fuzz_check(record_digest(whole, digest, sizeof digest) && strcmp(digest, "xxh128:1") == 0,
               "what was written reads back");
    free(difference);
    free(whole);
    free(text);
    history_free(h);
}

static void seek(void *path)
{
    struct history *h = history_start(&cli, 1);

    free(keep_read(path));
    history_is_current(h, path);
    history_free(h);
}

void target(const unsigned char *data, size_t len)
{
    fuzz_survives(ask, &(struct bytes){data, len});
    fuzz_survives(seek, (void *)(uintptr_t)fuzz_file(data, len));
}
