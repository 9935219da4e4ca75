/* A file that grows by whole lines while a training runs. */
#ifndef ND_CLI_HISTORY_H
#define ND_CLI_HISTORY_H

#include <sys/types.h>

#include "common.h"

typedef struct cli_history {
    const cli_run *run;
    const char *path;
    bool resume; /* go on behind the lines that are there */
    int fd;      /* -1 before the first line */
    off_t whole; /* bytes of whole lines in a regular file */
    bool regular;
    char why[256]; /* of the first failure; "" if there was none */
} cli_history;

/* Nothing is opened before the first line: a bad setting leaves no file. */
void cli_history_begin(cli_history *h, const cli_run *run);

/* Sink of whole lines; user is the cli_history. The first ones appear at once and
 * synced, where they replace an older file too. */
int cli_history_write(void *user, const char *text, size_t bytes);

/* Sync and close; false, with a message, if some line did not reach the file. */
bool cli_history_end(cli_history *h);

#endif
