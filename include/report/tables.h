/* tables: tables of a run as facts of its report.
 */
#ifndef TABLES_H
#define TABLES_H

#include <stdint.h>

#include "files/history.h"
#include "files/json.h"

/* The table at PATH as {"columns":[...],"rows":[[...],...]}, all fields text as they stand there,
 * without a column "seconds", which is no content. Adds it to H as an input. */
json_t *tables_read(const char *path, struct history *h);
/* The text at PATH, a value. Adds it to H as an input. */
json_t *tables_read_text(const char *path, struct history *h);

/* Adds the table at PATH with this DIGEST to H, and what made it. */
void tables_add_input(struct history *h, const char *path, const char *digest);
/* The same, its digest by reading it. */
void tables_add(const char *path, struct history *h);

/* Places of rows, from a table as pca and map write it. */
struct places {
    size_t P;         /* axes */
    int16_t *numbers; /* (n,P), owned: x = centre + number * step; PLACES_NONE: the row has none */
    double *centre;   /* (P), owned */
    double step;
};
enum { PLACES_NONE = -32768 };

/* The places of the n rows, ascending, of N in all, from the table at PATH: its columns AXIS and a
 * number from 1, at most MOST of them; without a column "row" its lines are rows 0 to N-1. Dies
 * where there are no such columns, a number is none, or it is not finite. */
void places_read(struct places *p, const char *path, const char *axis, size_t most,
                 const size_t *rows, size_t n, size_t N);
json_t *places_facts(const struct places *p);
void places_release(struct places *p);

#endif
