/* Predictions of a file while each allocation fails in turn: what reached the sink is
 * made of whole lines of the right text, and the call says what happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "model/model.h"

enum { ROWS = 150, ROOM = 1 << 16 };

typedef struct taken {
    char text[ROOM];
    size_t size;
} taken;

static int take(void *user, const char *text, size_t bytes)
{
    taken *t = user;
    assert_true(t->size + bytes < ROOM);
    memcpy(t->text + t->size, text, bytes);
    t->size += bytes;
    return 0;
}

static char path[] = "/tmp/nadir-predict-XXXXXX";

static void write_rows(void)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fprintf(file, "x,z,y\n");
    for (int r = 0; r < ROWS; r++) {
        fprintf(file, "%d,%d,%s\n", r * 7 % 31, r * 5 % 17,
                r * 7 % 31 + r * 5 % 17 > 23 ? "a" : "b");
    }
    fclose(file);
}

static nd_model *train(nd_ctx *ctx)
{
    nd_config *config = NULL;
    nd_table *table = NULL;
    nd_model *model = NULL;
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    assert_int_equal(nd_config_set(config, "epochs", "1"), ND_OK);
    assert_int_equal(nd_table_read(ctx, config, path, &table), ND_OK);
    if (nd_train(ctx, config, table, NULL, NULL, &model) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    nd_table_destroy(table);
    nd_config_destroy(config);
    return model;
}

static void no_block_is_lost_where_memory_ends(void **state)
{
    (void)state;
    static taken whole, part;
    nd_ctx *ctx = NULL;
    nd_sink all = {take, &whole}, some = {take, &part};
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    write_rows();
    nd_model *model = train(ctx);
    assert_int_equal(nd_model_predict_file(model, NULL, path, &all), ND_OK);
    nd_status status = ND_ERR_MEMORY;
    unsigned long n = 1;
    for (; status == ND_ERR_MEMORY && n < 5000; n++) {
        part.size = 0;
        nd_alloc_fail_at(n, false);
        status = nd_model_predict_file(model, NULL, path, &some);
        nd_alloc_fail_at(0, false);
        assert_true(part.size <= whole.size);
        assert_memory_equal(part.text, whole.text, part.size);
        assert_true(part.size == 0 || part.text[part.size - 1] == '\n');
    }
    assert_int_equal(status, ND_OK);
    assert_true(n > 20);
    assert_int_equal(part.size, whole.size);
    unlink(path);
    nd_model_destroy(model);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_block_is_lost_where_memory_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
