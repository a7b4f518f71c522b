#include "kernels/isa.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/processor.h"
#include "base/report.h"

#if defined(__x86_64__)
static const char choices[] = "auto|avx512|avx2|base";
#else
static const char choices[] = "auto|base";
#endif
static int isa; /* --isa, a position in choices */

struct cli_option isa_option(void)
{
    return (struct cli_option){
        "isa", CLI_CHOICE, &isa, 0,
        0,     choices,    0,    "instruction set of the arithmetic; auto: the best here"};
}

/* "auto|avx2|base", as far as this processor goes. */
static const char *runnable(void)
{
    char *text = xstrdup("auto");

    for (const struct kernels *const *k = kernels_all(); *k; k++)
        text = xformat("%s|%s", text, (*k)->name);
    return text;
}

void isa_select(void)
{
    int length;
    const char *choice = value_choice(choices, isa, &length), *asked = "--isa";
    const char *name = xformat("%.*s", length, choice);

    if (isa == 0) {
        asked = "KASANE_ISA";
        name = getenv("KASANE_ISA");
    }
    if (name && *name && strcmp(name, "auto") != 0 && !kernels_select(name))
        die_usage("%s '%s', want one of %s", asked, name, runnable());
}
