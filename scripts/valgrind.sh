#!/bin/sh
# The cases of the command line with the program under valgrind: reads of what was never
# written, accesses out of bounds and blocks that are lost make a case fail.
#   valgrind.sh [case...]
set -eu
cd "$(dirname "$0")/.."
build=build/valgrind
sh scripts/install-deps.sh build valgrind
sh scripts/build.sh valgrind nadir
mkdir -p $build/found
rm -f $build/found/* $build/failed
cat >$build/wrapped <<EOF
#!/bin/sh
exec valgrind -q --fair-sched=try --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \\
    --errors-for-leak-kinds=definite \\
    --log-file=$PWD/$build/found/%p.log $PWD/$build/nadir "\$@"
EOF
chmod +x $build/wrapped

# Limits of the shell are meant for the program alone, and valgrind needs more. Where standard
# output is closed, its log would take that place.
[ $# -gt 0 ] || set -- $(ls tests/cli/cases/*.case | grep -v -e '_limit\.case$' -e stdout_closed)
printf '%s\n' "$@" | xargs -n 1 -P "${JOBS:-$(nproc)}" sh -c '
    sh tests/cli/run.sh "$0" "$1" || echo "$1" >>'"$build/failed" "$PWD/$build/wrapped" \
    >$build/cases.log 2>&1 || true
find $build/found -size 0 -delete
if [ -s $build/failed ] || [ -n "$(ls $build/found)" ]; then
    cat $build/cases.log
    head -n 40 $build/found/* 2>/dev/null || true
    exit 1
fi
echo "$# cases under valgrind, nothing found"
