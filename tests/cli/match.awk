# Exit 0 if the second file matches the first, line by line; {n} is a number,
# {*} any text, a line "..." any number of lines.
function pattern(line,    out, at) {
    out = ""
    while (line != "") {
        if (substr(line, 1, 3) == "{n}") {
            out = out "[-+]?[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)?"
            line = substr(line, 4)
        } else if (substr(line, 1, 3) == "{*}") {
            out = out ".*"
            line = substr(line, 4)
        } else {
            at = substr(line, 1, 1)
            out = out (at ~ /[A-Za-z0-9 ]/ ? at : at == "^" ? "\\^" : at == "\\" ? "\\\\" : "[" at "]")
            line = substr(line, 2)
        }
    }
    return "^" out "$"
}

# True if got[g..] matches want[w..].
function matches(w, g,    k) {
    for (; w <= wants; w++) {
        if (want[w] == "...") {
            for (k = g; k <= gots + 1; k++) {
                if (matches(w + 1, k)) {
                    return 1
                }
            }
            return 0
        }
        if (g > gots || got[g] !~ pattern(want[w])) {
            return 0
        }
        g++
    }
    return g == gots + 1
}

FILENAME == ARGV[1] { want[++wants] = $0; next }
{ got[++gots] = $0 }
END { exit !matches(1, 1) }
