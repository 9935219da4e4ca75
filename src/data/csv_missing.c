#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/num.h"
#include "data/csv_internal.h"

static const char *const usual_words = "?,NA,N/A,#N/A,nan,null,None";

static unsigned char other_case(unsigned char c)
{
    if (c >= 'a' && c <= 'z') {
        return (unsigned char)(c - 'a' + 'A');
    }
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
}

static void add_word(nd_csv_missing *missing, const char *word, size_t n)
{
    if (n == 0) {
        return;
    }
    missing->word[missing->count] = word;
    missing->size[missing->count++] = n;
    missing->starts[(unsigned char)word[0]] = true;
    missing->starts[other_case((unsigned char)word[0])] = true;
    double value = 0;
    if (nd_num_parse(word, n, &value) == ND_NUM_OK && isfinite(value)) {
        missing->number[missing->number_count++] = value;
    }
}

/* Length of the word in double quotes that p begins with; 0 if it is none. */
static size_t quoted_word(const char *p)
{
    const char *close = p[0] == '"' ? strchr(p + 1, '"') : NULL;
    const char *behind = close ? close + 1 + strspn(close + 1, " ") : NULL;
    return behind && (*behind == ',' || !*behind) ? (size_t)(close - p - 1) : 0;
}

nd_status nd_csv_missing_init(nd_ctx *ctx, const char *list, nd_csv_missing *missing)
{
    memset(missing, 0, sizeof *missing);
    list = list ? list : usual_words;
    size_t most = 1;
    for (const char *p = list; *p; p++) {
        most += *p == ',' ? 1 : 0;
    }
    missing->text = nd_strdup(list);
    missing->word = nd_alloc(most, sizeof *missing->word);
    missing->size = nd_alloc(most, sizeof *missing->size);
    missing->number = nd_alloc(most, sizeof *missing->number);
    if (!missing->text || !missing->word || !missing->size || !missing->number) {
        return nd_fail_memory(ctx);
    }
    for (const char *p = missing->text;;) {
        p += strspn(p, " ");
        size_t quoted = quoted_word(p), trimmed = strcspn(p, ",");
        size_t n = quoted ? quoted + 2 + strcspn(p + quoted + 2, ",") : trimmed;
        while (trimmed > 0 && p[trimmed - 1] == ' ') {
            trimmed--;
        }
        add_word(missing, quoted ? p + 1 : p, quoted ? quoted : trimmed);
        if (!p[n]) {
            return ND_OK;
        }
        p += n + 1;
    }
}

void nd_csv_missing_free(nd_csv_missing *missing)
{
    nd_free(missing->text);
    nd_free((void *)missing->word);
    nd_free(missing->size);
    nd_free(missing->number);
}

static bool is_missing(const nd_csv_missing *missing, const char *text, size_t n)
{
    if (n == 0) {
        return true;
    }
    if (!missing->starts[(unsigned char)text[0]]) {
        return false;
    }
    for (size_t i = 0; i < missing->count; i++) {
        if (missing->size[i] == n && strncasecmp(missing->word[i], text, n) == 0) {
            return true;
        }
    }
    return false;
}

/* No number begins with any other byte. */
static bool may_be_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'i' || c == 'I';
}

/* Bytes of the mark of thousands that text begins with, 0 if it does not. */
static size_t mark_size(char thousands, const char *text, size_t n)
{
    if (thousands != 0 && n > 0 && text[0] == thousands) {
        return 1;
    }
    bool blank = thousands == ' ';
    return blank && n >= 2 && memcmp(text, "\xC2\xA0", 2) == 0       ? 2
           : blank && n >= 3 && memcmp(text, "\xE2\x80\xAF", 3) == 0 ? 3
                                                                     : 0;
}

/* Sign and digits before the decimal mark onto plain, without marks of thousands, which stand
 * before every three digits or before none. Bytes read; SIZE_MAX if a mark stands elsewhere. */
static size_t take_whole(char thousands, const char *text, size_t n, char *plain, size_t *size)
{
    size_t i = 0, digits = 0, marks = 0;
    if (n > 0 && (text[0] == '-' || text[0] == '+')) {
        plain[(*size)++] = text[i++];
    }
    while (i < n) {
        size_t mark = mark_size(thousands, text + i, n - i);
        if (mark == 0 && (text[i] < '0' || text[i] > '9')) {
            break;
        }
        if (mark > 0 && (marks > 0 ? digits != 3 : digits == 0 || digits > 3)) {
            return SIZE_MAX;
        }
        digits = mark > 0 ? 0 : digits + 1;
        marks += mark > 0;
        if (mark == 0) {
            plain[(*size)++] = text[i];
        }
        i += mark > 0 ? mark : 1;
    }
    return marks > 0 && digits != 3 ? SIZE_MAX : i;
}

/* nd_num_parse of a number with a decimal comma, in which a point is none, or marks of thousands,
 * or both. */
static nd_num parse_marked(bool comma, char thousands, const char *text, size_t n, double *value)
{
    char plain[128];
    size_t size = 0;
    if (n > sizeof plain) {
        return ND_NUM_NONE;
    }
    size_t i = take_whole(thousands, text, n, plain, &size);
    if (i == SIZE_MAX) {
        return ND_NUM_NONE;
    }
    for (; i < n; i++) {
        if (comma && text[i] == '.') {
            return ND_NUM_NONE;
        }
        plain[size++] = (char)(comma && text[i] == ',' ? '.' : text[i]);
    }
    return nd_num_parse(plain, size, value);
}

static nd_num parse(const nd_csv_missing *missing, const char *text, size_t n, double *value)
{
    bool marked = missing->comma || missing->thousands != 0;
    return marked ? parse_marked(missing->comma, missing->thousands, text, n, value)
                  : nd_num_parse(text, n, value);
}

char nd_csv_thousands_mark(const nd_csv_missing *missing, const char *text, size_t n)
{
    static const char marks[] = {',', '.', ' ', '\''};
    double value;
    for (size_t i = 0; i < sizeof marks; i++) {
        if (marks[i] != (missing->comma ? ',' : '.') &&
            parse_marked(missing->comma, marks[i], text, n, &value) == ND_NUM_OK &&
            isfinite(value)) {
            return marks[i];
        }
    }
    return 0;
}

nd_csv_class nd_csv_classify(const nd_csv_missing *missing, const char *text, size_t n,
                             double *value)
{
    while (n > 0 && (text[0] == ' ' || text[0] == '\t')) {
        text++;
        n--;
    }
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) {
        n--;
    }
    *value = NAN;
    if (is_missing(missing, text, n)) {
        return ND_CSV_MISSING;
    }
    if (!may_be_number(text[0]) && !(missing->comma && text[0] == ',')) {
        return ND_CSV_TEXT;
    }
    switch (parse(missing, text, n, value)) {
    case ND_NUM_OK:
        if (isnan(*value)) {
            return ND_CSV_TEXT;
        }
        return isinf(*value) ? ND_CSV_INFINITE : ND_CSV_NUMBER;
    case ND_NUM_OVERFLOW:
        return ND_CSV_OVERFLOW;
    case ND_NUM_NONE:
        break;
    }
    *value = NAN;
    return ND_CSV_TEXT;
}

bool nd_csv_comma_number(const char *text, size_t n)
{
    char plain[ND_NUM_TEXT];
    size_t size = 0;
    if (n == 0 || n > sizeof plain || !may_be_number(text[0])) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] != ',') {
            plain[size++] = text[i];
        }
    }
    double value;
    return size < n && text[n - 1] != ',' && nd_num_parse(plain, size, &value) == ND_NUM_OK;
}
