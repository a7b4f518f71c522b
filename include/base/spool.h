/* spool: an unlinked temporary file in $TMPDIR (default /tmp), for what does not fit in memory. It
 * goes with the process, however that ends. Failures end the process and name the folder.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stddef.h>

int spool_open(void);                                   /* its descriptor; close() it */
void spool_write(int fd, const void *data, size_t len); /* appends */
void spool_read(int fd, void *data, size_t len,
                size_t offset); /* from several threads at once, if need be */

#endif
