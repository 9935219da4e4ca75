/* Mapped files that other programs may cut short while they are read. */
#ifndef ND_BASE_MAPPED_H
#define ND_BASE_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

/* Reading a page that the file no longer has, or that the disk does not give, ends a
 * process by SIGBUS. In a mapping that is watched it reads as zeros instead, and so does
 * what follows; nd_mapped_cut tells. While anything is watched, the process has a handler
 * for SIGBUS, which leaves addresses that are not nadir's to the handler before it.
 *
 * A number above 0 for the mapping; 0: nothing is watched, too many are. */
int nd_mapped_watch(const void *data, size_t size);

/* True if pages of the mapping were missing. Any thread; false for 0. */
bool nd_mapped_cut(int watched);

/* Before the mapping goes; nothing for 0. */
void nd_mapped_end(int watched);

#endif
