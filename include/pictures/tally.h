/* tally: what was passed over in a folder, counted by kind, in one line:
 *
 *     12 .txt, 3 .mp4, 2 git-lfs pointers, 1 HTML named x.jpg
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stddef.h>

struct tally;

struct tally *tally_new(void);
/* FILE, a path; WHAT it is (picture_other) or NULL: it goes by its ending, unless it is named as
 * pictures are. */
void tally_add(struct tally *t, const char *file, const char *what);
/* N things of a kind that is no file's, such as "not in 'labels.csv'". */
void tally_add_many(struct tally *t, const char *kind, size_t n);
/* Says WHAT: the line, most frequent kinds first, where there is something. */
void tally_tell(const struct tally *t, const char *what);
void tally_free(struct tally *t);

#endif
