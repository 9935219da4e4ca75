#!/bin/sh
# On a terminal there is one redrawn line, in colour unless NO_COLOR is set; with
# -q, and for results off the terminal, there is neither.
set -u
nadir=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
script -qec true /dev/null < /dev/null > /dev/null 2>&1 || { echo "skipped: no script(1)"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-terminal.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
escape=$(printf '\033')
failures=0

# expect some|none PATTERN FILE
expect() {
    found=none
    grep -q -e "$2" "$3" && found=some
    [ $found = "$1" ] && return
    echo "$3: lines with '$2': $found, expected $1"
    cat -v "$3"
    failures=$((failures + 1))
}

on_terminal() { # FILE COMMAND
    TERM=xterm script -qec "$2" /dev/null < /dev/null > "$1"
}

cd "$work" || exit 1
train="$nadir train $source/data/iris.csv -e 30"
on_terminal plain "$train > result"
NO_COLOR=1 on_terminal no_color "$train > /dev/null"
on_terminal quiet "$train -q > /dev/null"
TERM=dumb script -qec "$train > /dev/null" /dev/null < /dev/null > no_redraw
expect some "$escape\[K" plain
expect some "$escape\[1m" plain
expect some "\[#####*" plain
expect some "$escape\[K" no_color
expect none "$escape\[[0-9]*m" no_color
expect none "." quiet
expect none "$escape" no_redraw
expect none "$escape" result
expect some "accuracy" result
[ $failures -eq 0 ]
