/* isa: the instruction set of the arithmetic, as the user chooses it.
 *
 * A program that computes with nets puts isa_option() into its table of options and calls
 * isa_select() behind cli_parse, before any thread is started.
 */
#ifndef ISA_H
#define ISA_H

#include "cli/options.h"

/* The option --isa: "auto" or an instruction set that this build has kernels for. It is no setting.
 */
struct cli_option isa_option(void);
/* Selects the kernels that --isa, else KASANE_ISA in the environment names; "auto" or without a
 * name the best that this processor runs. Dies (2) where it is none that this processor runs. */
void isa_select(void);

#endif
