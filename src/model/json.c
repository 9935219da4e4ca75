#include "model/json.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

const char nd_json_no_memory[] = "out of memory";

void nd_json_begin(nd_json *json, const char *text, size_t size)
{
    *json = (nd_json){.start = text, .at = text, .end = text + size};
}

bool nd_json_fail(nd_json *json, const char *error)
{
    if (json->error == NULL) {
        json->error = error;
    }
    return false;
}

/* The next byte that is not a blank, or 0 at the end. */
static char peek(nd_json *json)
{
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r')) {
        json->at++;
    }
    return json->at < json->end ? *json->at : '\0';
}

static bool take(nd_json *json, char byte, const char *error)
{
    if (json->error != NULL) {
        return false;
    }
    if (peek(json) != byte) {
        return nd_json_fail(json, error);
    }
    json->at++;
    return true;
}

static bool open_container(nd_json *json, char byte, const char *error)
{
    if (!take(json, byte, error)) {
        return false;
    }
    if (json->depth == ND_JSON_DEPTH) {
        return nd_json_fail(json, "nested too deeply");
    }
    json->depth++;
    json->fresh = true;
    return true;
}

/* True if another member follows; closes the container otherwise. */
static bool next_member(nd_json *json, char close)
{
    bool fresh = json->fresh;
    json->fresh = false;
    if (json->error != NULL) {
        return false;
    }
    if (peek(json) == close && json->at < json->end) {
        json->at++;
        json->depth--;
        return false;
    }
    return fresh || take(json, ',', "expected ',' or the end of the container");
}

bool nd_json_object(nd_json *json)
{
    return open_container(json, '{', "expected an object");
}

bool nd_json_key(nd_json *json, nd_json_slice *key)
{
    return next_member(json, '}') && nd_json_string(json, key) && take(json, ':', "expected ':'");
}

bool nd_json_array(nd_json *json)
{
    return open_container(json, '[', "expected an array");
}

bool nd_json_item(nd_json *json)
{
    return next_member(json, ']');
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* Value of four hexadecimal digits, or -1. */
static long hex4(const char *at, const char *end)
{
    long value = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* Decode the escape after a backslash at *at, moving it on; -1 if there is none. */
static long escape(const char **at, const char *end)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = *at < end && **at != '\0' ? strchr(from, **at) : NULL;
    if (found != NULL) {
        (*at)++;
        return to[found - from];
    }
    if (*at == end || **at != 'u') {
        return -1;
    }
    long code = hex4(*at + 1, end);
    if (code < 0) {
        return -1;
    }
    *at += 5;
    if (code < 0xd800 || code > 0xdfff) {
        return code;
    }
    long low = end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' ? hex4(*at + 2, end) : -1;
    if (code > 0xdbff || low < 0xdc00 || low > 0xdfff) {
        return -1;
    }
    *at += 6;
    return 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
}

bool nd_json_string(nd_json *json, nd_json_slice *value)
{
    if (!take(json, '"', "expected a string")) {
        return false;
    }
    const char *start = json->at;
    while (json->at < json->end && *json->at != '"') {
        unsigned char byte = (unsigned char)*json->at++;
        if (byte < 0x20) {
            return nd_json_fail(json, "control byte in a string");
        }
        if (byte == '\\' && escape(&json->at, json->end) < 0) {
            return nd_json_fail(json, "bad escape in a string");
        }
    }
    if (json->at >= json->end) {
        return nd_json_fail(json, "string without end");
    }
    *value = (nd_json_slice){start, (size_t)(json->at - start)};
    json->at++;
    if (!nd_utf8_valid(value->text, value->size)) {
        return nd_json_fail(json, "string is not UTF-8");
    }
    return true;
}

static size_t digits(const char *at, const char *end)
{
    size_t n = 0;
    while (at + n < end && at[n] >= '0' && at[n] <= '9') {
        n++;
    }
    return n;
}

/* Length of the JSON number at the start of at..end, 0 if there is none. */
static size_t number_size(const char *at, const char *end)
{
    const char *start = at;
    at += at < end && *at == '-';
    size_t whole = digits(at, end);
    if (whole == 0 || (whole > 1 && *at == '0')) {
        return 0;
    }
    at += whole;
    if (at < end && *at == '.') {
        size_t part = digits(++at, end);
        if (part == 0) {
            return 0;
        }
        at += part;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        size_t power = digits(at, end);
        if (power == 0) {
            return 0;
        }
        at += power;
    }
    return (size_t)(at - start);
}

static bool named_number(nd_json *json, double *value)
{
    nd_json_slice name = {0};
    if (!nd_json_string(json, &name)) {
        return false;
    }
    if (nd_json_is(name, "nan")) {
        *value = (double)NAN;
    } else if (nd_json_is(name, "inf")) {
        *value = (double)INFINITY;
    } else if (nd_json_is(name, "-inf")) {
        *value = -(double)INFINITY;
    } else {
        return nd_json_fail(json, "expected a number");
    }
    return true;
}

bool nd_json_read_number(nd_json *json, double *value)
{
    if (json->error != NULL) {
        return false;
    }
    if (peek(json) == '"') {
        return named_number(json, value);
    }
    size_t n = number_size(json->at, json->end);
    if (n == 0 || nd_num_parse(json->at, n, value) != ND_NUM_OK) {
        return nd_json_fail(json, "expected a number");
    }
    json->at += n;
    return true;
}

bool nd_json_integer(nd_json *json, long *value)
{
    double number;
    if (!nd_json_read_number(json, &number)) {
        return false;
    }
    if (!(fabs(number) <= 9007199254740992.0) || number != floor(number)) {
        return nd_json_fail(json, "expected a whole number");
    }
    *value = (long)number;
    return true;
}

bool nd_json_size(nd_json *json, size_t *value)
{
    long number;
    if (!nd_json_integer(json, &number)) {
        return false;
    }
    if (number < 0) {
        return nd_json_fail(json, "expected a whole number from 0");
    }
    *value = (size_t)number;
    return true;
}

static bool word(nd_json *json, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(json->end - json->at) < n || memcmp(json->at, text, n) != 0) {
        return false;
    }
    json->at += n;
    return true;
}

bool nd_json_bool(nd_json *json, bool *value)
{
    if (json->error != NULL) {
        return false;
    }
    peek(json);
    *value = word(json, "true");
    return *value || word(json, "false") || nd_json_fail(json, "expected true or false");
}

static bool skip_scalar(nd_json *json, char first)
{
    nd_json_slice string;
    if (first == '"') {
        return nd_json_string(json, &string);
    }
    if (word(json, "true") || word(json, "false") || word(json, "null")) {
        return true;
    }
    size_t n = number_size(json->at, json->end);
    json->at += n;
    return n > 0 || nd_json_fail(json, "expected a value");
}

/* Depth is bounded by ND_JSON_DEPTH, so the recursion is too. */
bool nd_json_skip(nd_json *json)
{
    nd_json_slice key;
    if (json->error != NULL) {
        return false;
    }
    char first = peek(json);
    if (first == '{' && nd_json_object(json)) {
        while (nd_json_key(json, &key)) {
            nd_json_skip(json);
        }
    } else if (first == '[' && nd_json_array(json)) {
        while (nd_json_item(json)) {
            nd_json_skip(json);
        }
    } else if (json->error == NULL) {
        skip_scalar(json, first);
    }
    return json->error == NULL;
}

bool nd_json_end(nd_json *json)
{
    if (json->error == NULL && (peek(json), json->at < json->end)) {
        nd_json_fail(json, "text after the end");
    }
    return json->error == NULL;
}

bool nd_json_is(nd_json_slice slice, const char *text)
{
    return strlen(text) == slice.size && memcmp(text, slice.text, slice.size) == 0;
}

bool nd_json_field(nd_json *json, nd_json_slice key, const char *const *names, unsigned *seen,
                   size_t *field)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (nd_json_is(key, names[i])) {
            if (*seen & (1u << i)) {
                return nd_json_fail(json, "a key appears twice");
            }
            *seen |= 1u << i;
            *field = i;
            return true;
        }
    }
    return nd_json_fail(json, "unknown key");
}

/* UTF-8 of a code point; returns the number of bytes. */
static size_t put_utf8(char *out, long code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(lead[n] | code);
    return n;
}

char *nd_json_copy(nd_json *json, nd_json_slice slice, size_t *size)
{
    char *copy = json->error == NULL ? nd_alloc(slice.size + 1, 1) : NULL;
    if (copy == NULL) {
        nd_json_fail(json, nd_json_no_memory);
        return NULL;
    }
    size_t n = 0;
    for (const char *at = slice.text, *end = at + slice.size; at < end;) {
        if (*at != '\\') {
            copy[n++] = *at++;
            continue;
        }
        at++;
        n += put_utf8(copy + n, escape(&at, end));
    }
    copy[n] = '\0';
    if (size != NULL) {
        *size = n;
    } else if (strlen(copy) != n) {
        nd_json_fail(json, "NUL in a text");
        nd_free(copy);
        return NULL;
    }
    return copy;
}

void nd_json_put(nd_text *out, const char *text, size_t size)
{
    nd_text_add(out, "\"", 1);
    for (size_t i = 0, plain = 0; i <= size; i++) {
        unsigned char byte = i < size ? (unsigned char)text[i] : '"';
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        nd_text_add(out, text + plain, i - plain);
        plain = i + 1;
        if (i == size) {
            break;
        }
        if (byte < 0x20) {
            nd_text_printf(out, "\\u%04x", byte);
        } else {
            nd_text_printf(out, "\\%c", byte);
        }
    }
    nd_text_add(out, "\"", 1);
}

void nd_json_puts(nd_text *out, const char *text)
{
    nd_json_put(out, text, strlen(text));
}

void nd_json_put_number(nd_text *out, double value)
{
    char digits_of[ND_NUM_TEXT];
    size_t n = nd_num_print(digits_of, value);
    bool finite = isfinite(value);
    nd_text_add(out, "\"", finite ? 0 : 1);
    nd_text_add(out, digits_of, n);
    nd_text_add(out, "\"", finite ? 0 : 1);
}
