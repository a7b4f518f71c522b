/* ranks: the processes that work together, started by mpirun or srun, numbered from 0. The only
 * module that knows MPI; in a build without MPI=1, and where nothing started several, there is one.
 *
 * Ranks move bytes and never add any: what is summed, and in which order, is the caller's. Rank 0
 * alone writes and speaks. Of the others standard output is /dev/null, and notes and warnings are
 * left out; an error is said after a second in which rank 0, which mostly has the same one, says
 * it first. A rank that ends with an error ends all.
 *
 * Every rank makes the same calls in the same order, but for messages to one rank, on its main
 * thread. Time in which they wait counts as waiting.
 */
#ifndef RANKS_H
#define RANKS_H

#include <stdbool.h>
#include <stddef.h>

/* First in main, of the program TOOL. Dies (2) where several processes were started that cannot
 * find one another. */
void ranks_start(const char *tool);
int ranks_count(void); /* at least 1 */
int ranks_own(void);   /* this one's number */

/* Rank 0's LEN bytes to all. */
void ranks_broadcast(void *data, size_t len);
/* DATA holds items of SIZE bytes. Of rank r are those from starts[r] to starts[r+1] - 1, and go to
 * all others. */
void ranks_gather(void *data, size_t size, const size_t *starts);
/* The largest of the ranks' numbers. No rank returns before all have called. */
int ranks_most(int number);
/* LEN bytes to one rank, as it receives them, in a group of messages below RANKS_GROUPS: within it,
 * between the same two, in the order of the calls. Groups are independent. DATA is theirs until the
 * group is waited for, or found done. They only move while a rank calls one of these: who works
 * meanwhile asks now and then. */
enum { RANKS_GROUPS = 64 };
void ranks_send(int group, int to, const void *data, size_t len);
void ranks_receive(int group, int from, void *data, size_t len);
bool ranks_done(int group);
void ranks_wait(int group);

#endif
