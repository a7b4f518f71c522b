#include "files/jobs.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/profile.h"
#include "base/report.h"
#include "base/sizes.h"

enum { MAX_THREADS = 64 };
enum state { IDLE, FILLING, WAITING, RUNNING, DONE };

struct jobs {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void (*work)(void *slot);
    bool serial, stopping;
    size_t n_slots, slot_size;
    char *slots;
    enum state *states;
    size_t *idle, n_idle; /* a stack: the slot used last is warm, and big enough */
    size_t *started, first,
        n; /* a ring, n_slots long: those started and not yet taken, oldest first */
    int n_running, n_threads, max_threads;
    pthread_t threads[MAX_THREADS];
};

/* That keep so many threads at work. */
static size_t slots_for(int n_threads)
{
    return n_threads > 1 ? (size_t)n_threads + 2 : 1;
}

size_t jobs_memory(int n_threads, size_t each)
{
    return smaller(slots_for(n_threads), JOBS_IN_FLIGHT / each + 1) * each;
}

struct jobs *jobs_new(int n_threads, size_t slot_size, bool serial, void (*work)(void *slot))
{
    struct jobs *j = xcalloc(1, sizeof *j);
    size_t n_slots = slots_for(n_threads);

    pthread_mutex_init(&j->mutex, NULL);
    pthread_cond_init(&j->changed, NULL);
    j->work = work;
    j->serial = serial;
    j->n_slots = n_slots;
    j->slot_size = slot_size;
    j->slots = xcalloc(n_slots, slot_size);
    j->states = xcalloc(n_slots, sizeof *j->states);
    j->idle = xcalloc(n_slots, sizeof *j->idle);
    j->started = xcalloc(n_slots, sizeof *j->started);
    while (j->n_idle < n_slots) {
        j->idle[j->n_idle] = n_slots - 1 - j->n_idle;
        j->n_idle++;
    }
    j->max_threads = n_threads <= 1 ? 0
        : serial                    ? 1
        : n_threads < MAX_THREADS   ? n_threads
                                    : MAX_THREADS;
    return j;
}

static void *slot_at(struct jobs *j, size_t i)
{
    return j->slots + i * j->slot_size;
}

static size_t number_of(const struct jobs *j, const void *slot)
{
    return ((const char *)slot - j->slots) / j->slot_size;
}

/* The first that waits, n_slots where none does or may begin. The mutex is held. */
static size_t next_waiting(const struct jobs *j)
{
    if (j->serial && j->n_running > 0)
        return j->n_slots;
    for (size_t k = 0; k < j->n; k++) {
        size_t i = j->started[(j->first + k) % j->n_slots];

        if (j->states[i] == WAITING)
            return i;
    }
    return j->n_slots;
}

/* Does the work of slot I; the mutex is held before and after, not meanwhile. */
static void run(struct jobs *j, size_t i)
{
    j->states[i] = RUNNING;
    j->n_running++;
    pthread_mutex_unlock(&j->mutex);
    j->work(slot_at(j, i));
    pthread_mutex_lock(&j->mutex);
    j->states[i] = DONE;
    j->n_running--;
    pthread_cond_broadcast(&j->changed);
}

static void *thread_main(void *argument)
{
    struct jobs *j = argument;

    pthread_mutex_lock(&j->mutex);
    while (!j->stopping) {
        size_t i = next_waiting(j);

        if (i < j->n_slots)
            run(j, i);
        else
            pthread_cond_wait(&j->changed, &j->mutex);
    }
    pthread_mutex_unlock(&j->mutex);
    return NULL;
}

/* Without a thread the owner does the work, so that failing to make one is no error. Signals are
 * the main thread's. */
static void make_threads(struct jobs *j)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (j->n_threads < j->max_threads
           && pthread_create(&j->threads[j->n_threads], NULL, thread_main, j) == 0)
        j->n_threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    j->max_threads = j->n_threads;
}

void *jobs_slot(struct jobs *j)
{
    size_t i;

    if (j->n_idle == 0)
        return NULL;
    i = j->idle[--j->n_idle];
    j->states[i] = FILLING;
    return slot_at(j, i);
}

void jobs_start(struct jobs *j, void *slot)
{
    size_t i = number_of(j, slot);

    assert(j->states[i] == FILLING);
    pthread_mutex_lock(&j->mutex);
    j->states[i] = WAITING;
    j->started[(j->first + j->n++) % j->n_slots] = i;
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->mutex);
    if (j->n > 1 && j->n_threads < j->max_threads)
        make_threads(j);
}

void *jobs_take(struct jobs *j)
{
    enum profile_part before;
    size_t i;

    if (j->n == 0)
        return NULL;
    pthread_mutex_lock(&j->mutex);
    i = j->started[j->first];
    if (j->states[i] == WAITING && next_waiting(j) == i)
        run(j, i);
    before = profile_enter(PROFILE_WAITING);
    while (j->states[i] != DONE)
        pthread_cond_wait(&j->changed, &j->mutex);
    profile_leave(before);
    j->first = (j->first + 1) % j->n_slots;
    j->n--;
    pthread_mutex_unlock(&j->mutex);
    return slot_at(j, i);
}

void jobs_return(struct jobs *j, void *slot)
{
    size_t i = number_of(j, slot);

    j->states[i] = IDLE;
    j->idle[j->n_idle++] = i;
}

void jobs_free(struct jobs *j, void (*release)(void *slot))
{
    pthread_mutex_lock(&j->mutex);
    j->stopping = true;
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->mutex);
    for (int i = 0; i < j->n_threads; i++)
        pthread_join(j->threads[i], NULL);
    for (size_t i = 0; i < j->n_slots; i++)
        release(slot_at(j, i));
    pthread_mutex_destroy(&j->mutex);
    pthread_cond_destroy(&j->changed);
    free(j->slots);
    free(j->states);
    free(j->idle);
    free(j->started);
    free(j);
}
