/* lists: who is nearest to each row, as a tensor: found once, in parts, for all who ask.
 *
 *     (n,2,k) float64; of row i the k nearest others, nearest first (nearest.h):
 *     [i,0] their rows, [i,1] how far they are
 *
 * Lists change nothing that is made with them, and stand in no history: whoever has none searches,
 * and finds the same.
 */
#ifndef LISTS_H
#define LISTS_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/bounds.h"
#include "analysis/rows.h"
#include "files/history.h"
#include "files/tensor.h"

/* history_start for a program that writes lists, or a part of them, instead of its usual output;
 * and, where it does not, dies if a part is wanted. */
struct history *lists_history(const struct cli *cli, int revision);
void lists_no_shard(void);
/* Finds the lists of the rows of R, at most K in each, or the part of them that is wanted
 * (shard.h), and commits them to PATH with the record H. MEMORY: bytes it may take. */
void lists_write(const char *path, const struct history *h, struct rows *r, size_t k,
                 enum metric metric, size_t memory);

/* The lists at PATH, of the rows of FEATURES, a file: NULL where PATH is NULL or empty, or the
 * lists are by another metric. Dies where they are of other rows. */
struct tensor_reader *lists_open(const char *path, struct tensor_reader *features,
                                 enum metric metric);
/* The lists at PATH, that this program made in a run as H records; NULL where PATH is. */
struct tensor_reader *lists_open_own(const char *path, const struct history *h);
/* neighbours, distances (n,k) from LISTS; false where they are NULL, not of n rows, or shorter. */
bool lists_read(size_t *neighbours, double *distances, size_t n, size_t k,
                struct tensor_reader *lists);
/* The same, or of R by a search. */
void lists_find(size_t *neighbours, double *distances, struct rows *r, size_t k,
                struct tensor_reader *lists);

#endif
