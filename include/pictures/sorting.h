/* sorting: of which class and which split each picture of a folder is.
 *
 * The class is the first `depth` folders on the path, "akane" of "akane/old/1.png", "akane/old" at
 * depth 2; "" of a picture in the folder itself. Where the first folders of all paths are named as
 * splits are (labels_split), train among them and another, they are no classes: they are the
 * split, and the class begins behind them. Otherwise a hash of the path draws lots, by the path
 * alone, so that adding pictures moves no other; but where there are two pictures or more there is
 * at least one to test on, unless `test` is 0, and one to train on, unless it is 1. Labels say the
 * class, and the split where they have one.
 */
#ifndef SORTING_H
#define SORTING_H

#include "files/index.h"
#include "pictures/labels.h"

struct sorting_settings {
    bool by_folders; /* take the split from folders named as splits are */
    size_t depth;    /* folders that make a class */
    double test;     /* share of the pictures to test on */
};

struct sorted {
    enum index_split split;
    const char *class_name; /* class_len bytes, in a path or a label */
    size_t class_len;
};

/* FILES: paths of N pictures, each of them in LABELS unless that is NULL. The caller frees what it
 * returns, (n). */
struct sorted *sorting_sort(const char *const *files, size_t n, const struct sorting_settings *s,
                            const struct labels *labels);
/* How many classes there are. */
size_t sorting_classes(const struct sorted *rows, size_t n);

#endif
