#!/bin/sh
# Draw what bench/growth.c printed as SVG: time per epoch against rows, and against
# parameters, both axes logarithmic, with the line that grows in proportion.
#   plot-growth.sh growth.tsv > docs/growth.svg
set -eu
awk -F '\t' '
function decade(value) { return log(value) / log(10) }
function px(panel, value) { return 70 + panel * 370 + (decade(value) - low[panel]) * 270 / (high[panel] - low[panel]) }
function py(value) { return 250 - (decade(value) - bottom) * 220 / (top - bottom) }
function floor(x) { return x < 0 && int(x) != x ? int(x) - 1 : int(x) }
function label(power) { return "10<tspan dy=\"-5\" font-size=\"8\">" power "</tspan>" }
NR > 1 {
    panel = $1 == "rows" ? 0 : 1
    n = count[panel]++
    x[panel, n] = panel ? $3 : $2
    y[panel, n] = $4
    if (n == 0 || decade(x[panel, n]) < low[panel]) low[panel] = floor(decade(x[panel, n]) + 0.1)
    if (n == 0 || decade(x[panel, n]) > high[panel]) high[panel] = floor(decade(x[panel, n]) + 0.9)
    if (NR == 2 || floor(decade($4)) < bottom) bottom = floor(decade($4))
    if (NR == 2 || floor(decade($4)) + 1 > top) top = floor(decade($4)) + 1
}
END {
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 740 300\" font-family=\"sans-serif\" font-size=\"11\">"
    print "<rect width=\"740\" height=\"300\" fill=\"white\"/>"
    for (panel = 0; panel < 2; panel++) {
        left = 70 + panel * 370
        for (p = bottom; p <= top; p++) {
            at = 250 - (p - bottom) * 220 / (top - bottom)
            printf "<path d=\"M%d %.1fh270\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s s</text>\n", left, at, left - 6, at + 4, label(p)
        }
        for (p = low[panel]; p <= high[panel]; p++) {
            at = left + (p - low[panel]) * 270 / (high[panel] - low[panel])
            printf "<path d=\"M%.1f 30v220\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"268\" text-anchor=\"middle\">%s</text>\n", at, at, label(p)
        }
        last = count[panel] - 1
        start = y[panel, last] * x[panel, 0] / x[panel, last]
        y0 = py(start)
        x0 = px(panel, x[panel, 0])
        if (y0 > 250) {
            x0 = px(panel, x[panel, last] * exp(log(10) * bottom) / y[panel, last])
            y0 = 250
        }
        printf "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"#888\" stroke-dasharray=\"4 3\"/>\n", x0, y0, px(panel, x[panel, last]), py(y[panel, last])
        line = ""
        for (i = 0; i <= last; i++) {
            line = line (i ? "L" : "M") sprintf("%.1f %.1f", px(panel, x[panel, i]), py(y[panel, i]))
            printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#1f6feb\"/>\n", px(panel, x[panel, i]), py(y[panel, i])
        }
        printf "<path d=\"%s\" fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"1.5\"/>\n", line
        printf "<text x=\"%d\" y=\"290\" text-anchor=\"middle\">%s</text>\n", left + 135, panel ? "parameters (4096 rows of 64 inputs, batches of 128)" : "rows (8-32-10, batches of 256)"
        printf "<text x=\"%d\" y=\"20\" text-anchor=\"middle\">time per epoch</text>\n", left + 135
    }
    print "</svg>"
}' "$1"
