/* Checkpoint files: what goes in comes out, damage is noticed, and the older of two is
 * there when the newer is not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/checkpoint.h"

enum { WEIGHTS = 5 };

static nd_ctx *ctx;
static char folder[] = "/tmp/nadir-checkpoint-XXXXXX";
static int warnings;

static void count_warning(void *user, int level, const char *text)
{
    (void)user, (void)text;
    warnings += level == 1;
}

static int start(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || nd_ctx_create(&ctx, 1) != ND_OK) {
        return 1;
    }
    nd_ctx_set_log(ctx, count_warning, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int file = 0; file < ND_CHECKPOINT_FILES; file++) {
        char *path = nd_checkpoint_path(folder, file);
        unlink(path);
        nd_free(path);
    }
    nd_ctx_destroy(ctx);
    return rmdir(folder);
}

/* A small state whose numbers tell its sequence. */
typedef struct small {
    nd_real weight[WEIGHTS];
    int64_t place[2];
    double sum;
    unsigned char bytes[3];
    nd_state state;
} small;

static void fill(small *s, int number)
{
    *s = (small){.place = {number, INT64_MIN}, .sum = number + 0.1, .bytes = {1, 0, 255}};
    for (int i = 0; i < WEIGHTS; i++) {
        s->weight[i] = (nd_real)(number * i);
    }
    nd_state_add(&s->state, "parameters", ND_STATE_REAL, s->weight, WEIGHTS);
    nd_state_add(&s->state, "place", ND_STATE_I64, s->place, 2);
    nd_state_add(&s->state, "sums", ND_STATE_F64, &s->sum, 1);
    nd_state_add(&s->state, "good", ND_STATE_BYTES, s->bytes, 3);
    nd_state_add(&s->state, "buffers", ND_STATE_REAL, NULL, 0);
}

static void write_file(int file, int number)
{
    small s;
    fill(&s, number);
    nd_checkpoint_facts facts = {(uint64_t)number, "lr 0.1\nseed 1\n", "00ff", "a \"reason\"",
                                 "plain"};
    char *path = nd_checkpoint_path(folder, file);
    assert_non_null(path);
    assert_int_equal(nd_checkpoint_write(ctx, path, &facts, &s.state), ND_OK);
    nd_free(path);
}

static void read_file(int file, nd_bytes *bytes)
{
    char *path = nd_checkpoint_path(folder, file);
    assert_int_equal(nd_file_read(ctx, path, bytes), ND_OK);
    nd_free(path);
}

/* Change one byte of a file in its place, or cut it there. */
static void damage(int file, size_t at, bool cut)
{
    char *path = nd_checkpoint_path(folder, file);
    int fd = open(path, O_RDWR);
    char byte;
    assert_true(fd >= 0);
    if (cut) {
        assert_int_equal(ftruncate(fd, (off_t)at), 0);
    } else {
        assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    }
    close(fd);
    nd_free(path);
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    small s, back;
    nd_checkpoint *c;
    write_file(0, 7);
    assert_int_equal(nd_checkpoint_load(ctx, folder, &c), ND_OK);
    assert_non_null(c);
    assert_int_equal(c->facts.sequence, 7);
    assert_string_equal(c->facts.settings, "lr 0.1\nseed 1\n");
    assert_string_equal(c->facts.data, "00ff");
    assert_string_equal(c->facts.why, "a \"reason\"");
    assert_string_equal(c->facts.isa, "plain");
    assert_int_equal(c->file, 0);
    fill(&s, 7);
    fill(&back, 0);
    assert_int_equal(nd_state_restore(ctx, &back.state, &c->state), ND_OK);
    assert_memory_equal(s.weight, back.weight, sizeof s.weight);
    assert_memory_equal(s.place, back.place, sizeof s.place);
    assert_memory_equal(s.bytes, back.bytes, sizeof s.bytes);
    assert_true(s.sum == back.sum);
    nd_checkpoint_destroy(c);
}

static nd_status parse(const char *bytes, size_t size)
{
    nd_checkpoint *c;
    char *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    nd_status status = nd_checkpoint_parse(ctx, "c", exact, size, true, &c);
    nd_checkpoint_destroy(c);
    free(exact);
    return status;
}

static void every_flipped_bit_and_every_cut_is_noticed(void **state)
{
    (void)state;
    nd_bytes bytes;
    write_file(0, 7);
    read_file(0, &bytes);
    char *copy = malloc(bytes.size);
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    assert_int_equal(parse(copy, bytes.size), ND_OK);
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        if (parse(copy, bytes.size) != ND_ERR_FORMAT) {
            fail_msg("bit %zu of byte %zu flipped: not noticed", bit % 8, bit / 8);
        }
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t n = 0; n < bytes.size; n++) {
        if (parse(copy, n) != ND_ERR_FORMAT) {
            fail_msg("cut to %zu bytes of %zu: not noticed", n, bytes.size);
        }
    }
    free(copy);
    nd_bytes_free(&bytes);
}

static void load(uint64_t sequence, int warned)
{
    nd_checkpoint *c;
    warnings = 0;
    assert_int_equal(nd_checkpoint_load(ctx, folder, &c), ND_OK);
    assert_non_null(c);
    assert_int_equal(c->facts.sequence, sequence);
    assert_int_equal(warnings, warned);
    nd_checkpoint_destroy(c);
}

static void the_newer_of_two_is_taken_or_else_the_older_with_a_warning(void **state)
{
    (void)state;
    nd_checkpoint *c;
    write_file(0, 8);
    write_file(1, 9);
    load(9, 0);
    damage(1, 300, false);
    load(8, 2);
    write_file(1, 9);
    damage(1, 500, true);
    load(8, 2);
    damage(1, 0, true);
    load(8, 2);
    damage(0, 100, true);
    assert_int_equal(nd_checkpoint_load(ctx, folder, &c), ND_ERR_FORMAT);
    assert_null(c);
    bool exists = false;
    assert_int_equal(nd_checkpoint_exists(ctx, folder, &exists), ND_OK);
    assert_true(exists);
}

static void a_folder_without_checkpoints_has_none(void **state)
{
    (void)state;
    nd_checkpoint *c;
    assert_int_equal(nd_checkpoint_load(ctx, "/nonexistent", &c), ND_OK);
    assert_null(c);
    bool exists = true;
    assert_int_equal(nd_checkpoint_exists(ctx, "/nonexistent", &exists), ND_OK);
    assert_false(exists);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    nd_checkpoint *c;
    write_file(0, 8);
    write_file(1, 9);
    unsigned long calls = nd_alloc_calls();
    load(9, 0);
    calls = nd_alloc_calls() - calls;
    for (unsigned long n = 1; n <= calls; n++) {
        nd_alloc_fail_at(n, n % 2 == 0);
        nd_status status = nd_checkpoint_load(ctx, folder, &c);
        nd_alloc_fail_at(0, false);
        assert_int_equal(status, ND_ERR_MEMORY);
        assert_null(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(every_flipped_bit_and_every_cut_is_noticed),
        cmocka_unit_test(the_newer_of_two_is_taken_or_else_the_older_with_a_warning),
        cmocka_unit_test(a_folder_without_checkpoints_has_none),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
