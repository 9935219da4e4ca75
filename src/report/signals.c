#include "report/signals.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "report/metrics_json.h"

static void add_cell(nd_text *text, double value, int width, bool share)
{
    char number[ND_NUM_TEXT] = "";
    if (!isnan(value)) {
        nd_num_print_general(number, share ? 100 * value : value, 3);
    }
    nd_text_printf(text, "%*s%s", share ? width - 2 : width, number,
                   !share         ? ""
                   : isnan(value) ? "  "
                                  : " %");
}

static size_t longest_name(const nd_layer_signal *signal, size_t count)
{
    size_t longest = strlen("layer");
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(signal[i].name);
        longest = n > longest ? n : longest;
    }
    return longest;
}

/* Blanks at the end of a line are nobody's. */
static void end_line(nd_text *text)
{
    while (!text->failed && text->size > 0 && text->data[text->size - 1] == ' ') {
        text->data[--text->size] = '\0';
    }
    nd_text_puts(text, "\n");
}

void nd_signals_text(nd_text *text, const nd_layer_signal *signal, size_t count)
{
    int name = (int)longest_name(signal, count);
    if (count == 0) {
        return;
    }
    nd_text_printf(text, "  %-*s%11s%11s%11s%8s%11s\n", name, "layer", "gradient", "weights",
                   "update", "dead", "saturated");
    for (size_t i = 0; i < count; i++) {
        nd_text_printf(text, "  %-*s", name, signal[i].name);
        add_cell(text, signal[i].gradient, 11, false);
        add_cell(text, signal[i].weight, 11, false);
        add_cell(text, signal[i].update, 11, false);
        add_cell(text, signal[i].dead, 8, true);
        add_cell(text, signal[i].saturated, 11, true);
        end_line(text);
    }
}

static void set_number(json_t **object, const char *key, double value)
{
    if (isfinite(value)) {
        nd_json_set(object, key, json_real(value));
    }
}

json_t *nd_signals_json(const nd_layer_signal *signal, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        nd_json_set(&object, "name", nd_json_text(signal[i].name));
        set_number(&object, "gradient", signal[i].gradient);
        set_number(&object, "weight", signal[i].weight);
        set_number(&object, "update", signal[i].update);
        set_number(&object, "dead", signal[i].dead);
        set_number(&object, "saturated", signal[i].saturated);
        nd_json_append(&list, object);
    }
    return list;
}
