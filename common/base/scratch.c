#include "base/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/report.h"

static const char *folder(void)
{
    const char *name = getenv("TMPDIR");

    return name && *name ? name : "/var/tmp";
}

/* For file systems that have none without a name. */
static int open_named(void)
{
    char *name = xformat("%s/kasane-XXXXXX", folder());
    int fd = mkostemp(name, O_CLOEXEC);

    if (fd < 0 || unlink(name) != 0)
        die_file(folder(), "no temporary file: %s", strerror(errno));
    free(name);
    return fd;
}

int scratch_open(void)
{
    int fd = open(folder(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    return fd >= 0 ? fd : open_named();
}

void scratch_write(int fd, const void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)data + done, len - done);
        if (n < 0 && errno != EINTR)
            die_file(folder(), "writing a temporary file: %s", strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
}

void scratch_read(int fd, void *data, size_t len, size_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, (char *)data + done, len - done, (off_t)(offset + done));
        if (n == 0 || (n < 0 && errno != EINTR))
            die_file(folder(), "reading a temporary file: %s",
                     n < 0 ? strerror(errno) : "cut short");
        done += n > 0 ? (size_t)n : 0;
    }
}
