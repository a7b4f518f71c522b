#include "base/arena.h"

#include <string.h>

#include "base/report.h"

void *arena_take(struct arena *arena, size_t n, size_t size)
{
    void *p = arena->data == NULL ? NULL : arena->data + arena->size;
    arena->size += (n * size + 63) / 64 * 64;
    return p;
}

float *arena_floats(struct arena *arena, size_t n)
{
    return arena_take(arena, n, sizeof(float));
}

void arena_allocate(struct arena *arena)
{
    arena->data = xlarge(arena->size);
    memset(arena->data, 0, arena->size);
    arena->size = 0;
}
