#!/bin/sh
# Compare every #include with the order of the floors (docs/house.md).
#   check-includes.sh [root]
# Prints one line per violation; status 1 if there is any.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$here/check-includes.awk
cd "${1:-$here/..}"

find include src cli examples -name '*.[ch]' -o -name '*.def' 2>/dev/null | LC_ALL=C sort | {
    files=$(cat)
    [ -n "$files" ] || { echo "check-includes: no sources here"; exit 1; }
    awk -f "$program" $files
}
