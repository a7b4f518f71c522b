#include "exchange/hdf5.h"

#include <stdlib.h>

#include "base/report.h"

#ifdef HDF5
#include <hdf5.h>
#include <string.h>

struct hdf5 {
    char *path;
    hid_t file;
};

enum { MOST_TEXTS = 4096, MOST_TEXT = 4 << 20 };

struct hdf5 *hdf5_open(const char *path)
{
    struct hdf5 *f = xcalloc(1, sizeof *f);

    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* it would write to standard error itself */
    f->path = xstrdup(path);
    f->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (f->file < 0)
        die_file(path, "no HDF5 file, or damaged");
    return f;
}

bool hdf5_has_group(struct hdf5 *f, const char *group)
{
    return H5Lexists(f->file, group, H5P_DEFAULT) > 0;
}

/* The texts of an attribute that is open: of one length, filled up with zeros, or each of its own.
 */
static char **read_texts(struct hdf5 *f, const char *name, hid_t attribute, size_t *n)
{
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute), memory = -1;
    hssize_t count = H5Sget_simple_extent_npoints(space);
    bool variable = H5Tis_variable_str(type) > 0;
    size_t size = variable ? sizeof(char *) : H5Tget_size(type);
    char **texts = NULL, *data;

    *n = 0;
    if (H5Tget_class(type) == H5T_STRING && count > 0) {
        if (count > MOST_TEXTS || size > MOST_TEXT || (size_t)count * size > MOST_TEXT)
            die_file(f->path, "attribute '%s': too long", name);
        *n = (size_t)count;
        data = xcalloc(*n, size);
        texts = xcalloc(*n, sizeof *texts);
        memory = H5Tcopy(type);
        if (H5Aread(attribute, memory, data) < 0)
            die_file(f->path, "attribute '%s': damaged", name);
        for (size_t i = 0; i < *n; i++) {
            const char *one = variable ? ((char **)(void *)data)[i] : data + i * size;

            texts[i] = variable ? xstrdup(one ? one : "") : xformat("%.*s", (int)size, one);
        }
        if (variable)
            H5Dvlen_reclaim(memory, space, H5P_DEFAULT, data);
        H5Tclose(memory);
        free(data);
    }
    H5Sclose(space);
    H5Tclose(type);
    return texts;
}

char **hdf5_texts(struct hdf5 *f, const char *group, const char *name, size_t *n)
{
    hid_t attribute;
    char **texts;

    *n = 0;
    if (H5Aexists_by_name(f->file, group, name, H5P_DEFAULT) <= 0)
        return NULL;
    attribute = H5Aopen_by_name(f->file, group, name, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0)
        die_file(f->path, "attribute '%s': damaged", name);
    texts = read_texts(f, name, attribute, n);
    H5Aclose(attribute);
    return texts;
}

float *hdf5_numbers(struct hdf5 *f, const char *name, int *rank, size_t shape[HDF5_MAX_RANK])
{
    hid_t data = H5Dopen2(f->file, name, H5P_DEFAULT), space = data < 0 ? -1 : H5Dget_space(data);
    hsize_t dims[HDF5_MAX_RANK] = {0};
    size_t n = 1;
    float *x;

    *rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (*rank < 0 || *rank > HDF5_MAX_RANK)
        die_file(f->path, "'%s': no array of at most %d dimensions", name, HDF5_MAX_RANK);
    H5Sget_simple_extent_dims(space, dims, NULL);
    for (int i = 0; i < *rank; i++) {
        shape[i] = (size_t)dims[i];
        if (dims[i] > HDF5_MOST || (n *= shape[i]) > HDF5_MOST)
            die_file(f->path, "'%s': more than %d numbers", name, HDF5_MOST);
    }
    x = xcalloc(n + 1, sizeof *x);
    if (H5Dread(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) < 0)
        die_file(f->path, "'%s': no numbers, or damaged", name);
    H5Sclose(space);
    H5Dclose(data);
    return x;
}

void hdf5_close(struct hdf5 *f)
{
    H5Fclose(f->file);
    free(f->path);
    free(f);
}
#else

struct hdf5 *hdf5_open(const char *path)
{
    die_file(path, "built without libhdf5: make HDF5=1, with libhdf5-dev");
}

bool hdf5_has_group(struct hdf5 *f, const char *group)
{
    (void)f, (void)group;
    return false;
}

char **hdf5_texts(struct hdf5 *f, const char *group, const char *attribute, size_t *n)
{
    (void)f, (void)group, (void)attribute, (void)n;
    return NULL;
}

float *hdf5_numbers(struct hdf5 *f, const char *name, int *rank, size_t shape[HDF5_MAX_RANK])
{
    (void)f, (void)name, (void)rank, (void)shape;
    return NULL;
}

void hdf5_close(struct hdf5 *f)
{
    (void)f;
}
#endif

char *hdf5_text(struct hdf5 *f, const char *group, const char *attribute)
{
    size_t n;
    char **texts = hdf5_texts(f, group, attribute, &n), *text = n > 0 ? texts[0] : NULL;

    for (size_t i = 1; i < n; i++)
        free(texts[i]);
    free(texts);
    return text;
}
