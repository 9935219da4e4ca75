/* Numbers as text, the same in every locale. */
#ifndef ND_BASE_NUM_H
#define ND_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum nd_num {
    ND_NUM_OK,
    ND_NUM_NONE,    /* the text is not a number */
    ND_NUM_OVERFLOW /* a number beyond the range of double, such as 1e400 */
} nd_num;

/* Parse the whole of text[n] as a decimal number: optional sign, digits with an
 * optional point, optional exponent. No blanks, no hexadecimal. "inf", "infinity"
 * and "nan" in any case give those values. Correctly rounded. Reads exactly n
 * bytes; text need not end in NUL. */
nd_num nd_num_parse(const char *text, size_t n, double *value);

/* Parse a whole number; false if text[n] is none or does not fit. */
bool nd_num_parse_int(const char *text, size_t n, int64_t *value);

/* Shortest decimal text that reads back as the same double (float); "nan", "inf"
 * and "-inf" otherwise. Writes at most ND_NUM_TEXT bytes with the NUL, returns
 * the length. */
#define ND_NUM_TEXT 32
size_t nd_num_print(char *out, double value);
size_t nd_num_print_float(char *out, float value);

/* A whole number; the length without the NUL. */
size_t nd_num_print_whole(char *out, uint64_t value);

/* value with a fixed number of digits after the point, like "%.*f". */
size_t nd_num_print_fixed(char *out, double value, int digits);

/* Like "%.*g": significant digits. */
size_t nd_num_print_general(char *out, double value, int digits);

#endif
