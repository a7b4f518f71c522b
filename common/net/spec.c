#include "net/spec.h"

#include <stdio.h>
#include <string.h>

#include "base/report.h"
#include "base/vectors.h"
#include "cli/value.h"
#include "kernels/kernels.h"

enum { INPUT, ACTIVATIONS, BATCH_NORM, LOSS };

const char spec_activations[] = "linear|relu|sigmoid";
const char spec_losses[] = "mean-squared-error|binary-crossentropy";
const char *const spec_words[SPEC_WORDS] = {"input", "activations", "batch_norm", "loss"};

/* --- in words --- */

/* Appends the choice at POSITION to TEXT, after a comma where it is not the first. */
static void append_choice(char text[SPEC_TEXT], const char *choices, int position)
{
    size_t used = strlen(text);
    int length;
    const char *choice = value_choice(choices, position, &length);

    snprintf(text + used, SPEC_TEXT - used, "%s%.*s", used ? "," : "", length, choice);
}

void spec_format(char words[SPEC_WORDS][SPEC_TEXT], const struct net_spec *spec)
{
    memset(words, 0, SPEC_WORDS * sizeof *words);
    snprintf(words[INPUT], SPEC_TEXT, "%d,%d,%d", spec->height, spec->width, spec->channels);
    for (int k = 0; k < spec->n_layers; k++) {
        append_choice(words[ACTIVATIONS], spec_activations, (int)spec->layers[k].activation);
        append_choice(words[BATCH_NORM], "no|yes", spec->layers[k].batch_norm);
    }
    append_choice(words[LOSS], spec_losses, (int)spec->loss);
}

/* The position of the word at *text, which then points behind its comma; -1, and *text as it was,
 * where it is no choice. */
static int take_choice(const char **text, const char *choices)
{
    size_t n = strcspn(*text, ",");
    int position = value_find_choice(choices, *text, n);

    if (position >= 0)
        *text += n + ((*text)[n] == ',');
    return position;
}

const char *spec_parse(struct net_spec *spec, const char *const words[SPEC_WORDS],
                       char error[REASON_SIZE])
{
    const char *input = words[INPUT], *activations = words[ACTIVATIONS],
               *batch_norm = words[BATCH_NORM], *loss = words[LOSS];
    int end = 0, choice;

    if (strlen(input) > 40
        || sscanf(input, "%7d,%7d,%7d%n", &spec->height, &spec->width, &spec->channels, &end) != 3
        || input[end])
        return reason(error, "input '%.40s', want height,width,channels", input);
    for (int k = 0; k < spec->n_layers; k++) {
        if ((choice = take_choice(&activations, spec_activations)) < 0)
            return reason(error, "activations '%.40s', want one of %s for each layer", activations,
                          spec_activations);
        spec->layers[k].activation = (enum net_activation)choice;
        if ((choice = take_choice(&batch_norm, "no|yes")) < 0)
            return reason(error, "batch_norm '%.40s', want yes or no for each layer", batch_norm);
        spec->layers[k].batch_norm = choice;
    }
    if ((choice = take_choice(&loss, spec_losses)) < 0)
        return reason(error, "loss '%.40s', want one of %s", loss, spec_losses);
    spec->loss = (enum net_loss)choice;
    return NULL;
}

/* --- what it holds --- */

/* Places within the kernels of layer K (from 0), one window a filter, and within an image in its
 * margins are int32. */
static const char *check_places(const struct net_spec *s, int k)
{
    const double R = s->layers[k].kernel, C = k == 0 ? s->channels : s->layers[k - 1].filters;
    if (((s->height >> k) + R - 1) * ((s->width >> k) + R - 1) * C > 1 << 28)
        return "an image or a code, with margins for its kernels, has more than 2^28 values";
    if (s->layers[k].filters * R * (R * C + KERNELS_MAX_LANES - 1) > INT32_MAX)
        return "the kernels of a layer have more than 2^31 values";
    return NULL;
}

const char *spec_check(const struct net_spec *s)
{
    if (s->n_layers < 1 || s->n_layers > NET_MAX_LAYERS)
        return "number of layers is not in 1..16";
    if (s->height < 1 || s->width < 1 || s->channels < 1)
        return "height, width and channels must be at least 1";
    if ((double)s->height * s->width * s->channels > 1 << 28)
        return "an image has more than 2^28 values";
    if (s->height % (1 << s->n_layers) != 0 || s->width % (1 << s->n_layers) != 0)
        return "height or width is not a multiple of 2^layers";
    for (int k = 0; k < s->n_layers; k++) {
        if (s->layers[k].kernel < 1 || s->layers[k].kernel > 15 || s->layers[k].kernel % 2 == 0)
            return "kernel is not an odd number in 1..15";
        if (s->layers[k].filters < 1 || s->layers[k].filters > 4096)
            return "filters are not in 1..4096";
    }
    for (int k = 0; k < s->n_layers; k++)
        if (check_places(s, k) != NULL)
            return check_places(s, k);
    if (s->loss == NET_BCE && s->layers[0].activation != NET_SIGMOID)
        return "binary cross-entropy needs a sigmoid at the end";
    return NULL;
}

VECTORS void net_scale(float *x, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)bytes[i] / 255.0f;
}

struct net_parameter *spec_describe(const struct net_spec *spec, size_t *n, size_t *n_weights)
{
    static const struct {
        const char *name;
        enum net_role role;
    } vectors[] = {
        {"bias", NET_BIAS}, {"gamma", NET_GAMMA},       {"beta", NET_BETA},
        {"mean", NET_MEAN}, {"variance", NET_VARIANCE},
    };
    struct net_parameter *all = xcalloc(8 * (size_t)spec->n_layers, sizeof *all), *p = all;
    *n_weights = 0;
    for (int i = 0; i < 2 * spec->n_layers; i++) {
        const bool encoder = i < spec->n_layers;
        const int k = i % spec->n_layers;
        const struct net_layer *l = &spec->layers[k];
        const size_t R = (size_t)l->kernel, C = (size_t)(k == 0 ? spec->channels : l[-1].filters),
                     K = (size_t)l->filters;
        const size_t in = encoder ? C : K, out = encoder ? K : C;
        *p = (struct net_parameter){.role = NET_KERNEL,
                                    .rank = 4,
                                    .shape = {R, R, in, out},
                                    .offset = *n_weights,
                                    .count = R * R * in * out};
        snprintf(p->name, sizeof p->name, "%s.%d.kernel", encoder ? "encoder" : "decoder", k + 1);
        *n_weights += p++->count;
        for (int v = 0; v < (encoder && l->batch_norm ? 5 : 1); v++) {
            *p = (struct net_parameter){.role = vectors[v].role,
                                        .rank = 1,
                                        .shape = {out},
                                        .offset = *n_weights,
                                        .count = out};
            snprintf(p->name, sizeof p->name, "%s.%d.%s", encoder ? "encoder" : "decoder", k + 1,
                     vectors[v].name);
            *n_weights += p++->count;
        }
    }
    *n = (size_t)(p - all);
    return all;
}
