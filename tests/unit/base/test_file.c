#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/file.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/nadir-test-XXXXXX");
    return mkdtemp(folder) ? chdir(folder) : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return chdir("/") != 0 || rmdir(folder) != 0;
}

static nd_status put(const char *path, const char *text, bool force)
{
    nd_out *out = NULL;
    nd_status status = nd_out_open(NULL, path, force, &out);
    if (status != ND_OK) {
        assert_null(out);
        return status;
    }
    assert_int_equal(nd_out_write(out, text, strlen(text)), ND_OK);
    return nd_out_commit(out);
}

static void assert_holds(const char *path, const char *text)
{
    nd_bytes bytes;
    assert_int_equal(nd_file_read(NULL, path, &bytes), ND_OK);
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.size);
    nd_bytes_free(&bytes);
}

static int count_entries(void)
{
    int count = 0;
    DIR *dir = opendir(".");
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count - 2;
}

static void a_file_appears_whole_with_the_usual_mode(void **state)
{
    (void)state;
    mode_t mask = umask(027);
    nd_out *out = NULL;
    assert_int_equal(nd_out_open(NULL, "new", false, &out), ND_OK);
    assert_int_equal(nd_out_write(out, "abc", 3), ND_OK);
    assert_false(nd_file_exists("new"));
    assert_int_equal(nd_out_commit(out), ND_OK);
    umask(mask);
    assert_holds("new", "abc");
    struct stat st;
    assert_int_equal(stat("new", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(count_entries(), 1);
    unlink("new");
}

static void an_existing_file_is_kept_without_force(void **state)
{
    (void)state;
    assert_int_equal(put("file", "old", false), ND_OK);
    assert_int_equal(put("file", "new", false), ND_ERR_EXISTS);
    assert_holds("file", "old");
    assert_int_equal(put("file", "new", true), ND_OK);
    assert_holds("file", "new");
    assert_int_equal(count_entries(), 1);
    unlink("file");
}

/* Another program makes the file between open and commit. */
static void a_race_never_replaces_a_file_without_force(void **state)
{
    (void)state;
    nd_out *out = NULL;
    assert_int_equal(nd_out_open(NULL, "file", false, &out), ND_OK);
    assert_int_equal(put("file", "theirs", false), ND_OK);
    assert_int_equal(nd_out_write(out, "mine", 4), ND_OK);
    assert_int_equal(nd_out_commit(out), ND_ERR_EXISTS);
    assert_holds("file", "theirs");
    assert_int_equal(count_entries(), 1);
    unlink("file");
}

static void an_abandoned_file_leaves_nothing(void **state)
{
    (void)state;
    nd_out *out = NULL;
    assert_int_equal(nd_out_open(NULL, "file", false, &out), ND_OK);
    assert_int_equal(nd_out_write(out, "x", 1), ND_OK);
    nd_out_abandon(out);
    nd_out_abandon(NULL);
    assert_int_equal(count_entries(), 0);
}

static void a_symbolic_link_keeps_pointing(void **state)
{
    (void)state;
    assert_int_equal(put("target", "old", false), ND_OK);
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(put("link", "new", false), ND_ERR_EXISTS);
    assert_int_equal(put("link", "new", true), ND_OK);
    assert_holds("target", "new");
    struct stat st;
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    unlink("link");
    unlink("target");
}

static void folders_and_missing_paths_are_errors_with_reasons(void **state)
{
    (void)state;
    nd_ctx *ctx = NULL;
    nd_out *out = NULL;
    nd_bytes bytes;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_file_read(ctx, "missing", &bytes), ND_ERR_IO);
    assert_string_equal(nd_ctx_message(ctx), "cannot open missing: No such file or directory");
    assert_int_equal(nd_file_read(ctx, ".", &bytes), ND_ERR_IO);
    assert_string_equal(nd_ctx_message(ctx), "cannot read .: Is a directory");
    assert_int_equal(nd_out_open(ctx, ".", true, &out), ND_ERR_IO);
    assert_int_equal(nd_out_open(ctx, "no/such/file", true, &out), ND_ERR_IO);
    assert_non_null(strstr(nd_ctx_message(ctx), "no/such/file: No such file or directory"));
    assert_null(out);
    nd_ctx_destroy(ctx);
}

static void empty_files_read_as_nothing(void **state)
{
    (void)state;
    assert_int_equal(put("empty", "", false), ND_OK);
    nd_bytes bytes;
    assert_int_equal(nd_file_read(NULL, "empty", &bytes), ND_OK);
    assert_int_equal(bytes.size, 0);
    assert_non_null(bytes.data);
    nd_bytes_free(&bytes);
    unlink("empty");
}

static void *write_pipe(void *user)
{
    static const char block[1000] = {'x'};
    int fd = open(user, O_WRONLY);
    for (int i = 0; i < 300; i++) {
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block) {
            break;
        }
    }
    close(fd);
    return NULL;
}

static void pipes_are_read_to_their_end(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    pthread_t writer;
    char name[] = "pipe";
    pthread_create(&writer, NULL, write_pipe, name);
    nd_bytes bytes;
    assert_int_equal(nd_file_read(NULL, "pipe", &bytes), ND_OK);
    assert_int_equal(bytes.size, 300000);
    assert_false(bytes.mapped);
    nd_bytes_free(&bytes);
    pthread_join(writer, NULL);
    unlink("pipe");
}

static void *read_pipe(void *user)
{
    char *got = user;
    int fd = open("pipe", O_RDONLY);
    ssize_t n = read(fd, got, 15);
    got[n > 0 ? n : 0] = '\0';
    close(fd);
    return NULL;
}

static void pipes_and_devices_are_written_through(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    pthread_t reader;
    char got[16] = "";
    pthread_create(&reader, NULL, read_pipe, got);
    assert_int_equal(put("pipe", "hello", false), ND_OK);
    pthread_join(reader, NULL);
    assert_string_equal(got, "hello");
    assert_int_equal(put("/dev/null", "gone", false), ND_OK);
    struct stat st;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    unlink("pipe");
}

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    nd_out *out = NULL;
    if (!nd_file_exists("/dev/full")) {
        skip();
    }
    assert_int_equal(nd_out_open(NULL, "/dev/full", false, &out), ND_OK);
    assert_int_equal(nd_out_write(out, "x", 1), ND_ERR_IO);
    nd_out_abandon(out);
}

/* A process that dies while it writes. */
static void leave_temporary(void)
{
    pid_t child = fork();
    if (child == 0) {
        nd_out *out = NULL;
        if (nd_out_open(NULL, "file", false, &out) == ND_OK) {
            nd_out_write(out, "half", 4);
        }
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void the_next_file_sweeps_what_a_killed_run_left(void **state)
{
    (void)state;
    leave_temporary();
    assert_int_equal(count_entries(), 1);
    assert_false(nd_file_exists("file"));
    assert_int_equal(put("other", "whole", false), ND_OK);
    assert_int_equal(count_entries(), 1);
    assert_holds("other", "whole");
    unlink("other");
}

static void a_file_that_is_being_written_is_not_swept(void **state)
{
    (void)state;
    nd_out *slow = NULL;
    assert_int_equal(nd_out_open(NULL, "slow", false, &slow), ND_OK);
    assert_int_equal(put("quick", "1", false), ND_OK);
    nd_file_sweep(".");
    assert_int_equal(nd_out_write(slow, "2", 1), ND_OK);
    assert_int_equal(nd_out_commit(slow), ND_OK);
    assert_holds("quick", "1");
    assert_holds("slow", "2");
    unlink("quick");
    unlink("slow");
}

static void only_temporary_files_of_nadir_are_swept(void **state)
{
    (void)state;
    const char *const folder_name = ".nadir-000000000000000a.tmp";
    const char *const link_name = ".nadir-000000000000000b.tmp";
    const char *const pipe_name = ".nadir-000000000000000c.tmp";
    assert_int_equal(mkdir(folder_name, 0700), 0);
    assert_int_equal(put("mine.tmp", "kept", false), ND_OK);
    assert_int_equal(symlink("mine.tmp", link_name), 0);
    assert_int_equal(mkfifo(pipe_name, 0600), 0);
    assert_int_equal(put(".nadir-00.tmp", "kept", false), ND_OK);
    nd_file_sweep(".");
    nd_file_sweep("no such folder");
    assert_int_equal(count_entries(), 5);
    rmdir(folder_name);
    unlink(link_name);
    unlink(pipe_name);
    unlink("mine.tmp");
    unlink(".nadir-00.tmp");
}

static void a_folder_is_made_once(void **state)
{
    (void)state;
    struct stat st;
    nd_ctx *ctx = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_file_make_folder(ctx, "made/"), ND_OK);
    assert_int_equal(nd_file_make_folder(ctx, "made"), ND_OK);
    assert_int_equal(nd_file_make_folder(ctx, "made/inner"), ND_OK);
    assert_int_equal(stat("made/inner", &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(nd_file_make_folder(ctx, "no/such"), ND_ERR_IO);
    assert_string_equal(nd_ctx_message(ctx),
                        "cannot make the folder no/such: No such file or directory");
    nd_ctx_destroy(ctx);
    rmdir("made/inner");
    rmdir("made");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_appears_whole_with_the_usual_mode),
        cmocka_unit_test(an_existing_file_is_kept_without_force),
        cmocka_unit_test(a_race_never_replaces_a_file_without_force),
        cmocka_unit_test(an_abandoned_file_leaves_nothing),
        cmocka_unit_test(a_symbolic_link_keeps_pointing),
        cmocka_unit_test(folders_and_missing_paths_are_errors_with_reasons),
        cmocka_unit_test(empty_files_read_as_nothing),
        cmocka_unit_test(pipes_are_read_to_their_end),
        cmocka_unit_test(pipes_and_devices_are_written_through),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(the_next_file_sweeps_what_a_killed_run_left),
        cmocka_unit_test(a_file_that_is_being_written_is_not_swept),
        cmocka_unit_test(only_temporary_files_of_nadir_are_swept),
        cmocka_unit_test(a_folder_is_made_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
