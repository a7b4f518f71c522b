/* digest: hashes of content, all by xxHash, which no other module knows.
 *
 * A digest is XXH128. Its text is "xxh128:" and 32 hexadecimal digits, as xxh128sum prints them.
 * The checks inside our files are XXH64 (frames.h). Of what comes in pieces, a state is made, added
 * to and asked for its value, again and again; where there is no memory for one, the process ends.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- XXH128 --- */

enum { DIGEST_SIZE = 40, DIGEST_BYTES = 16 }; /* of the text with its NUL; of the bytes */

struct digest {
    uint64_t high, low;
};

struct digest digest_data(const void *data, size_t len);
bool digest_equal(struct digest a, struct digest b);
void digest_format(char text[DIGEST_SIZE], struct digest d);
bool digest_parse(struct digest *d, const char *text);                 /* false: it is none */
void digest_bytes(unsigned char bytes[DIGEST_BYTES], struct digest d); /* xxHash's canonical form */

struct digest_state;
struct digest_state *digest_new(void);
void digest_add(struct digest_state *s, const void *data, size_t len);
struct digest digest_value(const struct digest_state *s); /* of all added since new or reset */
void digest_reset(struct digest_state *s);
void digest_free(struct digest_state *s); /* NULL is allowed */

/* --- 64 bits --- */

uint64_t hash64_data(const void *data, size_t len); /* XXH64, seed 0 */
uint64_t hash64_name(const char *name, size_t len); /* XXH3: to draw lots by name */

struct hash64; /* XXH64, seed 0 */
struct hash64 *hash64_new(void);
void hash64_add(struct hash64 *h, const void *data, size_t len);
uint64_t hash64_value(const struct hash64 *h);
void hash64_reset(struct hash64 *h);
void hash64_free(struct hash64 *h);

#endif
