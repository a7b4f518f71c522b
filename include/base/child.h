/* child: another process, run to its end. */
#ifndef CHILD_H
#define CHILD_H

#include <stddef.h>

/* Runs ARGV, whose first word is sought in PATH, in ENVIRONMENT, with nothing on standard input;
 * what it writes goes to OUTPUT and ERRORS, scratch files. It also has the descriptors SHARED, a
 * list that -1 ends (NULL: none), under their own numbers. Returns its exit status, 128 and more
 * for a signal, and -1 where there is no such program. */
int child_run(char *const argv[], char *const environment[], const int *shared, int output,
              int errors);
/* Whether ACT, called with CONTEXT in a copy of this process that says nothing, ends: returns 0, or
 * the signal that killed it, SIGXCPU after SECONDS of processor time. For what a library may do on
 * a hostile file; that it dies by die() counts as an end. Before any thread is started. */
int child_try(void (*act)(void *context), void *context, unsigned seconds);
/* All that FD, a scratch file, holds: a new string. */
char *child_text(int fd, size_t *len);

#endif
