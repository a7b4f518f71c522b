/* draw-samples -o DIR: the embedded default data, drawings of a few characters as DIR/NAME/000.png,
 * 001.png, ... */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "samples/character.h"
#include "cli/start.h"
#include "files/history.h"
#include "files/keep.h"
#include "files/record.h"
#include "pictures/image.h"
#include "base/profile.h"
#include "base/report.h"

enum { REVISION = 1 };

static char *drawing_path(const char *folder, int who, int64_t number)
{
    return xformat("%s/%s/%03lld.png", folder, character_name(who), (long long)number);
}

/* Creates the folders that lead to the file at PATH. */
static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) < 0 && errno != EEXIST)
            die_file(path, "cannot create: %s", strerror(errno));
        *slash = '/';
    }
}

static void draw(const struct history *h, const char *folder, int who, int64_t seed, int64_t number)
{
    uint8_t pixels[CHARACTER_SIDE * CHARACTER_SIDE * 3];
    struct image im = {.height = CHARACTER_SIDE, .width = CHARACTER_SIDE, .pixels = pixels};
    char digest[DIGEST_SIZE], *text, *path = drawing_path(folder, who, number);
    enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
    character_draw(pixels, who, (uint64_t)seed, (uint64_t)number);
    image_digest(&im, digest);
#pragma omp critical
    text = history_text(h, digest);
    profile_enter(PROFILE_WRITING);
    image_write(path, &im, (const char *const[]){"kasane-history", text, NULL});
    profile_leave(before);
    free(text);
    free(path);
}

/* Removes what an earlier run drew beyond COUNT, and nothing else. */
static void remove_surplus(const char *folder, int who, int64_t count)
{
    for (bool ours = true; ours; count++) {
        char *path = drawing_path(folder, who, count), *text = keep_read(path), digest[DIGEST_SIZE];
        ours = text && record_find(text, "draw-samples", digest, sizeof digest);
        if (ours && unlink(path) < 0)
            die_file(path, "cannot remove: %s", strerror(errno));
        free(text);
        free(path);
    }
}

/* The first drawing that is not there, or not of this run; NULL: all are. */
static char *other_drawing(const struct history *h, const char *folder, int64_t count)
{
    for (int64_t i = 0; i < CHARACTERS * count; i++) {
        char *path = drawing_path(folder, (int)(i % CHARACTERS), i / CHARACTERS),
             *text = keep_read(path);
        char *difference = text ? history_difference(h, text, "") : NULL;
        if (!text || difference) {
            free(text);
            free(difference);
            return path;
        }
        free(text);
        free(path);
    }
    return NULL;
}

/* Which drawing --why asks about: number 0 of the first, which is drawn last; where that has these
 * settings, one that has not, or was lost. */
static char *asked_drawing(const struct cli *cli, const char *folder, int64_t count)
{
    struct cli run = *cli;
    char *first = drawing_path(folder, 0, 0), *text = keep_read(first), *difference, *other = NULL;
    struct history *h;
    run.why = run.audit = false;
    h = history_start(&run, REVISION);
    difference = text ? history_difference(h, text, "") : NULL;
    if (text && !difference)
        other = other_drawing(h, folder, count);
    history_free(h);
    free(text);
    free(difference);
    if (!other)
        return first;
    free(first);
    return other;
}

int main(int argc, char **argv)
{
    int64_t count = 60;
    const struct cli_option options[] = {
        {"count", CLI_INT, &count, 1, 100000, NULL, CLI_SETTING, "drawings of each character"},
        {0},
    };
    struct cli cli = {
        .tool = "draw-samples",
        .makes_folder = true,
        .synopsis = "-o DIR",
        .options = options,
        .uses_seed = true,
        .summary = "Draws a few characters, varied in pose, expression, light and background: PNG "
                   "files of 160x160 in DIR/NAME.",
        .example = "draw-samples --count 60 -o samples",
    };
    const char *folder;
    char *asked;
    struct history *h;
    enum profile_part before;
    cli_parse(&cli, argc, argv);
    folder = cli.output;
    if (!folder || strcmp(folder, "-") == 0)
        die_usage("-o wants a folder to draw into");
    asked = cli.why ? asked_drawing(&cli, folder, count) : drawing_path(folder, 0, 0);
    cli.output = asked; /* the drawings tell what made them */
    h = history_start(&cli, REVISION);
    if (cli.audit)
        history_is_current(h, cli.output);
    for (int who = 0; who < CHARACTERS; who++) {
        char *path = drawing_path(folder, who, 0);
        make_folders(path);
        free(path);
    }
    before = profile_enter(PROFILE_WAITING);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 1; i < CHARACTERS * count; i++)
        draw(h, folder, (int)(i % CHARACTERS), cli.seed, i / CHARACTERS);
    profile_leave(before);
    for (int who = 0; who < CHARACTERS; who++)
        remove_surplus(folder, who, count);
    draw(h, folder, 0, cli.seed, 0);
    note("%lld drawings of %d characters in '%s'", (long long)(CHARACTERS * count), CHARACTERS,
         folder);
    free(asked);
    history_free(h);
    return 0;
}
