/* Time for measuring, not for dates. */
#ifndef ND_BASE_CLOCK_H
#define ND_BASE_CLOCK_H

/* Seconds of the monotonic clock. */
double nd_seconds(void);

/* Seconds that the calling thread has computed: what other programs on the machine
 * disturb less. */
double nd_thread_seconds(void);

#endif
