#include "base/text.h"

#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"

int nd_vformat(char *out, size_t room, const char *format, va_list values)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain) {
        return -1;
    }
    locale_t old = uselocale(plain);
    int size = vsnprintf(out, room, format, values);
    uselocale(old);
    freelocale(plain);
    return size;
}

/* Room for n more bytes and the NUL. */
static bool reserve(nd_text *text, size_t n)
{
    size_t need;
    if (text->failed) {
        return false;
    }
    if (__builtin_add_overflow(text->size, n, &need) || need >= SIZE_MAX / 2) {
        text->failed = true;
        return false;
    }
    if (need < text->room) {
        return true;
    }
    size_t room = text->room * 2 > need + 1 ? text->room * 2 : need + 1;
    room = room < 64 ? 64 : room;
    char *data = nd_realloc(text->data, room, 1);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->room = room;
    return true;
}

char *nd_text_room(nd_text *text, size_t n)
{
    return reserve(text, n) ? text->data + text->size : NULL;
}

void nd_text_add(nd_text *text, const char *bytes, size_t n)
{
    if (!reserve(text, n)) {
        return;
    }
    if (n > 0) {
        memcpy(text->data + text->size, bytes, n);
    }
    text->size += n;
    text->data[text->size] = '\0';
}

void nd_text_puts(nd_text *text, const char *string)
{
    nd_text_add(text, string, strlen(string));
}

void nd_text_vprintf(nd_text *text, const char *format, va_list values)
{
    va_list again;
    va_copy(again, values);
    char *end = text->data ? text->data + text->size : NULL;
    size_t room = text->room - text->size;
    int size = nd_vformat(end, end ? room : 0, format, values);
    if (size < 0) {
        text->failed = true;
    } else if ((size_t)size >= room && reserve(text, (size_t)size)) {
        nd_vformat(text->data + text->size, (size_t)size + 1, format, again);
    }
    if (!text->failed) {
        text->size += (size_t)size;
    } else if (text->data) {
        text->data[text->size] = '\0';
    }
    va_end(again);
}

void nd_text_printf(nd_text *text, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    nd_text_vprintf(text, format, values);
    va_end(values);
}

void nd_text_clear(nd_text *text)
{
    text->size = 0;
    text->failed = false;
    if (text->data) {
        text->data[0] = '\0';
    }
}

void nd_text_free(nd_text *text)
{
    nd_free(text->data);
    *text = (nd_text){0};
}

void nd_text_shell(nd_text *text, const char *word)
{
    bool plain = word[0] != '\0';
    for (const char *c = word; *c; c++) {
        plain = plain && (strchr("_-.:,", *c) || (*c >= '0' && *c <= '9') ||
                          ((*c | 32) >= 'a' && (*c | 32) <= 'z'));
    }
    if (plain) {
        nd_text_puts(text, word);
        return;
    }
    nd_text_puts(text, "'");
    for (const char *c = word; *c; c++) {
        nd_text_puts(text, *c == '\'' ? "'\\'" : "");
        nd_text_add(text, c, 1);
    }
    nd_text_puts(text, "'");
}

void nd_text_csv(nd_text *text, const char *cell, size_t n)
{
    bool quoted = false;
    for (size_t i = 0; i < n && !quoted; i++) {
        quoted = strchr(",\"\r\n", cell[i]) != NULL;
    }
    if (!quoted) {
        nd_text_add(text, cell, n);
        return;
    }
    nd_text_puts(text, "\"");
    for (size_t i = 0; i < n; i++) {
        nd_text_add(text, cell + i, 1);
        if (cell[i] == '"') {
            nd_text_puts(text, "\"");
        }
    }
    nd_text_puts(text, "\"");
}

/* A file of the library says itself what went wrong. */
static nd_status write_text(nd_ctx *ctx, const nd_text *text, const nd_sink *sink)
{
    char before[ND_MESSAGE_SIZE] = "";
    if (ctx) {
        memcpy(before, ctx->message, sizeof before);
    }
    if (sink->write(sink->user, text->data, text->size) == 0) {
        return ND_OK;
    }
    return ctx && strcmp(before, ctx->message) != 0
               ? ND_ERR_IO
               : nd_fail(ctx, ND_ERR_IO, "writing the output failed");
}

nd_status nd_text_flush(nd_ctx *ctx, nd_text *text, const nd_sink *sink)
{
    nd_status status = ND_OK;
    if (text->failed) {
        status = nd_fail_memory(ctx);
    } else if (!sink->write) {
        status = nd_fail(ctx, ND_ERR_ARGUMENT, "the sink has no write");
    } else if (text->size > 0) {
        status = write_text(ctx, text, sink);
    }
    nd_text_clear(text);
    return status;
}

enum { NEAREST_LENGTH = 64 };

static char folded(char c)
{
    return c == '-' ? '_' : c;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, substitutions and swaps of
 * neighbours (Damerau 1964). Both at most NEAREST_LENGTH long. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t row[3][NEAREST_LENGTH + 1];
    size_t *before = row[0], *last = row[1], *now = row[2];
    for (size_t j = 0; j <= nb; j++) {
        last[j] = j;
    }
    for (size_t i = 1; i <= na; i++) {
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t differ = folded(a[i - 1]) != folded(b[j - 1]);
            now[j] = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + differ);
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                folded(a[i - 2]) == folded(b[j - 1])) {
                now[j] = smaller(now[j], before[j - 2] + 1);
            }
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[nb];
}

const char *nd_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t length = strlen(word), least = SIZE_MAX;
    if (length > NEAREST_LENGTH) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(names[i]);
        if (n > NEAREST_LENGTH) {
            continue;
        }
        /* About one slip in three letters. */
        size_t longer = n > length ? n : length;
        size_t limit = longer < 3 ? 1 : (longer + 2) / 3;
        size_t d = distance(word, length, names[i], n);
        if (d <= limit && d < longer && d < least) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

/* Bytes of the character that starts at s, 0 if it is not well-formed
 * (Unicode 15, table 3-7). */
static size_t character_size(const unsigned char *s, size_t n)
{
    unsigned char lead = s[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || size > n) {
        return 0;
    }
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

bool nd_utf8_valid(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t i = 0;
    while (i < n) {
        uint64_t eight;
        if (n - i >= sizeof eight) {
            memcpy(&eight, s + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t size = character_size(s + i, n - i);
        if (size == 0) {
            return false;
        }
        i += size;
    }
    return true;
}
