/* faults: a library to preload, which lets calls fail that do not fail by themselves.
 *
 *     FAULT="fsync 2"    the second call of fsync fails with EIO; likewise write, linkat, rename, close, open
 *     NO_TMPFILE=1       the file system knows no files without a name
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Whether this call of NAME is the one that is to fail. */
static int fails(const char *name, int *calls)
{
    const char *fault = getenv("FAULT");
    size_t len = strlen(name);

    if (!fault || strncmp(fault, name, len) != 0 || fault[len] != ' ' || ++*calls != atoi(fault + len))
        return 0;
    errno = EIO;
    return 1;
}

ssize_t write(int fd, const void *data, size_t len)
{
    ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    static int calls;

    return fails("write", &calls) ? -1 : next(fd, data, len);
}

int fsync(int fd)
{
    int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
    static int calls;

    return fails("fsync", &calls) ? -1 : next(fd);
}

int close(int fd)
{
    int (*next)(int) = dlsym(RTLD_NEXT, "close");
    static int calls;

    return fails("close", &calls) ? -1 : next(fd);
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    static int calls;

    return fails("rename", &calls) ? -1 : next(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    int (*next)(int, const char *, int, const char *, int) = dlsym(RTLD_NEXT, "linkat");
    static int calls;

    return fails("linkat", &calls) ? -1 : next(from_folder, from, to_folder, to, flags);
}

int open(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
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
    return fails("open", &calls) ? -1 : next(path, flags, mode);
}
