#include "base/ranks.h"

#include <stdlib.h>

#include "base/report.h"
#include "base/sizes.h"

static int own, count = 1;

int ranks_count(void)
{
    return count;
}

int ranks_own(void)
{
    return own;
}

/* Dies, once, where N processes that know nothing of one another would write the same files. */
static void want_one(int n, int number, const char *wanted)
{
    if (n > 1 && number > 0)
        exit(2);
    if (n > 1)
        die_usage("%d processes at once, want %s", n, wanted);
}

/* A number of the environment; OTHERWISE where there is none. */
static int environment(const char *name, int otherwise)
{
    const char *text = getenv(name);

    return text ? atoi(text) : otherwise;
}

#ifdef KASANE_MPI

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <mpi.h>
#include <unistd.h>

#include "base/profile.h"

enum { PIECE = 1 << 30 }; /* bytes of a message: MPI counts in int */

/* Empty where MPI was not started: it takes no call then. */
static struct group {
    MPI_Request *requests; /* of what is under way */
    size_t n, capacity;
} groups[RANKS_GROUPS];

/* Rank 0, which mostly fails in the same way, then ends all. */
static void let_first_speak(void)
{
    static bool waited;

    if (!waited)
        sleep(1);
    waited = true;
}

/* Whoever fails ends all; whoever is done waits for the others. */
static void leave(int status, void *unused)
{
    (void)unused;
    if (own > 0 && status != 0)
        let_first_speak();
    if (status == 0)
        MPI_Finalize();
    else
        MPI_Abort(MPI_COMM_WORLD, status);
}

static void follow(void)
{
    const int nowhere = open("/dev/null", O_WRONLY);

    if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
        die("'/dev/null' cannot be opened");
    close(nowhere);
    unsetenv("KASANE_PROFILE");
    report_follow(xformat("rank %d", own), let_first_speak);
}

void ranks_start(const char *tool)
{
    int level;

    report_init(tool);
    if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMIX_RANK") && !getenv("PMI_RANK")) {
        want_one(environment("SLURM_STEP_NUM_TASKS", 1), environment("SLURM_PROCID", 0),
                 "srun --mpi=pmix");
        return;
    }
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS)
        die("MPI does not start");
    MPI_Comm_rank(MPI_COMM_WORLD, &own);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    on_exit(leave, NULL);
    if (own > 0)
        follow();
}

void ranks_broadcast(void *data, size_t len)
{
    enum profile_part before = profile_enter(PROFILE_WAITING);

    for (size_t at = 0, n; count > 1 && at < len; at += n) {
        n = smaller(len - at, PIECE);
        MPI_Bcast((char *)data + at, (int)n, MPI_BYTE, 0, MPI_COMM_WORLD);
    }
    profile_leave(before);
}

void ranks_gather(void *data, size_t size, const size_t *starts)
{
    enum profile_part before = profile_enter(PROFILE_WAITING);
    int *places = xcalloc(2 * (size_t)count, sizeof *places), *counts = places + count;
    MPI_Datatype item;

    assert(starts[count] <= INT_MAX && size <= INT_MAX);
    for (int r = 0; r < count; r++) {
        places[r] = (int)starts[r];
        counts[r] = (int)(starts[r + 1] - starts[r]);
    }
    if (count > 1) {
        MPI_Type_contiguous((int)size, MPI_BYTE, &item);
        MPI_Type_commit(&item);
        MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, counts, places, item,
                       MPI_COMM_WORLD);
        MPI_Type_free(&item);
    }
    free(places);
    profile_leave(before);
}

int ranks_most(int number)
{
    enum profile_part before = profile_enter(PROFILE_WAITING);
    int most = number;

    if (count > 1)
        MPI_Allreduce(&number, &most, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    profile_leave(before);
    return most;
}

static MPI_Request *new_request(int group)
{
    struct group *g = &groups[group];

    assert(group < RANKS_GROUPS);
    if (g->n == g->capacity) {
        g->capacity = 2 * g->capacity + 16;
        g->requests = xrealloc(g->requests, g->capacity, sizeof *g->requests);
    }
    return &g->requests[g->n++];
}

void ranks_send(int group, int to, const void *data, size_t len)
{
    for (size_t at = 0; at < len; at += PIECE)
        MPI_Isend((const char *)data + at, (int)(smaller(len - at, PIECE)), MPI_BYTE, to, group,
                  MPI_COMM_WORLD, new_request(group));
}

void ranks_receive(int group, int from, void *data, size_t len)
{
    for (size_t at = 0; at < len; at += PIECE)
        MPI_Irecv((char *)data + at, (int)(smaller(len - at, PIECE)), MPI_BYTE, from, group,
                  MPI_COMM_WORLD, new_request(group));
}

bool ranks_done(int group)
{
    struct group *g = &groups[group];
    int done = true;

    if (g->n > 0)
        MPI_Testall((int)g->n, g->requests, &done, MPI_STATUSES_IGNORE);
    if (done)
        g->n = 0;
    return done;
}

void ranks_wait(int group)
{
    enum profile_part before = profile_enter(PROFILE_WAITING);
    struct group *g = &groups[group];

    if (g->n > 0)
        MPI_Waitall((int)g->n, g->requests, MPI_STATUSES_IGNORE);
    g->n = 0;
    profile_leave(before);
}

#else

void ranks_start(const char *tool)
{
    const int n = environment("SLURM_STEP_NUM_TASKS", 1), number = environment("SLURM_PROCID", 0);

    report_init(tool);
    want_one(environment("OMPI_COMM_WORLD_SIZE", environment("PMI_SIZE", n)),
             environment("OMPI_COMM_WORLD_RANK", environment("PMI_RANK", number)),
             "a build with make MPI=1");
}

void ranks_broadcast(void *data, size_t len)
{
    (void)data, (void)len;
}

void ranks_gather(void *data, size_t size, const size_t *starts)
{
    (void)data, (void)size, (void)starts;
}

int ranks_most(int number)
{
    return number;
}

void ranks_send(int group, int to, const void *data, size_t len)
{
    (void)group, (void)to, (void)data, (void)len;
}

void ranks_receive(int group, int from, void *data, size_t len)
{
    (void)group, (void)from, (void)data, (void)len;
}

bool ranks_done(int group)
{
    (void)group;
    return true;
}

void ranks_wait(int group)
{
    (void)group;
}

#endif
