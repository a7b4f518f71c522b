/* whole: output files that are whole or absent.
 *
 * Bytes go to a file without a name in the folder of the final one (O_TMPFILE); whole_commit
 * flushes it to the disk and gives it the name. Killed before that, by whatever means, nothing is
 * left behind, and what stood under the name stays. Where the file system has no such files, a
 * hidden file ".NAME.PID-N.tmp" serves, removed on exit and on SIGHUP, SIGINT, SIGTERM and SIGPIPE,
 * unless the program handles them itself at that time.
 *
 * A symbolic link is followed. Standard output, /dev/stdout, /dev/fd/N and whatever else is no
 * regular file (/dev/null, a FIFO) are written straight. Every write, fsync, link, rename and close
 * is checked; all functions die with the name and the reason.
 */
#ifndef WHOLE_H
#define WHOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct whole;

struct whole *whole_create(const char *path); /* NULL or "-": standard output */
bool whole_is_terminal(const struct whole *w);
void whole_write(struct whole *w, const void *data, size_t len);
/* N parts one after the other, in one call; uses PARTS up. */
void whole_write_parts(struct whole *w, struct iovec *parts, int n);
void whole_commit(struct whole *w); /* names it, closes, frees */
/* The name of the hidden file ".NAME.ENDING" beside PATH, links followed, which the caller frees;
 * NULL: what is written straight has none. */
char *whole_beside(const char *path, const char *ending);
/* Files that belong together get their names one after the other. From whole_begin to whole_end a
 * hidden file ".NAME.unfinished" beside PATH, the main one of them, says that they may be of
 * different runs; where the process ends in between, it stays. PATH NULL, "-" or no regular file:
 * there is none. */
void whole_begin(const char *path);
void whole_end(const char *path);
bool whole_is_unfinished(const char *path);
/* Begins again with an empty file. Returns a descriptor of what was written before, at its start,
 * which the caller closes; only where whole_may_restart: not where it is written straight. */
int whole_restart(struct whole *w);
bool whole_may_restart(const struct whole *w);
_Noreturn void
whole_fail(const struct whole *w,
           const char *reason); /* dies: "'path': reason", or "standard output: reason" */
/* Ends the process by the signal NUMBER, and removes the hidden names. A signal handler may call
 * it: the process ends when the handler returns. */
void whole_die_by_signal(int number);

/* Gives the file at PATH a name under which no later one overwrites it, PATH.old, PATH.old.2 and so
 * on, and says so and WHY in a line. Dies where that fails. */
void whole_set_aside(const char *path, const char *why);

#endif
