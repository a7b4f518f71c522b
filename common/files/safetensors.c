#include "files/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/report.h"
#include "files/json.h"

void safetensors_release(struct safetensors *s)
{
    for (size_t i = 0; i < s->n_entries; i++)
        free(s->entries[i].name);
    for (size_t i = 0; i < s->n_metadata; i++) {
        free(s->metadata[i].key);
        free(s->metadata[i].value);
    }
    free(s->entries);
    free(s->metadata);
    s->entries = NULL;
    s->metadata = NULL;
    s->n_entries = s->n_metadata = s->n_floats = 0;
}

static const char *parse_metadata(struct safetensors *s, json_t *metadata)
{
    const char *key;
    json_t *value;

    if (!json_is_object(metadata))
        return "__metadata__ is no object";
    s->metadata = xcalloc(json_object_size(metadata), sizeof *s->metadata);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return "a value in __metadata__ is no text";
        s->metadata[s->n_metadata++] =
            (struct safetensors_pair){xstrdup(key), xstrdup(json_string_value(value))};
    }
    return NULL;
}

/* How numbers of DTYPE stand; false where it is none that is read. */
static bool parse_dtype(struct npy_stored *stored, const char *dtype)
{
    static const struct {
        const char *name;
        struct npy_stored stored;
    } known[] = {
        {"F32", {'f', 4, false}},
        {"F16", {'f', 2, false}},
        {"BF16", {'B', 2, false}},
        {"F64", {'f', 8, false}},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(dtype, known[i].name) == 0) {
            *stored = known[i].stored;
            return true;
        }
    return false;
}

/* Entry E of S from {"dtype":"F32","shape":[...],"data_offsets":[begin,end]}; data of DATA_LEN
 * bytes follow the header. */
static const char *parse_entry(struct safetensors *s, struct safetensors_entry *e, json_t *value,
                               size_t data_len)
{
    size_t product =
        1; /* dimensions of 0 counted as 1, so that any part of a shape may be multiplied */
    json_t *dtype = json_object_get(value, "dtype"), *shape = json_object_get(value, "shape");
    json_t *offsets = json_object_get(value, "data_offsets");
    json_int_t begin, end;

    if (!json_is_string(dtype) || !json_is_array(shape) || !json_is_array(offsets)
        || json_array_size(offsets) != 2)
        return "a tensor without dtype, shape and data_offsets";
    if (!parse_dtype(&e->stored, json_string_value(dtype)))
        return reason(s->error, "tensor '%.60s' of dtype '%.20s', want F32, F16, BF16 or F64",
                      e->name, json_string_value(dtype));
    if (json_array_size(shape) > SAFETENSORS_MAX_RANK)
        return "a tensor of more than 8 dimensions";
    e->rank = (int)json_array_size(shape);
    e->count = 1;
    for (int i = 0; i < e->rank; i++) {
        json_t *dimension = json_array_get(shape, (size_t)i);
        if (!json_is_integer(dimension) || json_integer_value(dimension) < 0)
            return "a dimension that is no whole number";
        e->shape[i] = (size_t)json_integer_value(dimension);
        e->count *= e->shape[i];
        if (e->shape[i] > 0
            && (__builtin_mul_overflow(product, e->shape[i], &product)
                || product > SIZE_MAX / sizeof(double)))
            return "shape overflows";
    }
    if (!json_is_integer(json_array_get(offsets, 0))
        || !json_is_integer(json_array_get(offsets, 1)))
        return "an offset that is no whole number";
    begin = json_integer_value(json_array_get(offsets, 0));
    end = json_integer_value(json_array_get(offsets, 1));
    if (begin < 0 || end < begin || (uint64_t)end > data_len)
        return "an offset outside the data";
    if ((size_t)(end - begin) != e->count * e->stored.size)
        return "offsets that do not fit the shape";
    e->begin = s->data_start + (size_t)begin;
    return NULL;
}

static int by_begin(const void *a, const void *b)
{
    const struct safetensors_entry *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->count > y->count) - (x->count < y->count); /* empty tensors first */
}

static const char *parse_object(struct safetensors *s, json_t *root, size_t data_len)
{
    const char *key, *bad;
    json_t *value;
    size_t end = s->data_start;

    s->entries = xcalloc(json_object_size(root), sizeof *s->entries);
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            bad = parse_metadata(s, value);
        } else {
            struct safetensors_entry *e = &s->entries[s->n_entries++];
            e->name = xstrdup(key);
            bad = parse_entry(s, e, value, data_len);
        }
        if (bad)
            return bad;
    }
    qsort(s->entries, s->n_entries, sizeof *s->entries, by_begin);
    for (size_t i = 0; i < s->n_entries; i++) {
        struct safetensors_entry *e = &s->entries[i];

        if (e->begin != end)
            return "tensors overlap or leave a hole";
        e->offset = s->n_floats;
        end += e->count * e->stored.size;
        s->n_floats += e->count;
    }
    return end - s->data_start == data_len ? NULL : "data longer than the tensors";
}

const char *safetensors_parse(struct safetensors *s, const unsigned char *data, size_t len)
{
    const char *bad;
    uint64_t header_len;
    json_t *root;

    *s = (struct safetensors){0};
    if (len < 8)
        return "shorter than a safetensors header";
    header_len = get_le64(data);
    if (header_len > len - 8)
        return "a header longer than the file";
    if (header_len > JSON_MAX_TEXT)
        return "a header over 4 MiB";
    root = json_parse((const char *)data + 8, (size_t)header_len);
    if (!json_is_object(root)) {
        json_decref(root);
        return "a header that is no JSON object";
    }
    s->data_start = 8 + (size_t)header_len;
    bad = parse_object(s, root, len - s->data_start);
    json_decref(root);
    if (bad)
        safetensors_release(s);
    return bad;
}

void safetensors_numbers(float *to, const struct safetensors_entry *e, const unsigned char *file)
{
    npy_convert(to, NPY_F32, file + e->begin, &e->stored, e->count);
}

static json_t *entry_json(const struct safetensors_entry *e)
{
    json_t *shape = json_checked(json_array());

    for (int i = 0; i < e->rank; i++)
        json_array_append_new(shape, json_checked(json_integer((json_int_t)e->shape[i])));
    return json_checked(json_pack("{s:s, s:o, s:[I,I]}", "dtype", "F32", "shape", shape,
                                  "data_offsets", (json_int_t)(e->offset * sizeof(float)),
                                  (json_int_t)((e->offset + e->count) * sizeof(float))));
}

unsigned char *safetensors_format(const struct safetensors *s, size_t *len)
{
    json_t *root = json_checked(json_object()), *metadata = json_checked(json_object());
    unsigned char *data;
    size_t text_len, padded;
    char *text;

    for (size_t i = 0; i < s->n_metadata; i++)
        json_object_set_new(metadata, s->metadata[i].key, json_text(s->metadata[i].value));
    json_object_set_new(root, "__metadata__", metadata);
    for (size_t i = 0; i < s->n_entries; i++)
        json_object_set_new(root, s->entries[i].name, entry_json(&s->entries[i]));
    text = json_format(root);
    json_decref(root);
    text_len = strlen(text);
    padded = (text_len + 7) / 8 * 8;
    if (padded > JSON_MAX_TEXT)
        die("a model header of %zu bytes is longer than may be read back", padded);
    data = xmalloc(8 + padded);
    put_le64(data, padded);
    memcpy(data + 8, text, text_len);
    memset(data + 8 + text_len, ' ', padded - text_len);
    free(text);
    *len = 8 + padded;
    return data;
}

const struct safetensors_entry *safetensors_find(const struct safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->n_entries; i++)
        if (strcmp(s->entries[i].name, name) == 0)
            return &s->entries[i];
    return NULL;
}

const char *safetensors_metadata(const struct safetensors *s, const char *key)
{
    for (size_t i = 0; i < s->n_metadata; i++)
        if (strcmp(s->metadata[i].key, key) == 0)
            return s->metadata[i].value;
    return NULL;
}
