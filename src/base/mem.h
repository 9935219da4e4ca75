/* Allocation with checked products. All memory of nadir comes from here, so
 * that tests can count calls and make each one fail. */
#ifndef ND_BASE_MEM_H
#define ND_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed array of count elements of size bytes; NULL if there is no memory or
 * the product overflows. count 0 gives a pointer that can be freed. */
void *nd_alloc(size_t count, size_t size);

/* The same, aligned to 64 bytes, for arrays that kernels touch. */
void *nd_alloc_aligned(size_t count, size_t size);

/* Resize an nd_alloc array; new bytes are not zeroed. On failure NULL is
 * returned and the old array stays as it was. */
void *nd_realloc(void *old, size_t count, size_t size);

/* Copies of text: whole, and the first n bytes plus a NUL. */
char *nd_strdup(const char *text);
char *nd_strndup(const char *text, size_t n);

/* Free memory from any of the above; NULL is allowed. */
void nd_free(void *memory);

/* Grow a list to hold at least one more element: doubles *room when count
 * reaches it. Returns false, list unchanged, if there is no memory. */
bool nd_grow(void **list, size_t *room, size_t count, size_t size);

/* Calls of nd_alloc, nd_alloc_aligned and nd_realloc so far in the calling
 * thread; for tests that prove a loop does not allocate. */
unsigned long nd_alloc_calls(void);

/* Test hook: the n-th allocation from now in this thread fails (1 is the next);
 * 0 switches it off; sticky makes all later ones fail as well. */
void nd_alloc_fail_at(unsigned long n, bool sticky);

#endif
