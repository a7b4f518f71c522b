#include "base/rng.h"

#include <math.h>

void rng_init(struct rng *r, uint64_t seed, enum rng_purpose purpose, uint64_t index)
{
    r->key[0] = (uint32_t)seed;
    r->key[1] = (uint32_t)(seed >> 32);
    r->counter[0] = 0;
    r->counter[1] = (uint32_t)purpose;
    r->counter[2] = (uint32_t)index;
    r->counter[3] = (uint32_t)(index >> 32);
    r->used = 4;
}

/* One block of Philox4x32-10. */
static void next_block(struct rng *r)
{
    uint32_t c0 = r->counter[0], c1 = r->counter[1], c2 = r->counter[2], c3 = r->counter[3];
    uint32_t k0 = r->key[0], k1 = r->key[1];

    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)RNG_MULTIPLIER0 * c0, b = (uint64_t)RNG_MULTIPLIER2 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += RNG_WEYL0;
        k1 += RNG_WEYL1;
    }
    r->block[0] = c0;
    r->block[1] = c1;
    r->block[2] = c2;
    r->block[3] = c3;
    r->counter[0]++; /* 2^34 numbers a stream */
    r->used = 0;
}

uint32_t rng_u32(struct rng *r)
{
    if (r->used == 4)
        next_block(r);
    return r->block[r->used++];
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
    /* Lemire 2019: the high word of a product, redrawn in the few cases that would favour small
     * numbers. */
    uint64_t m = (uint64_t)rng_u32(r) * n;

    if ((uint32_t)m < n) {
        uint32_t unfair = -n % n;
        while ((uint32_t)m < unfair)
            m = (uint64_t)rng_u32(r) * n;
    }
    return (uint32_t)(m >> 32);
}

double rng_uniform(struct rng *r, double low, double high)
{
    return low + (high - low) * (rng_u32(r) * 0x1p-32);
}

double rng_normal(struct rng *r)
{
    double u = (rng_u32(r) + 1.0) * 0x1p-32; /* (0, 1]: its logarithm is finite */
    double angle = 2 * M_PI * (rng_u32(r) * 0x1p-32);

    return sqrt(-2 * log(u)) * cos(angle);
}

void rng_permutation(struct rng *r, uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = rng_below(r, i), t = order[i - 1];
        order[i - 1] = order[j];
        order[j] = t;
    }
}
