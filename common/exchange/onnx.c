#include "exchange/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "exchange/protobuf.h"
#include "files/trailer.h"
#include "net/norm.h"

enum { OPSET = 13, FLOAT = 1, UINT8 = 2 };  /* element types */
enum { MODEL_GRAPH = 7, MODEL_OPSETS = 8 }; /* fields of ModelProto */
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_TYPE = 4, NODE_ATTRIBUTE = 5 };
enum {
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_S = 4,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_TYPE = 20
};
enum { TYPE_F = 1, TYPE_I = 2, TYPE_S = 3, TYPE_INTS = 7 }; /* of AttributeProto */
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };

/* The graph so far. Nodes follow one another: each takes what the one before gave. */
struct graph {
    struct buffer text;
    char last[32]; /* the name of what the last node gives */
    int n_nodes;
};

/* --- attributes of a node, NODE --- */

static void add_attribute(struct buffer *node, struct buffer *attribute, const char *name, int type)
{
    protobuf_text(attribute, ATTRIBUTE_NAME, name);
    protobuf_int(attribute, ATTRIBUTE_TYPE, type);
    protobuf_message(node, NODE_ATTRIBUTE, attribute);
}

static void add_ints(struct buffer *node, const char *name, const int *values, int n)
{
    struct buffer a = {0};

    for (int i = 0; i < n; i++)
        protobuf_int(&a, ATTRIBUTE_INTS, values[i]);
    add_attribute(node, &a, name, TYPE_INTS);
}

static void add_int(struct buffer *node, const char *name, int value)
{
    struct buffer a = {0};

    protobuf_int(&a, ATTRIBUTE_I, value);
    add_attribute(node, &a, name, TYPE_I);
}

static void add_float(struct buffer *node, const char *name, float value)
{
    struct buffer a = {0};

    protobuf_float(&a, ATTRIBUTE_F, value);
    add_attribute(node, &a, name, TYPE_F);
}

static void add_text(struct buffer *node, const char *name, const char *value)
{
    struct buffer a = {0};

    protobuf_text(&a, ATTRIBUTE_S, value);
    add_attribute(node, &a, name, TYPE_S);
}

/* --- nodes --- */

/* A node of this TYPE with the attributes NODE, which is released; INPUTS: initializers after what
 * the last node gave, NULL at the end. It gives OUTPUT; NULL: a name of its own. */
static void add_node(struct graph *g, const char *type, struct buffer *node,
                     const char *const *inputs, const char *output)
{
    struct buffer all = {0};
    char name[32];

    snprintf(name, sizeof name, "%s.%d", type, ++g->n_nodes);
    protobuf_text(&all, NODE_INPUT, g->last);
    for (; *inputs; inputs++)
        protobuf_text(&all, NODE_INPUT, *inputs);
    snprintf(g->last, sizeof g->last, "%s", output ? output : name);
    protobuf_text(&all, NODE_OUTPUT, g->last);
    protobuf_text(&all, NODE_NAME, name);
    protobuf_text(&all, NODE_TYPE, type);
    buffer_add(&all, node->data, node->len);
    buffer_release(node);
    protobuf_message(&g->text, GRAPH_NODE, &all);
}

static const char *const none[] = {NULL};

static void add_transpose(struct graph *g, const int order[4], const char *output)
{
    struct buffer node = {0};

    add_ints(&node, "perm", order, 4);
    add_node(g, "Transpose", &node, none, output);
}

static void add_conv(struct graph *g, const char *layer, int R)
{
    struct buffer node = {0};
    const int shape[] = {R, R}, pads[] = {R / 2, R / 2, R / 2, R / 2};
    char *kernel = xformat("%s.kernel", layer), *bias = xformat("%s.bias", layer);

    add_ints(&node, "kernel_shape", shape, 2);
    add_ints(&node, "pads", pads, 4);
    add_node(g, "Conv", &node, (const char *const[]){kernel, bias, NULL}, NULL);
    free(kernel);
    free(bias);
}

static void add_batch_norm(struct graph *g, const char *layer)
{
    struct buffer node = {0};
    char *gamma = xformat("%s.gamma", layer), *beta = xformat("%s.beta", layer);
    char *mean = xformat("%s.mean", layer), *variance = xformat("%s.variance", layer);

    add_float(&node, "epsilon", (float)NORM_EPSILON);
    add_node(g, "BatchNormalization", &node,
             (const char *const[]){gamma, beta, mean, variance, NULL}, NULL);
    free(gamma);
    free(beta);
    free(mean);
    free(variance);
}

static void add_encoder(struct graph *g, const struct net_layer *l, int number)
{
    char *layer = xformat("encoder.%d", number);
    struct buffer relu = {0}, pool = {0};
    const int two[] = {2, 2};

    add_conv(g, layer, l->kernel);
    if (l->batch_norm)
        add_batch_norm(g, layer);
    add_node(g, "Relu", &relu, none, NULL);
    add_ints(&pool, "kernel_shape", two, 2);
    add_ints(&pool, "strides", two, 2);
    add_node(g, "MaxPool", &pool, none, NULL);
    free(layer);
}

static void add_decoder(struct graph *g, const struct net_layer *l, int number)
{
    char *layer = xformat("decoder.%d", number);
    struct buffer resize = {0}, activation = {0};

    add_text(&resize, "coordinate_transformation_mode", "asymmetric");
    add_text(&resize, "mode", "nearest");
    add_text(&resize, "nearest_mode", "floor");
    add_node(g, "Resize", &resize, (const char *const[]){"", "doubled", NULL}, NULL);
    add_conv(g, layer, l->kernel);
    if (l->activation != NET_LINEAR)
        add_node(g, l->activation == NET_RELU ? "Relu" : "Sigmoid", &activation, none, NULL);
    free(layer);
}

/* --- tensors --- */

static void add_initializer(struct graph *g, const char *name, const size_t *shape, int rank,
                            const float *x)
{
    struct buffer t = {0};
    size_t n = 1;

    for (int i = 0; i < rank; i++) {
        n *= shape[i];
        protobuf_int(&t, TENSOR_DIMS, (int64_t)shape[i]);
    }
    protobuf_int(&t, TENSOR_TYPE, FLOAT);
    protobuf_text(&t, TENSOR_NAME, name);
    protobuf_bytes(&t, TENSOR_RAW, x, n * sizeof *x);
    protobuf_message(&g->text, GRAPH_INITIALIZER, &t);
}

/* to (O,C,R,R) = w (R,R,C,O). */
static void turn_kernel(float *to, const float *w, const size_t shape[4])
{
    size_t RR = shape[0] * shape[1], C = shape[2], O = shape[3];

    for (size_t o = 0; o < O; o++)
        for (size_t c = 0; c < C; c++)
            for (size_t r = 0; r < RR; r++)
                *to++ = w[(r * C + c) * O + o];
}

/* The parameters of the layers as the file names them: "encoder.1.kernel" of a net whose first
 * layer is 3 is "encoder.3.kernel". */
static void add_parameters(struct graph *g, const struct net_spec *spec, const float *weights,
                           int first, bool decoder)
{
    size_t n, n_weights;
    struct net_parameter *parameters = spec_describe(spec, &n, &n_weights);

    for (struct net_parameter *p = parameters; p < parameters + n; p++) {
        char *rest, *name;
        long layer = strtol(strchr(p->name, '.') + 1, &rest, 10);
        const size_t *s = p->shape;

        if (!decoder && *p->name == 'd')
            continue;
        name = xformat("%.7s.%ld%s", p->name, layer + first - 1, rest);
        if (p->role == NET_KERNEL) {
            float *turned = xcalloc(p->count, sizeof *turned);

            turn_kernel(turned, weights + p->offset, s);
            add_initializer(g, name, (size_t[]){s[3], s[2], s[0], s[1]}, 4, turned);
            free(turned);
        } else {
            add_initializer(g, name, s, p->rank, weights + p->offset);
        }
        free(name);
    }
    free(parameters);
}

/* The input or output NAME (N,H,W,C), N free. */
static void add_value(struct graph *g, int field, const char *name, int type, const int shape[3])
{
    struct buffer dims = {0}, dim = {0}, tensor = {0}, value = {0}, whole = {0};

    protobuf_text(&dim, 2, "N");
    protobuf_message(&dims, 1, &dim);
    for (int i = 0; i < 3; i++) {
        protobuf_int(&dim, 1, shape[i]);
        protobuf_message(&dims, 1, &dim);
    }
    protobuf_int(&tensor, 1, type);
    protobuf_message(&tensor, 2, &dims);
    protobuf_message(&value, 1, &tensor);
    protobuf_text(&whole, 1, name);
    protobuf_message(&whole, 2, &value);
    protobuf_message(&g->text, field, &whole);
}

/* --- the whole --- */

static void add_input(struct graph *g, bool bytes)
{
    struct buffer cast = {0}, div = {0};

    snprintf(g->last, sizeof g->last, "images");
    if (!bytes)
        return;
    add_int(&cast, "to", FLOAT);
    add_node(g, "Cast", &cast, none, NULL);
    add_node(g, "Div", &div, (const char *const[]){"most", NULL}, NULL);
}

size_t onnx_memory(size_t n_weights)
{
    return 4 * n_weights * sizeof(float); /* the graph, which grows by doubling, and the model */
}

void onnx_format(struct buffer *b, const struct net_spec *spec, const float *weights, int first,
                 bool bytes, bool decoder)
{
    static const int to_planes[] = {0, 3, 1, 2}, from_planes[] = {0, 2, 3, 1};
    const char *output = decoder ? "reconstruction" : "code";
    const int K = spec->n_layers, input[] = {spec->height, spec->width, spec->channels},
              code[] = {spec->height >> K, spec->width >> K, spec->layers[K - 1].filters};
    struct graph g = {0};
    struct buffer opset = {0};

    add_input(&g, bytes);
    add_transpose(&g, to_planes, NULL);
    for (int k = 0; k < K; k++)
        add_encoder(&g, &spec->layers[k], first + k);
    for (int k = K - 1; decoder && k >= 0; k--)
        add_decoder(&g, &spec->layers[k], first + k);
    add_transpose(&g, from_planes, output);
    protobuf_text(&g.text, GRAPH_NAME, decoder ? "autoencoder" : "encoder");
    if (bytes)
        add_initializer(&g, "most", (const size_t[]){0}, 0, (const float[]){255});
    if (decoder)
        add_initializer(&g, "doubled", (const size_t[]){4}, 1, (const float[]){1, 1, 2, 2});
    add_parameters(&g, spec, weights, first, decoder);
    add_value(&g, GRAPH_INPUT, "images", bytes ? UINT8 : FLOAT, input);
    add_value(&g, GRAPH_OUTPUT, output, FLOAT, decoder ? input : code);
    buffer_add(b, trailer_onnx_head, TRAILER_HEAD);
    protobuf_message(b, MODEL_GRAPH, &g.text);
    protobuf_text(&opset, 1, "");
    protobuf_int(&opset, 2, OPSET);
    protobuf_message(b, MODEL_OPSETS, &opset);
}
