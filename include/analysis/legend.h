/* legend: names of classes as a legend of a plot may show them: any bytes in, short text in UTF-8
 * out.
 */
#ifndef LEGEND_H
#define LEGEND_H

#include <stddef.h>

enum { LEGEND_MOST = 30, LEGEND_WIDTH = 28 }; /* names; characters of each */

/* The names, fields of a table as they stand there (index.h), a line each, of the first LEGEND_MOST
 * of N; then "and N more". Bytes that are no UTF-8 are left out, control characters are blanks,
 * what no font here has is "?" (gnuplot may draw bars across the picture for it), and a blank name
 * is
 * "(no name)". The caller frees the text. */
char *legend_text(const char *const *names, size_t n);

#endif
