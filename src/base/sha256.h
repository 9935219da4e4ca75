/* SHA-256 (FIPS 180-4), to show that two results are the same bytes. */
#ifndef ND_BASE_SHA256_H
#define ND_BASE_SHA256_H

#include <stddef.h>

enum { ND_SHA256_TEXT = 65 };

/* Digest of data[size] as 64 hexadecimal digits and a NUL. */
void nd_sha256(const void *data, size_t size, char text[ND_SHA256_TEXT]);

#endif
