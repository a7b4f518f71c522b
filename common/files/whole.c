#include "files/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/profile.h"
#include "base/report.h"

enum { FLUSH = 4 << 20 };

struct whole {
    char *path; /* as the user wrote it, for messages; NULL: standard output */
    int fd;
    off_t len, started; /* bytes written; of which the disk was told to begin */
    char *final;        /* where it will stand, links followed; NULL: written straight */
    char *temporary;    /* its hidden name; NULL while it has none */
    struct whole *next; /* in the list of those with a hidden name */
};

/* Those whose hidden name is to be removed however the process ends. Changed only while signals are
 * blocked and the lock is held. */
static struct whole *hidden;
static pthread_mutex_t lock =
    PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP; /* recursive: a thread that fails while it holds it ends
                                               the process */

/* Keeps the lock: other threads make no more of them while the process ends. */
static void remove_hidden(void)
{
    pthread_mutex_lock(&lock);
    for (struct whole *w = hidden; w; w = w->next)
        unlink(w->temporary);
}

static void die_by_signal(int number)
{
    remove_hidden();
    raise(number); /* SA_RESETHAND: the default now, delivered when the handler returns */
}

void whole_die_by_signal(int number)
{
    signal(number, SIG_DFL);
    die_by_signal(number);
}

static void enter(sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
    pthread_mutex_lock(&lock);
}

static void leave(const sigset_t *before)
{
    pthread_mutex_unlock(&lock);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* Anew for every hidden name: whoever had a handler when the last one was made may have given it
 * back since. */
static void catch_signals(void)
{
    static const int deadly[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};

    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        struct sigaction action = {.sa_handler = die_by_signal, .sa_flags = SA_RESETHAND}, before;

        if (sigaction(deadly[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(deadly[i], &action, NULL);
    }
}

static void remember(struct whole *w)
{
    catch_signals();
    w->next = hidden;
    hidden = w;
}

static void forget(struct whole *w)
{
    for (struct whole **p = &hidden; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            break;
        }
    free(w->temporary);
    w->temporary = NULL;
}

void whole_fail(const struct whole *w, const char *reason)
{
    if (!w->path)
        die("standard output: %s", reason);
    die_file(w->path, "%s", reason);
}

/* A new hidden name beside the final one, not longer than a name may be. */
static char *hidden_name(const char *final)
{
    static unsigned n;
    const char *slash = strrchr(final, '/');
    const char *name = slash ? slash + 1 : final;

    return xformat("%.*s.%.200s.%ld-%u.tmp", (int)(name - final), final, name, (long)getpid(), n++);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xformat("%.*s", (int)(slash - path), path);
}

/* A file without a name in FOLDER that can be linked later, or -1. */
static int open_unnamed(const char *folder)
{
    char link[64];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);

    if (fd < 0)
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (access(link, F_OK) != 0) { /* no /proc: it could never get a name */
        close(fd);
        return -1;
    }
    return fd;
}

/* The descriptor that PATH names, or -1: opening /dev/stdout anew would write over what a ">>"
 * means to keep. */
static int named_descriptor(const char *path)
{
    int fd = -1, end = 0;

    if (!path || strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    if ((sscanf(path, "/dev/fd/%d%n", &fd, &end) == 1
         || sscanf(path, "/proc/self/fd/%d%n", &fd, &end) == 1)
        && path[end] == '\0')
        return fd;
    return -1;
}

/* Where a regular file named PATH will stand, links followed, or NULL where something else stands
 * there. */
static char *regular_place(const char *path)
{
    struct stat st;
    char *place;

    if (stat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            return NULL;
        if (access(path, W_OK) != 0) /* a rename would pass over a file that is write-protected */
            die_file(path, "%s", strerror(errno));
    } else if (errno != ENOENT || *path == '\0') {
        die_file(path, "%s", strerror(errno));
    } else if (lstat(path, &st) == 0) {
        die_file(path, "a symbolic link that leads nowhere");
    } else {
        return xstrdup(path);
    }
    place = realpath(path, NULL);
    if (!place)
        die_file(path, "%s", strerror(errno));
    return place;
}

static void open_beside(struct whole *w)
{
    char *folder = folder_of(w->final);
    sigset_t before;

    w->fd = open_unnamed(folder);
    free(folder);
    if (w->fd >= 0)
        return;
    enter(&before);
    do {
        free(w->temporary);
        w->temporary = hidden_name(w->final);
        w->fd = open(w->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (w->fd < 0 && errno == EEXIST);
    if (w->fd >= 0)
        remember(w);
    leave(&before);
    if (w->fd < 0)
        whole_fail(w, strerror(errno));
}

/* Before there is any: while a thread ends the process another may make its first. */
static void prepare(void)
{
    atexit(remove_hidden);
}

struct whole *whole_create(const char *path)
{
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    struct whole *w = xcalloc(1, sizeof *w);
    int fd = named_descriptor(path);

    pthread_once(&prepared, prepare);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond a quota then fails like any other, with a message */
    w->path = path && strcmp(path, "-") != 0 ? xstrdup(path) : NULL;
    if (fd >= 0) {
        w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    } else {
        w->final = regular_place(path);
        if (w->final) {
            open_beside(w);
            return w;
        }
        w->fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    }
    if (w->fd < 0)
        whole_fail(w, strerror(errno));
    return w;
}

bool whole_is_terminal(const struct whole *w)
{
    return isatty(w->fd);
}

/* Has the disk begin with what is there, so that whole_commit finds little left to wait for. Where
 * it fails, all works as well. */
static void start_flush(struct whole *w)
{
    if (!w->final || w->len - w->started < FLUSH)
        return;
    sync_file_range(w->fd, w->started, w->len - w->started, SYNC_FILE_RANGE_WRITE);
    w->started = w->len;
}

/* How many bytes a call that returned N wrote: none where a signal came first. */
static size_t written(struct whole *w, ssize_t n)
{
    if (n < 0 && errno == EINTR)
        return 0;
    if (n < 0)
        whole_fail(w, strerror(errno));
    w->len += n;
    return (size_t)n;
}

void whole_write(struct whole *w, const void *data, size_t len)
{
    const char *at = data;

    for (size_t n; len > 0; at += n, len -= n)
        n = written(w, write(w->fd, at, len));
    start_flush(w);
}

/* Passes over the first LEN bytes of N parts; returns how many are left, from *parts on. */
static int pass(struct iovec **parts, int n, size_t len)
{
    for (; n > 0 && (*parts)->iov_len <= len; n--)
        len -= (*parts)++->iov_len;
    if (n > 0) {
        (*parts)->iov_base = (char *)(*parts)->iov_base + len;
        (*parts)->iov_len -= len;
    }
    return n;
}

void whole_write_parts(struct whole *w, struct iovec *parts, int n)
{
    while (n > 0)
        n = pass(&parts, n, written(w, writev(w->fd, parts, n)));
    start_flush(w);
}

bool whole_may_restart(const struct whole *w)
{
    return w->final;
}

int whole_restart(struct whole *w)
{
    int written = w->fd;
    sigset_t before;

    if (lseek(written, 0, SEEK_SET) != 0)
        whole_fail(w, strerror(errno));
    if (w->temporary) {
        enter(&before);
        unlink(w->temporary);
        forget(w);
        leave(&before);
    }
    w->len = w->started = 0;
    open_beside(w);
    return written;
}

/* Gives a file without a name the final one, or a hidden one to be renamed where something stands
 * there already. */
static void link_file(struct whole *w)
{
    char self[64];

    snprintf(self, sizeof self, "/proc/self/fd/%d", w->fd);
    if (linkat(AT_FDCWD, self, AT_FDCWD, w->final, AT_SYMLINK_FOLLOW) == 0)
        return;
    while (errno == EEXIST) {
        free(w->temporary);
        w->temporary = hidden_name(w->final);
        if (linkat(AT_FDCWD, self, AT_FDCWD, w->temporary, AT_SYMLINK_FOLLOW) == 0) {
            remember(w);
            return;
        }
    }
    free(w->temporary);
    w->temporary = NULL;
    whole_fail(w, strerror(errno));
}

/* The name lasts only once the folder is on the disk too. A folder that may be written but not read
 * cannot be flushed. */
static void flush_folder(const char *final, const char *path)
{
    char *folder = folder_of(final);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    free(folder);
    if (fd < 0 && errno == EACCES)
        return;
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP))
        die_file(path, "%s", strerror(errno));
    close(fd);
}

/* The file's close is checked before it has its name: a second descriptor keeps it alive until
 * then. */
static void close_first(struct whole *w)
{
    int kept = fcntl(w->fd, F_DUPFD_CLOEXEC, 3);

    if (kept < 0 || close(w->fd) != 0)
        whole_fail(w, strerror(errno));
    w->fd = kept;
}

static void name_file(struct whole *w)
{
    sigset_t before;

    if (fsync(w->fd) != 0)
        whole_fail(w, strerror(errno));
    close_first(w);
    enter(&before);
    if (!w->temporary)
        link_file(w);
    if (w->temporary) {
        if (rename(w->temporary, w->final) != 0)
            whole_fail(w, strerror(errno));
        forget(w);
    }
    leave(&before);
    flush_folder(w->final, w->path);
}

static void release(struct whole *w)
{
    free(w->path);
    free(w->final);
    free(w);
}

void whole_commit(struct whole *w)
{
    enum profile_part before = profile_enter(PROFILE_DISK);

    if (w->final)
        name_file(w);
    if (close(w->fd) != 0 && !w->final)
        whole_fail(w, strerror(errno));
    release(w);
    profile_leave(before);
}

/* --- files that belong together --- */

char *whole_beside(const char *path, const char *ending)
{
    struct stat st;
    char *place, *beside;
    const char *final, *slash, *name;

    if (named_descriptor(path) >= 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
        return NULL;
    place = realpath(path, NULL);
    final = place ? place : path;
    slash = strrchr(final, '/');
    name = slash ? slash + 1 : final;
    beside = xformat("%.*s.%.200s.%s", (int)(name - final), final, name, ending);
    free(place);
    return beside;
}

static char *mark_of(const char *path)
{
    return whole_beside(path, "unfinished");
}

void whole_begin(const char *path)
{
    char *mark = mark_of(path);
    int fd;

    if (!mark)
        return;
    fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || close(fd) != 0)
        die_file(path, "%s", strerror(errno));
    flush_folder(mark, path); /* before any of the names */
    free(mark);
}

void whole_end(const char *path)
{
    char *mark = mark_of(path);

    if (mark && unlink(mark) != 0)
        die_file(path, "%s", strerror(errno));
    free(mark);
}

bool whole_is_unfinished(const char *path)
{
    char *mark = mark_of(path);
    bool found = mark && access(mark, F_OK) == 0;

    free(mark);
    return found;
}

void whole_set_aside(const char *path, const char *why)
{
    char *aside = xformat("%s.old", path);
    struct stat st;

    for (unsigned i = 2; lstat(aside, &st) == 0; i++) {
        free(aside);
        aside = xformat("%s.old.%u", path, i);
    }
    if (rename(path, aside) != 0)
        die_file(path, "%s; cannot be set aside: %s", why, strerror(errno));
    warn_file(path, "%s, set aside as '%s'", why, aside);
    free(aside);
}
