/* noise: normal numbers of the counter-based generator, Box and Muller. */
#include "kernels-vectors.h"

typedef uint64_t wvec __attribute__((vector_size(4 * LANES)));

enum {
    BLOCKS = 16,
    NUMBERS = 4 * BLOCKS
}; /* blocks of the generator at once, whatever the width, and their numbers */

/* The words of a*m: of the even lanes and of the odd ones by themselves, which are products of 64
 * bits. */
INLINE void multiply_words(uvec *high, uvec *low, uvec a, uint32_t m)
{
    const uint64_t word = 0xffffffff;
    const wvec even = ((wvec)a & word) * m, odd = ((wvec)a >> 32) * m;
    *low = (uvec)((even & word) | (odd << 32));
    *high = (uvec)((even >> 32) | (odd & ~word));
}

/* (0, 1] in steps of 2^-24, exactly */
INLINE vec uniform_of(uvec word)
{
    return (__builtin_convertvector((ivec)(word >> 8), vec) + 1.0f) * 0x1p-24f;
}

/* u = m * 2^n with m from sqrt(1/2) to sqrt(2), and log m = 2 atanh((m-1)/(m+1)) */
INLINE vec log_of(vec u)
{
    const ivec n = ((ivec)u - 0x3f3504f3) >> 23;
    const vec m = (vec)((uvec)u - ((uvec)n << 23));
    return __builtin_convertvector(n, vec) * 0.693147181f + log1p_series((m - 1.0f) / (m + 1.0f));
}

/* Two normal numbers of two words (Box and Muller): by their angle, a quarter turn q and |t| <= 1/2
 * of one, and by their radius. */
INLINE void normal_pair(float *z0, float *z1, uvec word0, uvec word1)
{
    const vec quarters = __builtin_convertvector((ivec)(word1 >> 8), vec) * 0x1p-22f;
    const ivec q = __builtin_convertvector(quarters + 0.5f, ivec);
    const vec a = (quarters - __builtin_convertvector(q, vec)) * 1.57079633f, a2 = a * a;
    vec s = a2 * (1.0f / 362880) - 1.0f / 5040, c = a2 * (1.0f / 40320) - 1.0f / 720;
    const ivec swap = -(q & 1);
    vec cosine, sine;
    float radius[LANES] __attribute__((aligned(64)));
    s = s * a2 + 1.0f / 120;
    s = s * a2 - 1.0f / 6;
    s = s * a2 * a + a;
    c = c * a2 + 1.0f / 24;
    c = c * a2 - 0.5f;
    c = c * a2 + 1.0f;
    cosine = (vec)((ivec)select(swap, s, c) ^ (ivec)((uvec)((q + 1) & 2) << 30));
    sine = (vec)((ivec)select(swap, c, s) ^ (ivec)((uvec)(q & 2) << 30));
    *(vec *)radius = log_of(uniform_of(word0)) * -2.0f;
    for (int l = 0; l < LANES; l++)
        radius[l] = __builtin_sqrtf(radius[l]);
    store(z0, *(vec *)radius * cosine);
    store(z1, *(vec *)radius * sine);
}

/* z[16*k + b]: number k of block FIRST + b. */
INLINE void normal_numbers(float *z, const struct rng *stream, uint32_t first)
{
    const uvec lane = LANE_NUMBERS;
    for (int b = 0; b < BLOCKS; b += LANES) {
        uvec c0 = lane + (first + (uint32_t)b), c1 = (uvec){0} + stream->counter[1],
             c2 = (uvec){0} + stream->counter[2], c3 = (uvec){0} + stream->counter[3];
        uvec high0, low0, high2, low2;
        uint32_t k0 = stream->key[0], k1 = stream->key[1];
        for (int round = 0; round < 10; round++, k0 += RNG_WEYL0, k1 += RNG_WEYL1) {
            multiply_words(&high0, &low0, c0, RNG_MULTIPLIER0);
            multiply_words(&high2, &low2, c2, RNG_MULTIPLIER2);
            c0 = high2 ^ c1 ^ k0, c1 = low2, c2 = high0 ^ c3 ^ k1, c3 = low0;
        }
        normal_pair(z + b, z + BLOCKS + b, c0, c1);
        normal_pair(z + 2 * BLOCKS + b, z + 3 * BLOCKS + b, c2, c3);
    }
}

void KERNELS(noise)(float *y, const float *x, size_t n, float sigma, float low, float high,
                    const struct rng *stream)
{
    const vec least = (vec){0} + low, most = (vec){0} + high;
    float z[NUMBERS] __attribute__((aligned(64)));
    for (size_t i = 0; i < n; i += NUMBERS) {
        const int some = n - i < NUMBERS ? (int)(n - i) : NUMBERS;
        normal_numbers(z, stream, (uint32_t)(i / NUMBERS * BLOCKS));
        for (int j = 0; j < some; j += LANES) {
            vec v = load_part(x + i + j, some - j) + load(z + j) * sigma;
            v = select(v < least, least, v);
            store_part(y + i + j, select(v > most, most, v), some - j);
        }
    }
}
