/* Growing text, and sinks. */
#ifndef ND_BASE_TEXT_H
#define ND_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "nadir.h"

/* vsnprintf with a decimal point in every locale. The thread's locale is put
 * back before it returns. */
int nd_vformat(char *out, size_t room, const char *format, va_list values)
    __attribute__((format(printf, 3, 0)));

/* Text under construction. Zero-initialize; a failed append sets failed and
 * later ones do nothing, so one check at the end is enough. */
typedef struct nd_text {
    char *data; /* NUL-terminated once anything was added; else NULL */
    size_t size, room;
    bool failed;
} nd_text;

/* Where n bytes and a NUL may be written, to be counted in text->size then; NULL if
 * there is no memory. */
char *nd_text_room(nd_text *text, size_t n);

void nd_text_add(nd_text *text, const char *bytes, size_t n);
void nd_text_puts(nd_text *text, const char *string);
void nd_text_printf(nd_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nd_text_vprintf(nd_text *text, const char *format, va_list values)
    __attribute__((format(printf, 2, 0)));

/* Append a word for a POSIX shell: as it is if it needs no quotes, else in single ones. */
void nd_text_shell(nd_text *text, const char *word);

/* Append a CSV cell: quoted if it holds a comma, a quote or a line break (RFC 4180). */
void nd_text_csv(nd_text *text, const char *cell, size_t n);
void nd_text_clear(nd_text *text); /* size 0, memory kept */
void nd_text_free(nd_text *text);

/* Hand the whole text to a sink and clear it. ND_ERR_MEMORY if an append had
 * failed, ND_ERR_IO if the sink refused. */
nd_status nd_text_flush(nd_ctx *ctx, nd_text *text, const nd_sink *sink);

/* The nearest of count names to word by edit distance (Damerau-Levenshtein,
 * '-' equals '_'), or NULL if none is near enough to be a slip of the finger. */
const char *nd_nearest(const char *word, const char *const *names, size_t count);

/* True if text[n] is valid UTF-8. */
bool nd_utf8_valid(const char *text, size_t n);

#endif
