/* Places in a row cache, for its writer and its reader. */
#ifndef ND_DATA_CACHE_FORMAT_H
#define ND_DATA_CACHE_FORMAT_H

#include "data/cache.h"

#define ND_CACHE_MAGIC "nadirrow"

enum { ND_CACHE_VERSION = 1, ND_CACHE_ALIGN = 64, ND_CACHE_PAGE = 4096 };

/* The first 128 bytes of a file, little-endian. Behind them: the note, zeros to a
 * multiple of 64; one checksum per block, zeros to a multiple of 4096; the blocks. */
typedef struct nd_cache_header {
    char magic[8];
    uint32_t version, number_bytes; /* 4: float, 8: double */
    nd_cache_head head;
    uint64_t note_size, file_size, unused;
    uint64_t note_sum, table_sum; /* with the zeros behind them */
    uint64_t header_sum;          /* of the bytes before it */
} nd_cache_header;

_Static_assert(sizeof(nd_cache_header) == 128, "the header of a row cache has 128 bytes");

/* What follows from a head. */
typedef struct nd_cache_layout {
    uint64_t blocks[ND_CACHE_PARTS], all_blocks;
    uint64_t table, first; /* places of the checksums and of the first block */
    uint64_t stride;       /* bytes from block to block */
    uint64_t file_size;
} nd_cache_layout;

/* False if the numbers make no file: a size of zero, or beyond 2^62 bytes. */
bool nd_cache_lay_out(const nd_cache_head *head, uint64_t note_size, nd_cache_layout *layout);

#endif
