/* Which rows make which batch, with and without blocks, ahead of time or not. */
#include "train/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"

enum { FULL = 8, MOST_BLOCKS = 9, MOST_ROWS = FULL * MOST_BLOCKS, EPOCHS = 3, WIDTH = 4 };

static nd_ctx *ctx;

/* Rows whose first feature is their number; blocks of 8, 8, 8, 3, 8, 8, 1 rows. */
typedef struct numbered {
    nd_source base;
    nd_source_blocks blocks;
    long forgotten, expected; /* blocks */
} numbered;

static const size_t size_of[] = {8, 8, 8, 3, 8, 8, 1};

enum { BLOCKS = sizeof size_of / sizeof size_of[0], BLOCK_ROWS = 44 };

static size_t rows_of(const nd_source *source, size_t block)
{
    (void)source;
    return size_of[block];
}

static void expect(const nd_source *source, size_t block)
{
    (void)block;
    ((numbered *)(uintptr_t)source)->expected++;
}

static void forget(const nd_source *source, size_t block)
{
    (void)block;
    ((numbered *)(uintptr_t)source)->forgotten++;
}

static void gather(const nd_source *source, const uint32_t *index, size_t first, size_t count,
                   nd_real *x, nd_real *y)
{
    for (size_t i = 0; i < count; i++) {
        size_t row = index ? index[i] : first + i;
        for (size_t j = 0; j < source->features; j++) {
            x[i * source->features + j] = (nd_real)(row * 10 + j);
        }
        y[i] = (nd_real)row;
    }
}

static numbered plain_rows(size_t rows)
{
    return (numbered){
        .base = {.rows = rows, .features = WIDTH, .label_width = 1, .gather = gather}};
}

static void with_blocks(numbered *n, size_t window)
{
    *n = plain_rows(BLOCK_ROWS);
    n->blocks = (nd_source_blocks){.count = BLOCKS,
                                   .full = FULL,
                                   .window = window,
                                   .rows = rows_of,
                                   .expect = expect,
                                   .forget = forget};
    n->base.blocks = &n->blocks;
}

static nd_feed *make_feed(const numbered *n, size_t batch, bool ahead)
{
    nd_feed *feed;
    nd_feed_params params = {.batch = batch,
                             .batches = (n->base.rows + batch - 1) / batch,
                             .room = batch,
                             .seed = 5,
                             .ahead = ahead};
    assert_int_equal(nd_feed_create(ctx, &n->base, &params, &feed), ND_OK);
    return feed;
}

/* The rows of an epoch in their order; checks that features and labels are theirs. */
static size_t walk(nd_feed *feed, const numbered *n, size_t batch, long epoch, uint32_t *row)
{
    size_t rows = 0;
    for (uint64_t b = 0; b * batch < n->base.rows; b++) {
        nd_batch got;
        nd_feed_batch(feed, epoch, b, &got);
        for (size_t i = 0; i < got.rows; i++) {
            row[rows++] = (uint32_t)got.y[i];
            for (size_t j = 0; j < WIDTH; j++) {
                assert_true(got.x[i * WIDTH + j] == got.y[i] * 10 + (nd_real)j);
            }
        }
    }
    return rows;
}

static void check_each_once(const uint32_t *row, size_t rows, const numbered *n)
{
    unsigned char seen[MOST_ROWS] = {0};
    assert_int_equal(rows, n->base.rows);
    for (size_t i = 0; i < rows; i++) {
        assert_true(row[i] < MOST_ROWS);
        assert_int_equal(seen[row[i]], 0);
        seen[row[i]] = 1;
        assert_true(!n->base.blocks || row[i] % FULL < size_of[row[i] / FULL]);
    }
}

static void rows_at_hand_come_in_the_order_of_the_seed_and_the_epoch(void **state)
{
    (void)state;
    numbered n = plain_rows(30);
    nd_feed *feed = make_feed(&n, 8, false);
    uint32_t row[MOST_ROWS], want[30];
    for (long epoch = 1; epoch <= EPOCHS; epoch++) {
        nd_rng rng = {5, ND_STREAM_SHUFFLE, (uint64_t)epoch};
        for (uint32_t i = 0; i < 30; i++) {
            want[i] = i;
        }
        nd_rng_shuffle(&rng, want, 30);
        assert_int_equal(walk(feed, &n, 8, epoch, row), 30);
        assert_memory_equal(row, want, sizeof want);
    }
    nd_feed_destroy(feed);
}

static void one_batch_holds_the_rows_as_they_lie(void **state)
{
    (void)state;
    numbered n = plain_rows(30);
    nd_feed *feed = make_feed(&n, 30, true);
    uint32_t row[MOST_ROWS];
    nd_real *x, *y;
    for (long epoch = 1; epoch <= EPOCHS; epoch++) {
        assert_int_equal(walk(feed, &n, 30, epoch, row), 30);
        assert_true(row[0] == 0 && row[17] == 17 && row[29] == 29);
        nd_feed_room(feed, &x, &y);
        memset(y, 0, 30 * sizeof *y);
    }
    nd_feed_destroy(feed);
}

static void every_epoch_sees_every_row_of_every_block_once(void **state)
{
    (void)state;
    for (size_t window = 1; window <= BLOCKS + 1; window++) {
        for (size_t batch = 1; batch <= BLOCK_ROWS; batch += 7) {
            numbered n;
            with_blocks(&n, window);
            nd_feed *feed = make_feed(&n, batch, false);
            uint32_t row[EPOCHS][MOST_ROWS];
            for (long epoch = 1; epoch <= EPOCHS; epoch++) {
                check_each_once(row[epoch - 1], walk(feed, &n, batch, epoch, row[epoch - 1]), &n);
            }
            assert_memory_not_equal(row[0], row[1], BLOCK_ROWS * sizeof row[0][0]);
            assert_true(n.expected > 0);
            nd_feed_destroy(feed);
        }
    }
}

/* Rows are mixed within a window: a batch holds rows of more than one block. */
static void a_window_mixes_its_blocks(void **state)
{
    (void)state;
    numbered n;
    with_blocks(&n, 4);
    nd_feed *feed = make_feed(&n, 8, false);
    uint32_t row[MOST_ROWS];
    size_t mixed = 0;
    walk(feed, &n, 8, 1, row);
    for (size_t b = 0; b < 5; b++) {
        mixed += row[8 * b] / FULL != row[8 * b + 7] / FULL ? 1 : 0;
    }
    assert_true(mixed >= 3);
    assert_int_equal(n.forgotten, 4);
    nd_feed_destroy(feed);
}

static void check_ahead(numbered *n, size_t batch)
{
    nd_feed *one = make_feed(n, batch, false), *other = make_feed(n, batch, true);
    for (long epoch = 1; epoch <= EPOCHS; epoch++) {
        uint32_t a[MOST_ROWS], b[MOST_ROWS];
        nd_real *x, *y;
        size_t rows = walk(one, n, batch, epoch, a);
        assert_int_equal(walk(other, n, batch, epoch, b), rows);
        assert_memory_equal(a, b, rows * sizeof a[0]);
        nd_feed_room(other, &x, &y);
        memset(x, 0, batch * WIDTH * sizeof *x);
    }
    nd_feed_destroy(one);
    nd_feed_destroy(other);
}

static void gathering_ahead_changes_no_batch(void **state)
{
    (void)state;
    numbered n = plain_rows(37);
    check_ahead(&n, 5);
    check_ahead(&n, 37);
    with_blocks(&n, 3);
    check_ahead(&n, 5);
}

/* What a training that goes on in the middle of an epoch needs. */
static void any_batch_can_be_asked_for_first(void **state)
{
    (void)state;
    for (int ahead = 0; ahead < 2; ahead++) {
        numbered n;
        with_blocks(&n, 2);
        nd_feed *feed = make_feed(&n, 6, false), *fresh = make_feed(&n, 6, ahead);
        uint32_t row[MOST_ROWS];
        walk(feed, &n, 6, 2, row);
        for (uint64_t b = 8; b-- > 0;) {
            nd_batch got;
            nd_feed_batch(fresh, 2, b, &got);
            assert_int_equal(got.rows, b == 7 ? 2 : 6);
            for (size_t i = 0; i < got.rows; i++) {
                assert_int_equal((uint32_t)got.y[i], row[b * 6 + i]);
            }
        }
        nd_feed_destroy(feed);
        nd_feed_destroy(fresh);
    }
}

static void an_unfinished_epoch_can_be_left(void **state)
{
    (void)state;
    numbered n;
    with_blocks(&n, 3);
    nd_feed *feed = make_feed(&n, 4, true);
    nd_batch got;
    nd_feed_batch(feed, 1, 0, &got);
    nd_feed_batch(feed, 1, 1, &got);
    nd_feed_destroy(feed);
}

static void batches_need_no_memory(void **state)
{
    (void)state;
    numbered n;
    with_blocks(&n, 3);
    nd_feed *feed = make_feed(&n, 4, true);
    uint32_t row[MOST_ROWS];
    unsigned long before = nd_alloc_calls();
    walk(feed, &n, 4, 1, row);
    walk(feed, &n, 4, 2, row);
    assert_int_equal(nd_alloc_calls(), before);
    nd_feed_destroy(feed);
}

static void failed_allocations_are_reported(void **state)
{
    (void)state;
    numbered n;
    with_blocks(&n, 3);
    for (unsigned long at = 1; at <= 8; at++) {
        nd_feed *feed;
        nd_feed_params params = {.batch = 4, .batches = 11, .room = 4, .ahead = true};
        nd_alloc_fail_at(at, false);
        nd_status status = nd_feed_create(ctx, &n.base, &params, &feed);
        nd_alloc_fail_at(0, false);
        assert_int_equal(status, ND_ERR_MEMORY);
        assert_null(feed);
    }
}

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 2) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_at_hand_come_in_the_order_of_the_seed_and_the_epoch),
        cmocka_unit_test(one_batch_holds_the_rows_as_they_lie),
        cmocka_unit_test(every_epoch_sees_every_row_of_every_block_once),
        cmocka_unit_test(a_window_mixes_its_blocks),
        cmocka_unit_test(gathering_ahead_changes_no_batch),
        cmocka_unit_test(any_batch_can_be_asked_for_first),
        cmocka_unit_test(an_unfinished_epoch_can_be_left),
        cmocka_unit_test(batches_need_no_memory),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
