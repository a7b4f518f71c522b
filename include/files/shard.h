/* shard: a tensor in parts, each made by a process of its own, and put together again.
 *
 * The rows of a tensor go to its parts by whole frames, one after another, so that the whole is
 * made of the stored frames of its parts, and is the bytes that one process writes. Of fewer than
 * four frames for each part they go evenly, and frames are made anew in the whole. Part I of N
 * records shard I/N as derived in its history, which is otherwise that of the whole.
 */
#ifndef SHARD_H
#define SHARD_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "files/history.h"
#include "files/tensor.h"

/* The option --shard I/N of programs that can make a part of their output. */
struct cli_option shard_option(void);
bool shard_is_wanted(void);
/* history_start for such a program, after cli_parse. Dies where --shard is no I/N, 1 <= I <= N. */
struct history *shard_history(const struct cli *cli, int revision);
/* The same of a history that history_new began, before history_ask. */
void shard_record(struct history *h);
/* The rows of the part that is wanted of the whole that HEADER describes: *FIRST to *FIRST+*N-1.
 * Whether they are the last. */
bool shard_rows(const struct npy_header *header, size_t *first, size_t *n);
/* A writer for the part that is wanted of the whole that HEADER describes, otherwise for the whole:
 * its rows *FIRST to *FIRST+*N-1. */
struct tensor_writer *shard_create(const char *path, const struct npy_header *header, size_t *first,
                                   size_t *n);
/* Dies where a part of what is made from T is wanted, and T comes through a pipe. */
void shard_want_file(const struct tensor_reader *t);

/* The whole of the parts that lie in the N files at PATHS, in this order, to OUTPUT. Dies where
 * they are not all the parts of one tensor. */
void shard_join(char *const *paths, size_t n, const char *output);

#endif
