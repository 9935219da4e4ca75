#!/bin/sh
# The library never prints, exits, changes locale or draws from global state, and
# allocates through base/mem.h: look for calls in src/ that would.
#   check-calls.sh [root]
# Prints one line per violation; status 1 if there is any.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$here/check-calls.awk
cd "${1:-$here/..}"

find src -type f \( -name '*.h' -o -name '*.c' \) | LC_ALL=C sort | {
    files=$(cat)
    [ -n "$files" ] || { echo "check-calls: no sources here"; exit 1; }
    awk -f "$program" $files
}
