/* check-damage bit|flip|cut FILE: writes damaged copies of FILE beside it and prints how many.
 *
 *     bit    FILE.bit-NNNNNN-B, one for every bit of the file, that bit turned over
 *     flip   FILE.flip-NNNNNN-B, one for every byte, one bit of it turned over, another from byte
 *            to byte
 *     cut    FILE.cut-NNNNNN-B, one for every length below the file's
 *
 * check-damage readers FILE: every bit of FILE turned over in turn; each must be found by reading
 * it in order, at random and through a pipe, and by asking for its history. Prints how many bits,
 * or which is not found. check-damage some-readers FILE: only the bits of flip.
 *
 * check-damage zero FILE: on standard output FILE with a zero byte at the start of its history, and
 * checksums that fit.
 *
 * check-damage graft CONTENT HISTORY: on standard output the content of one file with the history
 * of the other.
 *
 * check-damage history CONTENT TEXT: on standard output the content of one file with the content of
 * the other as its history.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/endian.h"
#include "files/frames.h"
#include "files/keep.h"
#include "files/npy.h"
#include "base/report.h"
#include "files/safetensors.h"
#include "files/zio.h"

static unsigned char data[1 << 20];

static void write_copy(const char *name, size_t len)
{
    FILE *f = fopen(name, "wb");

    if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
        die_file(name, "not written");
}

static void graft(const char *content, const char *history, bool is_text)
{
    struct zio_reader *c = zio_open(content), *h = zio_open(history);
    struct zio_writer *w = zio_create(NULL, ZIO_LEVEL);
    size_t n;

    while ((n = zio_read(c, data, sizeof data)) > 0)
        zio_write(w, data, n);
    zio_commit(w, is_text ? (char *)zio_read_all(h, ZIO_MOST, &n) : zio_history(h));
}

static void zero(const char *path, size_t len)
{
    enum { HEAD = 8, CHECK = 8 };
    uint64_t tail, check;
    XXH64_state_t *state;
    unsigned char *record, *table, *text;

    if (len < FRAMES_END || frames_tail_length(&tail, data + len - FRAMES_END, len))
        die_file(path, "has no history");
    record = data + len - tail;
    table = record + HEAD + get_le32(record + 4);
    text = record + 16 + 8 * (size_t)get_le32(record + 12);
    *text = 0;
    state = XXH64_createState();
    XXH64_reset(state, 0);
    XXH64_update(state, record + HEAD, (size_t)(table - record) - HEAD - CHECK);
    XXH64_update(state, table, (size_t)(data + len - table));
    check = XXH64_digest(state);
    XXH64_freeState(state);
    put_le64(table - CHECK, check);
    fwrite(data, 1, len, stdout);
}

/* The bit of byte I that is turned over where only one is. */
static int one_bit(size_t i)
{
    return (int)(i * 5 % 8);
}

static size_t damage(const char *how, const char *path, size_t len)
{
    char name[4096];
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            if (strcmp(how, "bit") != 0 && bit != one_bit(i))
                continue;
            n++;
            snprintf(name, sizeof name, "%s.%s-%06zu-%d", path, how, i, bit);
            data[i] ^= 1 << bit;
            write_copy(name, strcmp(how, "cut") == 0 ? i : len);
            data[i] ^= 1 << bit;
        }
    return n;
}

/* --- readers --- */

static unsigned char content[1 << 20];

/* Whether what was read is neither a tensor nor a model, as where a bit of the first magic number
 * is turned over: plain bytes, then. */
static bool is_other(size_t len)
{
    struct safetensors s;
    bool other = len < 12 || npy_header_length(content) == 0;

    if (other && !safetensors_parse(&s, content, len)) {
        safetensors_release(&s);
        other = false;
    }
    return other;
}

/* Reads all of PATH, in order or at random; true where that fails. */
static bool found_reading(const char *path, bool at_random)
{
    char error[ZIO_ERROR];
    struct zio_reader *r;
    size_t len = 0, got = 1;
    bool bad = zio_try_open(&r, path, error) != NULL;

    for (; !bad && !at_random && got > 0; len += got)
        bad = zio_try_read(r, content + len, sizeof content - len, &got, error) != NULL;
    for (; !bad && at_random && len < zio_length(r); len++)
        bad = zio_try_read_at(r, content + len, 1, len, error) != NULL;
    bad = bad || is_other(len);
    zio_close(r);
    return bad;
}

/* In a process of its own: a reader that found damage in a pipe keeps what it works on. */
static bool found_in_pipe(size_t len)
{
    int ends[2], status;
    pid_t child;

    if (pipe(ends) != 0 || write(ends[1], data, len) != (ssize_t)len
        || dup2(ends[0], STDIN_FILENO) < 0)
        die("no pipe for %zu bytes", len);
    close(ends[0]);
    close(ends[1]);
    child = fork();
    if (child == 0)
        _exit(found_reading("-", false) ? 1 : 0);
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
        die("no process to read a pipe");
    return WEXITSTATUS(status);
}

/* No history, or, where damage lies in a frame that it does not stand in, the right one. */
static bool found_by_history(const char *path, const char *right, bool in_tail)
{
    char *text = keep_read(path);
    bool found = !text || (!in_tail && strcmp(text, right) == 0);

    free(text);
    return found;
}

static size_t check_readers(const char *path, size_t len, bool all)
{
    char name[4096], *history = keep_read(path);
    uint64_t tail;
    size_t n = 0;

    if (!history || found_reading(path, false) || found_reading(path, true) || found_in_pipe(len)
        || frames_tail_length(&tail, data + len - FRAMES_END, len))
        die_file(path, "is damaged as it is");
    snprintf(name, sizeof name, "%s.bit", path);
    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            if (!all && bit != one_bit(i))
                continue;
            n++;
            data[i] ^= 1 << bit;
            write_copy(name, len);
            if (!found_reading(name, false) || !found_reading(name, true) || !found_in_pipe(len))
                die_file(path, "bit %d of byte %zu is not found", bit, i);
            if (!found_by_history(name, history, i >= len - tail))
                die_file(path, "bit %d of byte %zu is not found by its history", bit, i);
            data[i] ^= 1 << bit;
        }
    free(history);
    return n;
}

int main(int argc, char **argv)
{
    FILE *f;
    size_t len;

    report_init("check-damage");
    if (argc == 4) {
        graft(argv[2], argv[3], strcmp(argv[1], "history") == 0);
        return 0;
    }
    f = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (!f)
        die("no file to damage");
    len = fread(data, 1, sizeof data, f);
    if (strcmp(argv[1], "zero") == 0) {
        zero(argv[2], len);
        return 0;
    }
    printf("%zu\n",
           strcmp(argv[1], "readers") == 0            ? check_readers(argv[2], len, true)
               : strcmp(argv[1], "some-readers") == 0 ? check_readers(argv[2], len, false)
                                                      : damage(argv[1], argv[2], len));
    return 0;
}
