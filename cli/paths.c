/* Which paths are the same file, so that no output replaces what is read. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

/* Status of the folder that path is in; name gets what follows the last slash. */
static bool stat_folder(const char *path, struct stat *status, const char **name)
{
    char *folder = strdup(path);
    const char *last = strrchr(path, '/');
    *name = last ? last + 1 : path;
    if (!folder) {
        return false;
    }
    if (last) {
        folder[last == path ? 1 : last - path] = '\0';
    }
    bool found = stat(last ? folder : ".", status) == 0;
    free(folder);
    return found;
}

bool cli_same_file(const char *a, const char *b)
{
    struct stat one, two;
    const char *name_a = a, *name_b = b;
    bool there_a = stat(a, &one) == 0, there_b = stat(b, &two) == 0;
    if (there_a != there_b) {
        return false;
    }
    if (!there_a && (!stat_folder(a, &one, &name_a) || !stat_folder(b, &two, &name_b))) {
        return strcmp(a, b) == 0;
    }
    bool same_name = there_a || strcmp(name_a, name_b) == 0;
    return same_name && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/* True if path, which may be - for standard input, is open as the regular file of out. */
static bool reads(const char *path, const struct stat *out)
{
    struct stat in;
    bool there = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &in) == 0 : stat(path, &in) == 0;
    return there && in.st_dev == out->st_dev && in.st_ino == out->st_ino;
}

bool cli_spares_inputs(const cli_run *run, const char *path)
{
    static const struct {
        const char *key, *what;
    } inputs[] = {
        {"data", "data that is"},  {"model", "model that is"}, {"config", "settings that are"},
        {"valid", "data that is"}, {"test", "data that is"},   {"labels", "labels that are"},
        {"from", "model that is"},
    };
    struct stat out;
    if (stat(path, &out) != 0 || !S_ISREG(out.st_mode)) {
        return true;
    }
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        const char *input = cli_text(run, inputs[i].key);
        if (input && reads(input, &out)) {
            cli_fail(run, "%s: would replace the %s read", path, inputs[i].what);
            return false;
        }
    }
    return true;
}
