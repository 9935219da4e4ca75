/* A registered class has help, formula and source, and a page docs/techniques/
 * <name>.md that states them, every attribute, and a command to try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/augment.h"
#include "layer/layer.h"
#include "loss/loss.h"
#include "net/init.h"
#include "optim/optim.h"

typedef struct entry {
    const char *name, *help, *formula, *source;
    const nd_option *options;
    size_t option_count;
} entry;

static void read_page(const char *name, char *page, size_t room)
{
    const char *source = getenv("NADIR_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/docs/techniques/%s.md", source ? source : ".", name);
    FILE *file = fopen(path, "r");
    if (!file) {
        fail_msg("there is no %s", path);
    }
    size_t n = fread(page, 1, room - 1, file);
    page[n] = '\0';
    fclose(file);
}

static void states(const entry *e, const char *page, const char *what, const char *text)
{
    if (!text || !text[0]) {
        fail_msg("%s has no %s", e->name, what);
    }
    if (!strstr(page, text)) {
        fail_msg("the page of %s does not state its %s: %s", e->name, what, text);
    }
}

static void check(const entry *e)
{
    static char page[16384];
    char title[128], key[128];
    read_page(e->name, page, sizeof page);
    snprintf(title, sizeof title, "# %s\n", e->name);
    states(e, page, "title", title);
    states(e, page, "help", e->help);
    states(e, page, "formula", e->formula);
    states(e, page, "source", e->source);
    states(e, page, "command", "    nadir train ");
    for (size_t i = 0; i < e->option_count; i++) {
        assert_true(e->options[i].help && e->options[i].help[0]);
        snprintf(key, sizeof key, "| `%s` | %s |", e->options[i].name, e->options[i].preset);
        states(e, page, "attribute", key);
    }
}

static void every_layer_is_documented(void **state)
{
    (void)state;
    size_t count;
    const nd_layer_class *const *c = nd_layer_table(&count);
    for (size_t i = 0; i < count; i++) {
        check(&(entry){c[i]->name, c[i]->help, c[i]->formula, c[i]->source, c[i]->options,
                       c[i]->option_count});
    }
}

static void every_loss_is_documented(void **state)
{
    (void)state;
    size_t count;
    const nd_loss_class *const *c = nd_loss_table(&count);
    for (size_t i = 0; i < count; i++) {
        check(&(entry){c[i]->name, c[i]->help, c[i]->formula, c[i]->source, c[i]->options,
                       c[i]->option_count});
        assert_true(c[i]->option_count <= ND_LOSS_SETTINGS);
    }
}

static void every_optimizer_is_documented(void **state)
{
    (void)state;
    size_t count, common;
    const nd_optim_class *const *c = nd_optim_table(&count);
    const nd_option *shared = nd_optim_common_options(&common);
    for (size_t i = 0; i < count; i++) {
        entry e = {c[i]->name, c[i]->help, c[i]->formula, c[i]->source, shared, common};
        check(&e);
        e.options = c[i]->options;
        e.option_count = c[i]->option_count;
        check(&e);
        assert_true(c[i]->option_count <= ND_OPTIM_SETTINGS && c[i]->states <= ND_OPTIM_STATES);
    }
}

static void every_schedule_is_documented(void **state)
{
    (void)state;
    size_t count;
    const nd_schedule_class *const *c = nd_schedule_table(&count);
    for (size_t i = 0; i < count; i++) {
        check(&(entry){c[i]->name, c[i]->help, c[i]->formula, c[i]->source, c[i]->options,
                       c[i]->option_count});
    }
}

/* Distortions are attributes of one thing; and mixup is an option of its own. */
static void changes_of_rows_are_documented(void **state)
{
    (void)state;
    size_t count;
    const nd_option *options = nd_augment_options(&count);
    check(&(entry){"augmentation", "Images distorted at random in each training step",
                   "y(p) = x(A^-1 (p - c - s) + c + alpha (G_sigma * u)(p))",
                   "Simard et al. 2003, section 2", options, count});
    check(&(entry){"mixup", "Rows mixed with each other", "x = lambda x_i + (1 - lambda) x_j",
                   "Zhang, Cisse, Dauphin & Lopez-Paz 2018, eq. 1", NULL, 0});
}

static void every_initialization_is_documented(void **state)
{
    (void)state;
    static char page[16384];
    size_t count;
    const nd_init_class *const *c = nd_init_table(&count);
    read_page("initialization", page, sizeof page);
    for (size_t i = 0; i < count; i++) {
        entry e = {c[i]->name, NULL, c[i]->formula, c[i]->source, NULL, 0};
        char name[64];
        snprintf(name, sizeof name, "`%s`", c[i]->name);
        states(&e, page, "name", name);
        states(&e, page, "source", c[i]->source);
        assert_true(c[i]->formula && c[i]->formula[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_is_documented),
        cmocka_unit_test(every_loss_is_documented),
        cmocka_unit_test(every_optimizer_is_documented),
        cmocka_unit_test(every_initialization_is_documented),
        cmocka_unit_test(every_schedule_is_documented),
        cmocka_unit_test(changes_of_rows_are_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
