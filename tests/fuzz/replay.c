/* Runs a fuzz target over kept files: the arguments, and all files in those that
 * are folders. For compilers without libFuzzer, and for every test run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    uint8_t *data = NULL;
    size_t size = 0, got = 0;
    do {
        uint8_t *grown = realloc(data, size + 4096);
        if (!grown) {
            break;
        }
        data = grown;
        got = fread(data + size, 1, 4096, file);
        size += got;
    } while (got == 4096);
    int failed = ferror(file);
    fclose(file);
    /* an exact block, so that a sanitizer sees the first byte read too far */
    uint8_t *exact = malloc(size ? size : 1);
    if (!failed && exact) {
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
    }
    failed = failed || !exact;
    free(exact);
    free(data);
    return failed;
}

static int replay_folder(DIR *folder, const char *path, int *files)
{
    int failed = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        failed |= replay_file(name);
        ++*files;
    }
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0, files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder) {
            failed |= replay_folder(folder, argv[i], &files);
            closedir(folder);
        } else {
            failed |= replay_file(argv[i]);
            files++;
        }
    }
    printf("%d files replayed\n", files);
    return failed || files == 0;
}
