#!/bin/sh
# Which lines and branches the tests run, by file, and what the parsers and the code that
# saves and loads leave out.
#   coverage.sh [least percent of branches]
# Status 1 if less than that many branches are run, or one of those lines is not.
set -eu
cd "$(dirname "$0")/.."
least=${1:-90}
build=build/coverage
sh scripts/install-deps.sh build test check coverage
sh scripts/build.sh coverage
find $build -name '*.gcda' -delete

# Programs that may not write cannot write their counts; installed ones have none.
ctest --preset coverage -j "${JOBS:-$(nproc)}" -E '_limit$|^install_' >$build/ctest.log 2>&1 || {
    cat $build/ctest.log
    exit 1
}
sh tests/reliability/check-faults.sh "$PWD/$build/nadir" "$PWD/$build/tests/fault.so" 12

# Kernels for instructions that this processor lacks cannot be run.
if ! grep -qw avx512f /proc/cpuinfo; then
    find $build \( -name '*isa_avx512*.gcno' -o -name '*isa_avx512*.gcda' \) -delete
fi
gcovr --root . --object-directory $build --filter src/ --filter cli/ \
    --exclude-unreachable-branches --gcov-ignore-parse-errors --json $build/coverage.json
python3 scripts/coverage.py $build/coverage.json "$least"
