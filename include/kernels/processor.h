/* processor: which kernels this processor runs, and which of them are in use. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include "kernels/kernels.h"

/* The kernels in use: those that kernels_select chose, else the best that this processor runs. */
const struct kernels *kernels_get(void);
/* Chooses by name; false where there is no such or this processor cannot run it. Before any net is
 * made and any thread is started. */
bool kernels_select(const char *name);
/* All that this processor runs, best first; NULL ends. */
const struct kernels *const *kernels_all(void);

#endif
