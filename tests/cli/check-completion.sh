#!/bin/sh
# Completion: bash offers verbs, flags, words and files; zsh takes the script.
set -u
nadir=$1
command -v bash > /dev/null || { echo "skipped: bash is not installed"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-complete.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
"$nadir" _write bash > "$work/nadir.bash" || exit 1
"$nadir" _write zsh > "$work/_nadir" || exit 1
: > "$work/rows.csv"
cat > "$work/ask.bash" <<'END'
cd "$1" || exit 1
source ./nadir.bash
compopt() { :; }
ask() { # expected words...; the last word is being completed
    local expected=$1
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _nadir
    [ "${COMPREPLY[*]}" = "$expected" ] && return
    echo "$*: expected '$expected', got '${COMPREPLY[*]}'"
    failed=1
}
failed=0
ask train nadir tr
ask "--optimizer --optimizer-options" nadir train --opt
ask "sgd" nadir train --optimizer s
ask "adagrad adadelta adam adamw amsgrad" nadir train --optimizer a
ask "lr-find" nadir lr
ask "--lr-min" nadir lr-find --lr-mi
ask "relu relu6" nadir train -a re
ask "--no-batchnorm" nadir train --no-ba
ask "" nadir eval --epo
ask rows.csv nadir predict --model row
ask rows.csv nadir predict row
ask "predict" nadir help pre
ask "" nadir train --epochs ""
exit $failed
END
bash --norc "$work/ask.bash" "$work" || exit 1
if command -v zsh > /dev/null; then
    zsh -n "$work/_nadir" || exit 1
fi
