/* inspect: what a file of ours holds, and whether it is undamaged. Tensors, models and bases may
 * come from a pipe ("-"); of others PNG, SVG and HTML are known, and tables, by the name X.tsv or
 * by the history beside them: these have a digest and a history.
 */
#ifndef INSPECT_H
#define INSPECT_H

/* Prints a line a fact, "name  value": shape, dtype, min, mean, max (of the finite numbers), how
 * many are not finite, frames, digest; of a model or basis the metadata and then a line a tensor;
 * last the history. Reads the content once, by blocks (a model whole). */
void inspect_info(const char *path);
/* Reads all of the file and dies unless every frame, the record and the seek table are undamaged,
 * the content is as long as its shape says, a model is complete and finite, and the content has the
 * digest that its own history records. */
void inspect_verify(const char *path);

#endif
