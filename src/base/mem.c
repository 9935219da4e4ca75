#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Counters of the test hooks; per thread, and without influence on results. */
static _Thread_local struct {
    unsigned long calls, fail_at;
    bool sticky;
} hook;

static bool refused(void)
{
    hook.calls++;
    if (hook.fail_at == 0) {
        return false;
    }
    if (hook.fail_at > 1) {
        hook.fail_at--;
        return false;
    }
    if (!hook.sticky) {
        hook.fail_at = 0;
    }
    return true;
}

/* Bytes of an array, at least 1; false on overflow. */
static bool product(size_t count, size_t size, size_t *bytes)
{
    if (__builtin_mul_overflow(count, size, bytes) || *bytes > PTRDIFF_MAX) {
        return false;
    }
    if (*bytes == 0) {
        *bytes = 1;
    }
    return true;
}

/* Blocks from this size on ask for pages of 2 MB: a hundredth of the page faults
 * when they are filled, and fewer address look-ups in the products. */
static const size_t large = (size_t)4 << 20;

static void *prefer_large_pages(void *memory, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 4096;
    if (memory && bytes >= large) {
        uintptr_t first = ((uintptr_t)memory + page - 1) & ~(page - 1);
        size_t skipped = first - (uintptr_t)memory;
        /* Only a wish: without it the pages are small. */
        (void)madvise((char *)memory + skipped, (bytes - skipped) & ~(page - 1), MADV_HUGEPAGE);
    }
#else
    (void)bytes;
#endif
    return memory;
}

void *nd_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (refused() || !product(count, size, &bytes)) {
        return NULL;
    }
    return prefer_large_pages(calloc(1, bytes), bytes);
}

void *nd_alloc_aligned(size_t count, size_t size)
{
    size_t bytes;
    if (refused() || !product(count, size, &bytes)) {
        return NULL;
    }
    bytes = (bytes + 63) & ~(size_t)63;
    void *memory = prefer_large_pages(aligned_alloc(64, bytes), bytes);
    if (memory) {
        memset(memory, 0, bytes);
    }
    return memory;
}

void *nd_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (refused() || !product(count, size, &bytes)) {
        return NULL;
    }
    return prefer_large_pages(realloc(old, bytes), bytes);
}

char *nd_strdup(const char *text)
{
    return nd_strndup(text, strlen(text));
}

char *nd_strndup(const char *text, size_t n)
{
    if (n == SIZE_MAX) {
        return NULL;
    }
    char *copy = nd_alloc(n + 1, 1);
    if (copy && n > 0) {
        memcpy(copy, text, n);
    }
    return copy;
}

void nd_free(void *memory)
{
    free(memory);
}

bool nd_grow(void **list, size_t *room, size_t count, size_t size)
{
    if (count < *room) {
        return true;
    }
    size_t more = *room < 8 ? 8 : *room;
    if (__builtin_add_overflow(more, *room, &more)) {
        return false;
    }
    void *grown = nd_realloc(*list, more, size);
    if (!grown) {
        return false;
    }
    *list = grown;
    *room = more;
    return true;
}

unsigned long nd_alloc_calls(void)
{
    return hook.calls;
}

void nd_alloc_fail_at(unsigned long n, bool sticky)
{
    hook.fail_at = n;
    hook.sticky = sticky;
}
