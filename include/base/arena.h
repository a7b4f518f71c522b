/* arena: memory in one block, taken twice by the same calls: first from no block, to learn the
 * size, then for good.
 *
 *     lay_out();                  every pointer is NULL, arena.size is what it takes
 *     arena_allocate(&arena);
 *     lay_out();                  the pointers
 *     free(arena.data);
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena {
    char *data;  /* NULL: nothing is given yet */
    size_t size; /* taken so far, bytes */
};

/* N items of SIZE bytes, aligned to 64 bytes; NULL before arena_allocate. */
void *arena_take(struct arena *arena, size_t n, size_t size);
float *arena_floats(struct arena *arena, size_t n);
/* A block of zeros as large as what was taken, of which nothing is taken yet. */
void arena_allocate(struct arena *arena);

#endif
