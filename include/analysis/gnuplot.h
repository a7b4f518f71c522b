/* gnuplot: pictures by gnuplot, which must be installed.
 *
 * Numbers, names and title reach it in scratch files, and nothing in them as a command. It starts
 * without settings of the user's or the machine's own, in files or in the environment: what it
 * draws depends on what it is given, on its version and on the fonts. The scripts in plots/ are
 * part of the program; their arguments are the type, png or svg, and the names of three files:
 *
 *     numbers   a row a line: x, y, and z where there is one; number of its class, from 0; how
 *               many of that class came before
 *     names     of the classes, in order, a line each (legend.h)
 *     title     a line; may be empty
 */
#ifndef GNUPLOT_H
#define GNUPLOT_H

#include <stddef.h>

/* What the programs of plots/ are, X.gp under the name gnuplot_X, with "_" for "-". */
extern const char gnuplot_style[], gnuplot_scatter_2d[], gnuplot_map[], gnuplot_plane[],
    gnuplot_scatter_3d[], gnuplot_loss[];

/* "5.4 patchlevel 4"; the caller frees it. Dies where there is no gnuplot. */
char *gnuplot_version(void);
/* Runs gnuplot_style and then SCRIPT. Returns a scratch file with the picture. Dies for PATH, the
 * picture's name, with what gnuplot says. */
int gnuplot_draw(const char *path, const char *script, const char *type, int numbers, int names,
                 int title);

#endif
