#!/bin/sh
# The check of calls finds every kind of forbidden call, and only those.
set -eu
check=$(cd "$(dirname "$0")/../../scripts" && pwd)/check-calls.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# expect 0|1 file line: the check's status on a tree of one file with one line.
expect()
{
    rm -rf "$tree/src"
    mkdir -p "$(dirname "$tree/$2")"
    printf '%s\n' "$3" >"$tree/$2"
    status=0
    output=$(sh "$check" "$tree") || status=$?
    if [ $status -ne "$1" ]; then
        printf 'FAILED: status %s, expected %s: %s\n' $status "$1" "$3"
        failures=$((failures + 1))
    fi
}

expect 1 src/net/a.c '    printf("x");'
expect 1 src/net/a.c '    fprintf(stderr, "x");'
expect 1 src/net/a.c '    fputs("x", stdout);'
expect 1 src/net/a.c '    if (x) { exit(1); }'
expect 1 src/net/a.c '    abort ();'
expect 1 src/net/a.c '    setlocale(LC_ALL, "");'
expect 1 src/net/a.c '    x = strtod(s, &end);'
expect 1 src/net/a.c '    x = rand();'
expect 1 src/net/a.c '    char *p = malloc(3);'
expect 1 src/base/text.c '    free(p);'
expect 1 src/base/text.c '    /* why */ free(p);'
expect 1 src/base/text.c '    x = "\"/*"; free(p);'
expect 1 src/base/mem.c '    exit(1);'
expect 0 src/base/mem.c '    return malloc(size);'
expect 0 src/net/a.c '    nd_free(p); /* not free(p) */'
expect 0 src/net/a.c '    n = snprintf(s, n, "exit(1)");'
expect 0 src/net/a.c '    object->free(object);'
expect 0 src/net/a.c '    // malloc(1)'
expect 0 src/base/file.c '    char *p = realpath(path, NULL); free(p);'
[ $failures -eq 0 ]
