/* sizes: the lesser and the greater of two; a quotient rounded up.
 */
#ifndef SIZES_H
#define SIZES_H

#include <stddef.h>

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline size_t divide_up(size_t n, size_t by)
{
    return n / by + (n % by > 0);
}

#endif
