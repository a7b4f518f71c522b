/* report: all of standard error, and allocation that cannot fail.
 *
 * A stage is a process, and exit is its exception: whoever knows the cause says it in one line and
 * ends the process. Lines read "tool: 'file': reason", lower case, no full stop, what was got and
 * what was wanted. Control characters, of a file's name perhaps, are written \n, \t or \xNN, so
 * that they neither end the line nor reach a terminal. Exit status: 0 done, 1 data, I/O or numeric
 * failure, 2 usage. die() leaves through exit(), so that temporary outputs are removed by the
 * handlers that zio registers.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Sets the name that every line starts with; NAME must outlive the process. Call once, first in
 * main. */
void report_init(const char *name);
/* This process does the same work as another one, which says the same: notes, warnings and progress
 * are left out. Before the line with which it dies, and which names WHO it is, BEFORE is called. */
void report_follow(const char *who, void (*before)(void));

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2))); /* exit 1 */
_Noreturn void die_file(const char *path, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* exit 1; "-" reads 'standard input' */
_Noreturn void die_usage(const char *format, ...)
    __attribute__((format(printf, 1, 2))); /* exit 2, points at --help */
/* Dies where BYTES, what a process with a net that takes N rows at once needs, are more than
 * MEMORY. */
enum {
    PROCESS_MEMORY = 10 << 20
}; /* of it what any process needs, for code, libraries and stacks */
void want_memory(size_t bytes, size_t n, size_t memory);
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warn_file(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
void note(const char *format, ...)
    __attribute__((format(printf, 1, 2))); /* a plain line, such as one per epoch */

/* For those who must not die: formats the reason into TEXT, which is returned. */
enum { REASON_SIZE = 200 };
const char *reason(char text[REASON_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* TEXT with its control characters escaped as in messages: a new string. */
char *printable(const char *text);
/* A line on standard output for people to read, escaped as well. */
void print_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For progress.h: a line; where REWRITES, on a terminal, one that stays without an end until the
 * next message overwrites it. How many messages there were of any kind. */
bool report_is_terminal(void);
void report_progress(bool rewrites, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_progress_end(void); /* clears the line */
unsigned report_n_messages(void);

/* Allocation: these return, or the process ends with the size that was asked for. Sizes in bytes.
 */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);           /* dies when n * size overflows */
void *xrealloc(void *p, size_t n, size_t size); /* likewise */
/* *P has room for SIZE bytes, *CAPACITY of them; what it held may be lost. */
void xreserve(unsigned char **p, size_t *capacity, size_t size);
void *xaligned(size_t size); /* 64-byte aligned, for free() */
/* The same on large pages, where the system has them: for megabytes that are used from end to end,
 * a fault for each small page and its place in the processor's tables cost more than the work. */
void *xlarge(size_t size);
char *xstrdup(const char *s);
char *xformat(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a new string */

#endif
