/* scratch: a file without a name, for what does not fit in memory. It goes with the process,
 * however that ends. It lies in $TMPDIR, or in /var/tmp where that is not set: /tmp is memory on
 * many systems. Failures end the process and name the folder.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stddef.h>

int scratch_open(void);                                   /* its descriptor; close() it */
void scratch_write(int fd, const void *data, size_t len); /* appends */
/* LEN bytes at OFFSET; from several threads at once, if need be. */
void scratch_read(int fd, void *data, size_t len, size_t offset);

#endif
