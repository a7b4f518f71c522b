/* A .conf file for a program with an option of every type. What it sets lives as long as the
 * program, so it always exits. */
#include "cli/start.h"
#include "fuzz.h"

static int64_t epochs, size;
static double rate, seconds;
static bool shuffle, flag;
static int loss;
static const char *classes;
static uint8_t background[3];
static const struct cli_option options[] = {
    {"epochs", CLI_INT, &epochs, 0, 1000, NULL, CLI_SETTING, "times"},
    {"size", CLI_SIZE, &size, 0, 1 << 30, NULL, CLI_SETTING, "bytes"},
    {"rate", CLI_REAL, &rate, 0, 1, NULL, CLI_SETTING, "rate"},
    {"checkpoint", CLI_TIME, &seconds, 0, 1e9, NULL, CLI_SETTING, "seconds"},
    {"shuffle", CLI_BOOL, &shuffle, 0, 0, NULL, CLI_SETTING, "or not"},
    {"tsv", CLI_FLAG, &flag, 0, 0, NULL, CLI_SETTING, "or not"},
    {"loss", CLI_CHOICE, &loss, 0, 0, "mean|cross", CLI_SETTING, "which"},
    {"classes", CLI_TEXT, &classes, 0, 0, "LIST", CLI_SETTING, "which"},
    {"background", CLI_COLOUR, background, 0, 0, NULL, CLI_SETTING, "colour"},
    {0},
};

void target_init(void) {}

static void parse(void *path)
{
    char *argv[] = {"fuzz", "-c", path, "--print-config", NULL};
    struct cli cli = {.tool = "fuzz",
                      .synopsis = "",
                      .summary = "",
                      .options = options,
                      .uses_seed = true,
                      .max_arguments = -1};

    epochs = size = loss = 0;
    rate = seconds = 0;
    shuffle = flag = false;
    classes = NULL;
    cli_parse(&cli, 4, argv);
}

void target(const unsigned char *data, size_t len)
{
    fuzz_check(!fuzz_survives(parse, (void *)(uintptr_t)fuzz_file(data, len)), "it exits");
}
