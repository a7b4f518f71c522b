/* sample: so many rows of all, of each class in its share. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stddef.h>
#include <stdint.h>

/* Keeps MOST of the n rows, whose classes are class_of (n), 0..n_classes-1 (NULL: all of one):
 * chosen (MOST or n) are their positions, ascending; returns how many. Of n > MOST rows class c
 * keeps MOST * n_c / n, rounded down, those with the largest remainders one more (the first of
 * equals); a class keeps at least one where MOST suffices for all classes. Which ones: by the
 * stream (seed, RNG_PICK, c). */
size_t sample_choose(size_t *chosen, const size_t *class_of, size_t n_classes, size_t n,
                     size_t most, uint64_t seed);

#endif
