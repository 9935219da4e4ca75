/* JSON read piece by piece, straight from the bytes: no tree is built, so what a
 * hostile file can make us allocate is what the reader chooses to keep. And the
 * few helpers that write JSON into an nd_text. */
#ifndef ND_MODEL_JSON_H
#define ND_MODEL_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum { ND_JSON_DEPTH = 32 };

/* A string between its quotes, escapes still in place. */
typedef struct nd_json_slice {
    const char *text;
    size_t size;
} nd_json_slice;

/* A reader over text[size]. The first failure sticks: every later call returns
 * false, so one look at error after a run of calls is enough. */
typedef struct nd_json {
    const char *start, *at, *end;
    bool fresh; /* a container was just opened */
    int depth;
    const char *error; /* static text, NULL while all is well */
} nd_json;

void nd_json_begin(nd_json *json, const char *text, size_t size);

/* The error of a copy that found no memory, compared by address. */
extern const char nd_json_no_memory[];

/* Give up with a reason of the caller's; returns false. */
bool nd_json_fail(nd_json *json, const char *error);

/* Open an object, then take keys until false: either the object ended (error is
 * NULL) or it failed. After each key the caller reads one value. */
bool nd_json_object(nd_json *json);
bool nd_json_key(nd_json *json, nd_json_slice *key);

/* The same for an array. */
bool nd_json_array(nd_json *json);
bool nd_json_item(nd_json *json);

bool nd_json_string(nd_json *json, nd_json_slice *value);

/* A number, or one of the strings "nan", "inf", "-inf", which JSON lacks. */
bool nd_json_read_number(nd_json *json, double *value);

/* A whole number 0..2^53, as a size. */
bool nd_json_size(nd_json *json, size_t *value);
bool nd_json_integer(nd_json *json, long *value);
bool nd_json_bool(nd_json *json, bool *value);

/* Any one value, checked but not kept. */
bool nd_json_skip(nd_json *json);

/* True if the whole text was read and nothing failed. */
bool nd_json_end(nd_json *json);

/* True if the slice is exactly this text (which needs no escapes). */
bool nd_json_is(nd_json_slice slice, const char *text);

/* Index of the field whose name the key is, for objects with known fields: fails
 * on an unknown key and on one seen before (bits of *seen). names ends in NULL. */
bool nd_json_field(nd_json *json, nd_json_slice key, const char *const *names, unsigned *seen,
                   size_t *field);

/* Copy without escapes, NUL-terminated; *size (may be NULL) gets the length, and
 * without it a text that holds a NUL is refused. NULL on failure. */
char *nd_json_copy(nd_json *json, nd_json_slice slice, size_t *size);

/* Append "text" with quotes and escapes. */
void nd_json_put(nd_text *out, const char *text, size_t size);
void nd_json_puts(nd_text *out, const char *text);

/* Append a number that reads back as the same double. */
void nd_json_put_number(nd_text *out, double value);

#endif
