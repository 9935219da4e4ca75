/* Mapped files that other programs may change while they are read. */
#ifndef ND_BASE_MAPPED_H
#define ND_BASE_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

/* Reading a page that the file no longer has, or that the disk does not give, ends a
 * process by SIGBUS. In a mapping that is watched it reads as zeros instead, and so does
 * what follows. For that the process gets a handler for SIGBUS, which stays; what is not
 * nadir's goes to the handler that was there. A thread that blocks SIGBUS is not protected,
 * nor is a mapping over which the program sets a handler of its own, until the next one.
 *
 * Watch the first size bytes of the file fd, which lie at data; takes over fd. A number
 * above 0 for the mapping; 0: too many are watched, and fd is still the caller's. */
int nd_mapped_watch(const void *data, size_t size, int fd);

typedef enum nd_mapped_state {
    ND_MAPPED_WHOLE,
    ND_MAPPED_GROWN,   /* longer now; what was mapped may be what it was */
    ND_MAPPED_WRITTEN, /* as long, with another time; some file systems change that alone */
    ND_MAPPED_CUT      /* shorter, or unreadable */
} nd_mapped_state;

/* What became of a mapping, or of its file. Any thread; ND_MAPPED_WHOLE for 0. */
nd_mapped_state nd_mapped_look(int watched);

/* Before the mapping goes; nothing for 0. */
void nd_mapped_end(int watched);

#endif
