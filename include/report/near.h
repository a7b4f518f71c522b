/* near: the nearest rows of each row, as blocks of a report.
 *
 *     NAME             (n,k) uint32: positions, nearest first
 *     NAME-distances   (n,k) uint16: distance / step
 */
#ifndef NEAR_H
#define NEAR_H

#include "analysis/rows.h"
#include "report/page.h"

enum { NEAR_MOST = 12 };

/* Writes the k nearest of each row of R, k = NEAR_MOST or one less than there are rows, and returns
 * the facts {"k","step"}. Where DUPLICATES is not NULL, it becomes
 * [[i,j,distance],...] of the at most MOST nearest pairs i < j that are at most WITHIN apart.
 * LISTS: of nearest rows (lists.h), or NULL. */
json_t *near_write(struct page *p, const char *name, struct rows *r, double within, size_t most,
                   json_t **duplicates, struct tensor_reader *lists);

#endif
