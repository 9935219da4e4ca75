#!/bin/sh
# Check the sources without running them; status 1 if anything is found, 77 if the
# tools are missing and cannot be installed.
#   lint.sh [check...]   checks: rules format gcc clang tidy cppcheck (default: all)
set -eu
cd "$(dirname "$0")/.."
sh scripts/install-deps.sh build test lint || exit 77
jobs=${JOBS:-$(nproc)}
failed=""

# Sources that are ours, one a line.
sources()
{
    find include src cli tests bench examples -name '*.[ch]' 2>/dev/null | LC_ALL=C sort
}

check_rules()
{
    sh scripts/check-includes.sh . && sh scripts/check-calls.sh . && sh scripts/check-pages.sh .
}

# Another version lays out a few lines differently, so only one is asked.
check_format()
{
    case $(clang-format --version) in
    *"version 14."*) sources | xargs clang-format --dry-run -Werror ;;
    *) echo "skipped: the layout is that of clang-format 14" ;;
    esac
}

check_gcc()
{
    sh scripts/build.sh release all bench
}

check_clang()
{
    cmake --preset clang >/dev/null
    sed -n 's/^ *"command": "\(.*\) -o [^ ]* -c \(.*\)",$/\1 -fsyntax-only \2/p' \
        build/clang/compile_commands.json | xargs -P "$jobs" -I '{}' sh -c 'cd build/clang && {}'
}

# Following paths through functions is nearly all of clang-tidy's time; DEEP=1 lets
# it follow many more.
check_tidy()
{
    nodes=8000
    [ -z "${DEEP:-}" ] || nodes=225000
    cmake --preset clang >/dev/null
    set -- --quiet -p build/clang --extra-arg=-UNDEBUG
    for argument in -Xclang -analyzer-config -Xclang max-nodes=$nodes; do
        set -- "$@" --extra-arg="$argument"
    done
    find src cli -name '*.c' | LC_ALL=C sort |
        xargs -P "$jobs" -n 4 clang-tidy "$@" 2>build/tidy.log || {
            cat build/tidy.log
            return 1
        }
}

look()
{
    cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
        --suppressions-list=.cppcheck --error-exitcode=1 -j "$jobs" -Iinclude -Isrc "$@"
}

# Of all combinations of macros the plain kernels get two: those of the wider instruction
# sets are seen in their own files, which take as long as all others together: with DEEP=1.
check_cppcheck()
{
    plain=src/kern/isa_plain.c
    wide="-i src/kern/isa_avx2.c -i src/kern/isa_avx512.c"
    [ -z "${DEEP:-}" ] || wide=""
    look -i $plain $wide src cli && look -D__x86_64__ $plain && look -D__x86_64__ -DND_REAL_DOUBLE $plain
}

[ $# -gt 0 ] || set -- rules format gcc clang tidy cppcheck
for check in "$@"; do
    start=$(date +%s)
    word=ok
    "check_$check" || { word=FOUND; failed="$failed $check"; }
    printf '%-9s %-5s %3ds\n' "$check" $word $(($(date +%s) - start))
done
[ -z "$failed" ]
