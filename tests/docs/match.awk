# Exit 0 if the output of a command is what the page shows: the same lines in the
# same order, numbers aside; a shown line "..." stands for any number of lines.
#   awk -f match.awk shown got
function shape(line) {
    gsub(/[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)?[kM]?/, "#", line)
    gsub(/[ \t*]+/, " ", line)
    sub(/ $/, "", line)
    return line
}

FILENAME == ARGV[1] { want[++wants] = $0; next }
{ got[++gots] = $0 }

END {
    g = 1
    for (w = 1; w <= wants; w++) {
        if (want[w] == "...") {
            free = 1
            continue
        }
        while (free && g <= gots && shape(got[g]) != shape(want[w])) {
            g++
        }
        if (g > gots || shape(got[g]) != shape(want[w])) {
            printf "the page shows: %s\nthe program says: %s\n", want[w], g > gots ? "(nothing)" : got[g]
            exit 1
        }
        free = 0
        g++
    }
    if (!free && g <= gots) {
        printf "the page does not show: %s\n", got[g]
        exit 1
    }
}
