/* table: the kernels of one instruction set. */
#include "kernels-vectors.h"

#define ENTRY(kernel) .kernel = KERNELS(kernel),
const struct kernels KERNELS(table) = {.name = ISA, .lanes = LANES, EACH_KERNEL(ENTRY)};
