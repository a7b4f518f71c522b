/* fuzz: what all fuzz targets share. A target is a parser on bytes that anybody may have written:
 *
 *     void target(const unsigned char *data, size_t len);
 *
 * fuzz.c hands it every input of libFuzzer and catches exit(), which ends a program's work on a bad
 * file: what is still allocated then is freed, as the end of a process would. Where the target
 * returns, whatever it still holds is a leak, and a crash. So is an input that makes it allocate
 * more than FUZZ_MOST and four times its length in one piece, or more than FUZZ_ALL and four times
 * in all: a row, a frame read in order and one at random, of 64 MiB each, and what passes between
 * them.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>

enum { FUZZ_MOST = 64 << 20, FUZZ_ALL = 224 << 20 };

/* The target of this program. */
void target(const unsigned char *data, size_t len);
/* Once, before the first input; may be empty. */
void target_init(void);
/* Set there where a library frees in threads of its own what it allocated in ours: allocations are
 * not counted then. */
extern bool fuzz_other_threads;

/* The name of a regular file that holds these bytes, until the next call. */
const char *fuzz_file(const unsigned char *data, size_t len);
/* Makes standard input a pipe that holds these bytes; false where they do not fit it, 64 KiB as a
 * rule. */
bool fuzz_pipe(const unsigned char *data, size_t len);
/* Runs WORK; true where it returned, false where it ended the program. Not within itself. */
bool fuzz_survives(void (*work)(void *context), void *context);
/* Ends the run as a crash unless TRUE. */
void fuzz_check(bool right, const char *what);

#endif
