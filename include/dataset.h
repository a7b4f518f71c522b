/* dataset: the rows of one tensor as batches of network input, shuffled anew each epoch.
 *
 * uint8 rows become x/255; float32 rows come as they are (NaN and infinities are refused on reading, with their row). The rows are kept in memory where they
 * fit the budget, otherwise decoded once into an unlinked temporary file in $TMPDIR and read from there by batch. Either way batches are read ahead by
 * a thread, and hold the same bytes.
 */
#ifndef DATASET_H
#define DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history.h"

struct dataset;

/* Reads the tensor at PATH, rank 4, uint8 or float32 ("-": standard input); MEMORY: bytes it may keep. Its record goes to H. */
struct dataset *dataset_open(const char *path, size_t memory, struct history *h);
size_t dataset_n(const struct dataset *d);                         /* rows */
void dataset_shape(const struct dataset *d, size_t shape[3]);      /* H,W,C */
const char *dataset_path(const struct dataset *d);
/* Starts an epoch of batches of BATCH rows, the last one shorter: in the order of the stream (seed, RNG_SHUFFLE, epoch) when SHUFFLE. */
void dataset_start(struct dataset *d, size_t batch, bool shuffle, uint64_t seed, uint64_t epoch);
/* The next batch, float32 (n,H,W,C), valid until the next call; returns n, 0 at the end of the epoch. */
size_t dataset_next(struct dataset *d, const float **x);
void dataset_close(struct dataset *d);

#endif
