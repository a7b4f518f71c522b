/* jobs: pieces of work done on threads, and taken back in the order in which they were started.
 *
 * One thread, the owner, fills a slot, starts it, and takes the oldest one back when it needs it;
 * work(slot) runs in between, on a thread of the pool or, where none has come to it yet, in the
 * owner when it takes it. So nothing depends on how many threads there are: with one, or a single
 * job, no thread is ever made. How much is in flight is bounded by the number of slots.
 */
#ifndef JOBS_H
#define JOBS_H

#include <stdbool.h>
#include <stddef.h>

struct jobs;

/* Bytes that jobs of EACH hold: JOBS_IN_FLIGHT, which their owner sees to, or a single job that
 * holds more. */
enum { JOBS_IN_FLIGHT = 32 << 20 };
size_t jobs_memory(int n_threads, size_t each);
/* Slots of SLOT_SIZE bytes, zero at first, as many as keep the threads at work. SERIAL: one job at
 * a time, in order. N_THREADS up to 1: the owner does all. */
struct jobs *jobs_new(int n_threads, size_t slot_size, bool serial, void (*work)(void *slot));
/* An idle slot, as it was left, or NULL where all are started and not yet returned. */
void *jobs_slot(struct jobs *j);
void jobs_start(struct jobs *j, void *slot);
/* The slot started first of those not yet taken, its work done; NULL where there is none. */
void *jobs_take(struct jobs *j);
void jobs_return(struct jobs *j, void *slot); /* a taken slot becomes idle */
/* Waits for what runs, drops what waits; RELEASE is called for every slot. */
void jobs_free(struct jobs *j, void (*release)(void *slot));

#endif
