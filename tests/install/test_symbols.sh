#!/bin/sh
# The shared library exports what nadir.h declares with ND_API, and nothing else.
#   test_symbols.sh NADIR_H LIBNADIR_SO
set -eu
header=$1 library=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Declarations may run over lines: the name is the last word before the first "(".
tr '\n' ' ' < "$header" | grep -o 'ND_API [^;(]*(' | sed 's/ *($//; s/.*[ *]//' |
    grep '^nd_' | sort -u > "$work/declared"
nm -D --defined-only "$library" | awk '{print $NF}' | sed 's/@.*//' | sort -u > "$work/exported"

count=$(wc -l < "$work/declared")
if [ "$count" -lt 50 ]; then
    echo "only $count declarations were found in $header" >&2
    exit 1
fi
if ! diff "$work/declared" "$work/exported" > "$work/diff"; then
    echo "declared in nadir.h (<) and exported by the library (>) differ:" >&2
    cat "$work/diff" >&2
    exit 1
fi
echo "$count symbols"
