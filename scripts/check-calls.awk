# Program of check-calls.sh.

BEGIN {
    name("prints", "printf vprintf puts putchar perror psignal err errx warn warnx")
    name("ends the process", "exit _exit _Exit quick_exit abort raise")
    name("depends on the locale", "setlocale strtod strtof strtold atof sscanf fscanf scanf")
    name("keeps global state", "rand srand random srandom drand48 srand48 strtok strerror signal" \
         " sigaction setenv putenv localtime gmtime asctime ctime")
    name("can overrun", "sprintf vsprintf strcpy strcat gets")
    name("does not go through base/mem.h", "malloc calloc realloc reallocarray free strdup" \
         " strndup aligned_alloc posix_memalign asprintf vasprintf")
    streams["stdout"] = streams["stderr"] = 1
}

function name(why, words,    i, n, list)
{
    n = split(words, list, " ")
    for (i = 1; i <= n; i++) {
        reason[list[i]] = why
    }
}

# The line without comments, strings and character constants.
function code(line,    out, two)
{
    out = ""
    while (line != "") {
        two = substr(line, 1, 2)
        if (inside) {
            if (!index(line, "*/")) {
                return out
            }
            line = substr(line, index(line, "*/") + 2)
            inside = 0
        } else if (two == "/*") {
            inside = 1
            line = substr(line, 3)
        } else if (two == "//") {
            return out
        } else if (match(line, /^"([^"\\]|\\.)*"/) || match(line, /^'([^'\\]|\\.)*'/)) {
            out = out " "
            line = substr(line, RLENGTH + 1)
        } else {
            out = out substr(line, 1, 1)
            line = substr(line, 2)
        }
    }
    return out
}

FNR == 1 { inside = foreign = 0 }

{
    text = code($0)
    while (match(text, /[A-Za-z_][A-Za-z0-9_]*/)) {
        word = substr(text, RSTART, RLENGTH)
        before = RSTART > 1 ? substr(text, RSTART - 1, 1) : ""
        text = substr(text, RSTART + RLENGTH)
        # What these hand out goes back with free().
        if (word == "realpath" || word == "json_dumps") {
            foreign = 1
        }
        if (word in streams) {
            report("uses " word)
        }
        # A member or a declaration such as "void (*free)(..)" is no call.
        if (word == "free" && foreign) {
            continue
        }
        # The one handler for a signal that the library has.
        if (FILENAME == "src/base/mapped.c" && (word == "sigaction" || word == "raise")) {
            continue
        }
        if (word in reason && text ~ /^[ \t]*\(/ && before != "." && before != ">") {
            if (FILENAME !~ /^src\/base\/mem\.[ch]$/ || reason[word] !~ /mem\.h/) {
                report(word "() " reason[word])
            }
        }
    }
}

function report(why)
{
    printf "%s:%d: %s\n", FILENAME, FNR, why
    violations++
}

END { exit violations > 0 }
