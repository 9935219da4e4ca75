/* A loss from its text, and back. */
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"
#include "loss/loss.h"

static nd_status fail_name(nd_ctx *ctx, const char *name, size_t n)
{
    size_t count;
    const nd_loss_class *const *table = nd_loss_table(&count);
    nd_text names = {0};
    for (size_t i = 0; i < count; i++) {
        nd_text_printf(&names, "%s%s", i ? ", " : "", table[i]->name);
    }
    nd_status status = nd_fail(ctx, ND_ERR_OPTION, "unknown loss '%.*s'; there are %s", (int)n,
                               name, names.data ? names.data : "none");
    nd_text_free(&names);
    return status;
}

static nd_status read_settings(nd_ctx *ctx, const char *text, nd_loss *loss)
{
    const nd_loss_class *class = loss->class;
    nd_optset set;
    ND_TRY(nd_optset_init(ctx, class->options, class->option_count, "attribute of the loss", &set));
    nd_status status = nd_optset_parse(&set, text, ND_FROM_CALL);
    for (size_t i = 0; status == ND_OK && i < class->option_count; i++) {
        loss->setting[i] = nd_opt_real(&set, class->options[i].name);
    }
    nd_optset_free(&set);
    return status;
}

nd_status nd_loss_read(nd_ctx *ctx, const char *text, nd_loss *loss)
{
    size_t n = strcspn(text, ", ");
    size_t after = n + strspn(text + n, ", ");
    char name[64] = "";
    *loss = (nd_loss){0};
    if (n < sizeof name) {
        memcpy(name, text, n);
        loss->class = nd_loss_find(name);
    }
    return loss->class ? read_settings(ctx, text + after, loss) : fail_name(ctx, text, n);
}

void nd_loss_write(const nd_loss *loss, nd_text *text)
{
    nd_text_puts(text, loss->class->name);
    for (size_t i = 0; i < loss->class->option_count; i++) {
        char number[ND_NUM_TEXT];
        nd_num_print(number, loss->setting[i]);
        if (strcmp(number, loss->class->options[i].preset) != 0) {
            nd_text_printf(text, ", %s=%s", loss->class->options[i].name, number);
        }
    }
}
