/* vectors: VECTORS before a function has it compiled for each width of vectors there is; the
 * processor chooses at start. For plain loops that round alike in all of them. By gcc alone: clang
 * 14 leaves no symbol for callers in other files, and a sanitizer is not ready when it chooses.
 */
#ifndef VECTORS_H
#define VECTORS_H

#if defined(__x86_64__) && !defined(__clang__)
#define VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORS
#endif

#endif
