/* thrift: structs in Thrift's compact protocol, field by field into a buffer. Pure.
 *
 * A field is the step from the number of the field before, in four bits, and its type in four more;
 * then its value: numbers zigzag and of variable length, texts behind their length. A struct ends
 * with a zero byte. Source: https://github.com/apache/thrift, doc/specs/thrift-compact-protocol.md
 */
#ifndef THRIFT_H
#define THRIFT_H

#include <stdbool.h>

#include "files/buffer.h"

enum thrift_type {
    THRIFT_BYTE = 3,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_TEXT = 8,
    THRIFT_STRUCT = 12
};
enum { THRIFT_DEPTH = 12 };
struct thrift {
    struct buffer *b;
    int depth, last[THRIFT_DEPTH]; /* of each open struct the number of its last field */
};

/* Fields of the struct that is open; the outermost is open from the start, with T zero but B. */
void thrift_int(struct thrift *t, int field, enum thrift_type type, int64_t value);
void thrift_bool(struct thrift *t, int field, bool value);
void thrift_text(struct thrift *t, int field, const void *text, size_t len);
void thrift_open(struct thrift *t, int field); /* a struct, until thrift_close */
void thrift_close(struct thrift *t);           /* the outermost too */
/* A list of N elements of this type, which follow: structs between thrift_open_element and
 * thrift_close; others by the last two. */
void thrift_list(struct thrift *t, int field, enum thrift_type type, size_t n);
void thrift_open_element(struct thrift *t);
void thrift_element_int(struct thrift *t, int64_t value);
void thrift_element_text(struct thrift *t, const char *text);

#endif
