#!/bin/sh
# The case runner itself: it must pass what is right and find each kind of mistake.
set -u
nadir=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-runner.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
failures=0

# expect pass|fail NAME, the case on standard input
expect() {
    cat > "$work/$2.case"
    got=pass
    sh "$here/run.sh" "$nadir" "$work/$2.case" > "$work/out" 2>&1 || got=fail
    if [ $got != "$1" ]; then
        echo "$2: expected $1, got $got"; cat "$work/out"
        failures=$((failures + 1))
    fi
}

expect pass right <<'END'
--- file a
one
--- run
cat a; echo 2.5e-3 rows; echo x; echo y; echo end; echo no >&2; exit 3
--- status 3
--- stdout
one
{n} rows
...
end
--- stderr
n{*}
END
printf '%s\n' '--- run' 'exit 1' | expect fail status
printf '%s\n' '--- run' 'exit 0' '--- status 1' | expect fail status_absent
printf '%s\n' '--- run' 'echo a' | expect fail unexpected_stdout
printf '%s\n' '--- run' 'echo a >&2' | expect fail unexpected_stderr
printf '%s\n' '--- run' ':' '--- stdout' 'a' | expect fail missing_stdout
printf '%s\n' '--- run' 'echo ab' '--- stdout' 'a' | expect fail longer_line
printf '%s\n' '--- run' 'echo axb' '--- stdout' 'a.b' | expect fail dot_is_a_dot
printf '%s\n' '--- run' 'echo x rows' '--- stdout' '{n} rows' | expect fail word_for_number
printf '%s\n' '--- run' 'echo a; echo b' '--- stdout' '...' 'c' | expect fail line_after_dots
printf '%s\n' '--- setup' 'false' '--- run' ':' | expect fail setup
printf '%s\n' '--- runn' ':' | expect fail unknown_section
[ $failures -eq 0 ]
