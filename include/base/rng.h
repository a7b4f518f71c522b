/* rng: random numbers by counter, so that neither order nor threads matter.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"). A
 * stream is named by (seed, purpose, index) and gives the same numbers wherever and whenever it is
 * opened. For example, the shuffle of epoch 7 is the stream (seed, RNG_SHUFFLE, 7); the weights of
 * the third tensor are (seed, RNG_WEIGHTS, 3).
 */
#ifndef RNG_H
#define RNG_H

#include <stdint.h>

enum rng_purpose {
    RNG_WEIGHTS = 1,
    RNG_SHUFFLE = 2,
    RNG_NOISE = 3,
    RNG_PICK = 4,
    RNG_DRAW = 5,
    RNG_CLUSTER = 6,
    RNG_BOOTSTRAP = 7,
    RNG_START = 8,
    RNG_HEAD = 9,
    RNG_VIEWS = 10,
    RNG_COPIES = 12,
    RNG_TEST = 99
};

/* The paper's multipliers and Weyl constants. */
#define RNG_MULTIPLIER0 0xD2511F53u
#define RNG_MULTIPLIER2 0xCD9E8D57u
#define RNG_WEYL0 0x9E3779B9u
#define RNG_WEYL1 0xBB67AE85u

struct rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4]; /* numbers of the current counter */
    int used;          /* how many of them are used up */
};

void rng_init(struct rng *r, uint64_t seed, enum rng_purpose purpose, uint64_t index);
uint32_t rng_u32(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t n);              /* 0..n-1 without bias; n > 0 */
double rng_uniform(struct rng *r, double low, double high); /* [low, high), 32 bits of it */
double rng_normal(struct rng *r); /* mean 0, variance 1 (Box and Muller) */

/* order[0..n-1] becomes a random permutation of 0..n-1 (Fisher and Yates). n < 2^32. */
void rng_permutation(struct rng *r, uint32_t *order, uint32_t n);

#endif
