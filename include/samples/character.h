/* character: the people of the embedded default data. Each is one look (hair, eyes, clothes, what
 * they wear in the hair) that stays recognisable while pose, expression, strands of hair, size,
 * light and background differ from drawing to drawing.
 */
#ifndef CHARACTER_H
#define CHARACTER_H

#include <stdint.h>

enum { CHARACTERS = 4, CHARACTER_SIDE = 160 };

const char *character_name(int who); /* who: 0..CHARACTERS-1; a word in small letters */
/* Draws character WHO once: rgb (160,160,3). SEED and NUMBER name the drawing; the same ones give
 * the same bytes. Thread-safe. */
void character_draw(uint8_t *rgb, int who, uint64_t seed, uint64_t number);

#endif
