#!/bin/sh
# Configure and build one preset, after installing what is missing.
#   build.sh preset [target...]
# Quiet unless something goes wrong or V is set.
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift
sh scripts/install-deps.sh

log=build/$preset.log
mkdir -p build
if [ -n "${V:-}" ]; then
    cmake --preset "$preset"
elif ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log"
    exit 1
fi

# Ninja's own lines are shown on failure only; a terminal gets its progress line.
set -- ${1:+--target "$@"}
if [ -n "${V:-}" ] || [ -t 1 ]; then
    cmake --build --preset "$preset" -j "${JOBS:-$(nproc)}" "$@"
elif ! cmake --build --preset "$preset" -j "${JOBS:-$(nproc)}" "$@" >"$log" 2>&1; then
    cat "$log"
    exit 1
fi
