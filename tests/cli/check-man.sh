#!/bin/sh
# The man pages of all verbs are clean for mandoc and name every flag of --help.
set -u
nadir=$1
command -v mandoc > /dev/null || { echo "skipped: mandoc is not installed"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-man.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
failures=0
backspace=$(printf '\b')
for verb in "" train eval predict inspect check cv init bench; do
    # shellcheck disable=SC2086 # no verb means no argument
    "$nadir" _write man $verb > "$work/page.1" || failures=$((failures + 1))
    mandoc -Tlint -Wstyle "$work/page.1" || failures=$((failures + 1))
    [ -n "$verb" ] || continue
    mandoc -Tascii "$work/page.1" | sed "s/.$backspace//g" > "$work/page.txt"
    for flag in $("$nadir" "$verb" --help | sed -n 's/^  .*\(--[a-z-]*\)\( .*\)*$/\1/p'); do
        grep -q -e "$flag" "$work/page.txt" || {
            echo "nadir-$verb.1 lacks $flag"
            failures=$((failures + 1))
        }
    done
done
[ $failures -eq 0 ]
