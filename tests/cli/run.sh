#!/bin/sh
# Run one case: a command with its expected output and exit status.
#   run.sh NADIR CASE...
# A case is a text file of sections; text before the first one is a comment.
#   --- file NAME   content of a file in the case's own folder
#   --- float       it speaks of single precision: not for a build with doubles
#   --- setup       shell commands to prepare it
#   --- run         shell commands that are tested; "nadir" is the program
#   --- status N    exit status of the last of them (0 if the section is absent)
#   --- stdout, --- stderr   what they print (nothing if absent)
# In expected text {n} stands for a number, {*} for any text on the line, and a
# line "..." for any number of lines. $SOURCE is the project's folder.
set -u
nadir=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
SOURCE=$(cd "$here/../.." && pwd)
export SOURCE
unset NO_COLOR COLUMNS
LC_ALL=C
export LC_ALL
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-case.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
mkdir "$work/bin"
ln -s "$nadir" "$work/bin/nadir"
PATH=$work/bin:$PATH
export PATH

failures=0
for case in "$@"; do
    part=$work/part
    rm -rf "$work/room" "$part"
    mkdir "$work/room" "$part"
    : > "$part/setup"; : > "$part/stdout"; : > "$part/stderr"
    awk -v part="$part" -v room="$work/room" -f "$here/split.awk" "$case" || exit 1
    expected=$(cat "$part/status" 2>/dev/null || echo 0)
    cd "$work/room" || exit 1
    if ! sh -e "$part/setup" > "$part/setup.out" 2>&1; then
        echo "$case: setup failed"; cat "$part/setup.out"
        failures=$((failures + 1))
        continue
    fi
    sh "$part/run" > "$part/got.stdout" 2> "$part/got.stderr" < /dev/null
    status=$?
    good=1
    if [ "$status" -ne "$expected" ]; then
        echo "$case: exit status $status, expected $expected"
        good=0
    fi
    for stream in stdout stderr; do
        awk -f "$here/match.awk" "$part/$stream" "$part/got.$stream" && continue
        echo "$case: $stream differs; expected (<), got (>):"
        diff "$part/$stream" "$part/got.$stream"
        good=0
    done
    [ $good -eq 1 ] || failures=$((failures + 1))
done
[ $failures -eq 0 ]
