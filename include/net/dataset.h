/* dataset: the rows of one tensor as batches of network input, shuffled anew each epoch.
 *
 * uint8 rows become x/255; float32 rows come as they are (NaN and infinities are refused, with
 * their row, and on request what is not from 0 to 1). The rows are kept in memory where they fit
 * the budget, otherwise decoded once into a scratch file (scratch.h) and read from there by batch.
 * Either way the next batch is made by a thread while the current one is used, and holds the same
 * bytes.
 */
#ifndef DATASET_H
#define DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/history.h"

struct dataset;

/* Opens the tensor at PATH, rank 4, uint8 or float32, at least one row ("-": standard input). Rows
 * are read when they are first needed. */
struct dataset *dataset_open(const char *path);
bool dataset_is_piped(const struct dataset *d);
/* What it takes beside its rows, in batches of BATCH, bytes; and how many its rows may take, 0
 * unless this is called before they are read. */
size_t dataset_memory(const struct dataset *d, size_t batch);
void dataset_limit(struct dataset *d, size_t memory);
/* What to do, while rows are read, with a value that is not from 0 to 1: take it, which is the
 * default; take it and warn of the first; or die. Says row and value. */
enum dataset_outside { DATASET_TAKE, DATASET_WARN, DATASET_REFUSE };
void dataset_want_unit(struct dataset *d, enum dataset_outside outside);
/* Adds the tensor to H as an input; reads the rows first where only their end tells the digest
 * (standard input). */
void dataset_add_to_history(struct dataset *d, struct history *h);
size_t dataset_n(const struct dataset *d);                    /* rows */
void dataset_shape(const struct dataset *d, size_t shape[3]); /* H,W,C */
void dataset_load(struct dataset *d); /* reads the rows, unless they are read already */
const char *dataset_path(const struct dataset *d);
bool dataset_is_image(const struct dataset *d); /* uint8 rows: values from 0 to 1 */

/* Of several ranks (share.h): batches hold only the rows of which the net's IMAGES, so many of each
 * row, are this rank's; image k of row i of n is that of place k*n + i. */
void dataset_share(struct dataset *d, size_t images);
/* Starts an epoch of batches of BATCH rows, the last one shorter; in the order of the stream (seed,
 * RNG_SHUFFLE, epoch) when SHUFFLE, without the FIRST rows of that order. BATCH must be the same in
 * every epoch. */
void dataset_start(struct dataset *d, size_t batch, bool shuffle, uint64_t seed, uint64_t epoch,
                   size_t first);
/* The next batch, float32 (n,H,W,C), valid until the next call; returns n, 0 at the end of the
 * epoch. */
size_t dataset_next(struct dataset *d, const float **x);

/* The position of the first NaN or infinity in x[0..n-1]; n where all are finite. */
size_t dataset_not_finite(const float *x, size_t n);

#endif
