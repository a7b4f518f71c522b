/* faults: a library to preload, which lets calls fail that do not fail by themselves.
 *
 *     FAULT="fsync 2"   the second call of fsync fails with EIO; likewise all those below;
 *                       what goes through fopen counts as open, read, write and close
 *     FAULT="fsync 2 3" the second call and the two after it
 *     FAULT_SIGNAL=9    instead of that, the process gets this signal before that call
 *     FAULT_LOG=FILE    each such call that is made becomes a line of FILE: its name
 *     NO_TMPFILE=1      the file system knows no files without a name
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

void *XXH64_createState(void), *XXH3_createState(void); /* xxHash; NULL: no memory */

/* The function that NAME stands for without us. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void note_call(const char *name)
{
    const char *path = getenv("FAULT_LOG");
    int fd = path ? NEXT(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    char line[32];

    if (fd < 0)
        return;
    NEXT(write)(fd, line, (size_t)snprintf(line, sizeof line, "%s\n", name));
    NEXT(close)(fd);
}

/* Whether this call of NAME is one that is to fail. */
static int fails(const char *name, int *calls)
{
    const char *fault = getenv("FAULT"), *signal = getenv("FAULT_SIGNAL");
    size_t len = strlen(name);
    int first, n = 1, call;

    note_call(name);
    if (!fault || strncmp(fault, name, len) != 0 || sscanf(fault + len, " %d %d", &first, &n) < 1)
        return 0;
    call = __atomic_add_fetch(calls, 1, __ATOMIC_RELAXED);
    if (call < first || call >= first + n)
        return 0;
    if (signal) {
        kill(getpid(), atoi(signal));
        return 0;
    }
    errno = EIO;
    return 1;
}

/* A call that gives FAILURE where it fails. */
#define CALL(type, name, failure, parameters, ...)                       \
    type name parameters                                                 \
    {                                                                    \
        static int calls;                                                \
        return fails(#name, &calls) ? failure : NEXT(name)(__VA_ARGS__); \
    }

CALL(ssize_t, read, -1, (int fd, void *data, size_t len), fd, data, len)
CALL(ssize_t, pread, -1, (int fd, void *data, size_t len, off_t offset), fd, data, len, offset)
CALL(ssize_t, preadv, -1, (int fd, const struct iovec *parts, int n, off_t offset), fd, parts, n,
     offset)
CALL(ssize_t, write, -1, (int fd, const void *data, size_t len), fd, data, len)
CALL(ssize_t, writev, -1, (int fd, const struct iovec *parts, int n), fd, parts, n)
CALL(int, fsync, -1, (int fd), fd)
CALL(int, close, -1, (int fd), fd)
CALL(int, rename, -1, (const char *from, const char *to), from, to)
CALL(int, linkat, -1, (int from_folder, const char *from, int to_folder, const char *to, int flags),
     from_folder, from, to_folder, to, flags)
CALL(int, unlink, -1, (const char *path), path)
CALL(int, mkdir, -1, (const char *path, mode_t mode), path, mode)
CALL(int, mkostemp, -1, (char *path, int flags), path, flags)
CALL(int, utimensat, -1, (int folder, const char *path, const struct timespec times[2], int flags),
     folder, path, times, flags)
CALL(void *, XXH64_createState, NULL, (void), )
CALL(void *, XXH3_createState, NULL, (void), )
CALL(DIR *, opendir, NULL, (const char *path), path)
CALL(struct dirent *, readdir, NULL, (DIR * folder), folder)

int open(const char *path, int flags, ...)
{
    static int calls;
    va_list arguments;
    int mode = 0;

    if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {
        va_start(arguments, flags);
        mode = va_arg(arguments, int);
        va_end(arguments);
    }
    if ((flags & O_TMPFILE) == O_TMPFILE && getenv("NO_TMPFILE")) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return fails("open", &calls) ? -1 : NEXT(open)(path, flags, mode);
}

/* --- fopen, which the C library does not build on the calls above --- */

static ssize_t cookie_read(void *fd, char *data, size_t len)
{
    return read((int)(long)fd, data, len);
}

static ssize_t cookie_write(void *fd, const char *data, size_t len)
{
    ssize_t n = write((int)(long)fd, data, len);

    return n < 0 ? 0 : n;
}

static int cookie_close(void *fd)
{
    return close((int)(long)fd);
}

FILE *fopen(const char *path, const char *mode)
{
    const cookie_io_functions_t functions = {cookie_read, cookie_write, NULL, cookie_close};
    int flags = *mode == 'r' ? O_RDONLY
        : *mode == 'w'       ? O_WRONLY | O_CREAT | O_TRUNC
                             : O_WRONLY | O_CREAT | O_APPEND;
    int fd = open(path, flags | O_CLOEXEC, 0666);

    return fd < 0 ? NULL : fopencookie((void *)(long)fd, mode, functions);
}
