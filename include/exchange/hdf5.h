/* hdf5: what a program wants of an HDF5 file: texts in attributes, numbers in datasets. The one
 * module that knows libhdf5.
 *
 * Built in where the library is found (`make HDF5=`: not); without it hdf5_open dies and says so.
 * All functions die on what is damaged, with the file and the place.
 */
#ifndef EXCHANGE_HDF5_H
#define EXCHANGE_HDF5_H /* the library has HDF5_H */

#include <stdbool.h>
#include <stddef.h>

struct hdf5;
enum { HDF5_MAX_RANK = 4, HDF5_MOST = 1 << 28 }; /* numbers in a dataset */

struct hdf5 *hdf5_open(const char *path);
bool hdf5_has_group(struct hdf5 *f, const char *group);
/* The text, or the texts, in an attribute of GROUP ("/": the file); the caller frees it, and each.
 * NULL: there is no such attribute, or it holds no text, as an empty list of numbers: *n is 0. */
char *hdf5_text(struct hdf5 *f, const char *group, const char *attribute);
char **hdf5_texts(struct hdf5 *f, const char *group, const char *attribute, size_t *n);
/* The dataset NAME as float32; *rank, shape: its shape. The caller frees it. */
float *hdf5_numbers(struct hdf5 *f, const char *name, int *rank, size_t shape[HDF5_MAX_RANK]);
void hdf5_close(struct hdf5 *f);

#endif
