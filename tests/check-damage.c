/* check-damage bit|flip|cut FILE: writes damaged copies of FILE beside it and prints how many.
 *
 *     bit    FILE.bit-NNNNNN-B, one for every bit of the file, that bit turned over
 *     flip   FILE.flip-NNNNNN-B, one for every byte, one bit of it turned over, another from byte to byte
 *     cut    FILE.cut-NNNNNN-B, one for every length below the file's
 *
 * check-damage graft CONTENT HISTORY: on standard output the content of one file with the history of the other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "zio.h"

static unsigned char data[1 << 20];

static void write_copy(const char *name, size_t len)
{
    FILE *f = fopen(name, "wb");

    if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
        die_file(name, "not written");
}

static void graft(const char *content, const char *history)
{
    struct zio_reader *c = zio_open(content), *h = zio_open(history);
    struct zio_writer *w = zio_create(NULL, ZIO_LEVEL);
    size_t n;

    while ((n = zio_read(c, data, sizeof data)) > 0)
        zio_write(w, data, n);
    zio_commit(w, zio_history(h));
}

static size_t damage(const char *how, const char *path, size_t len)
{
    char name[4096];
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            if (strcmp(how, "bit") != 0 && bit != (int)(i * 5 % 8))
                continue;
            n++;
            snprintf(name, sizeof name, "%s.%s-%06zu-%d", path, how, i, bit);
            data[i] ^= 1 << bit;
            write_copy(name, strcmp(how, "cut") == 0 ? i : len);
            data[i] ^= 1 << bit;
        }
    return n;
}

int main(int argc, char **argv)
{
    FILE *f;

    report_init("check-damage");
    if (argc == 4) {
        graft(argv[2], argv[3]);
        return 0;
    }
    f = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (!f)
        die("no file to damage");
    printf("%zu\n", damage(argv[1], argv[2], fread(data, 1, sizeof data, f)));
    return 0;
}
