#!/bin/sh
# The include check finds every kind of violation, and only those.
set -eu
check=$(cd "$(dirname "$0")/../../scripts" && pwd)/check-includes.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# fresh: a small tree that keeps the rule.
fresh()
{
    rm -rf "$tree"
    mkdir -p "$tree/include" "$tree/src/base" "$tree/src/kern" "$tree/src/layer" \
             "$tree/src/net" "$tree/src/model" "$tree/cli"
    printf '#include <stddef.h>\n' >"$tree/include/nadir.h"
    printf '#include "nadir.h"\n' >"$tree/src/base/mem.h"
    printf '#include <immintrin.h>\n#include "base/mem.h"\n' >"$tree/src/kern/gemm.c"
    printf '#include "layer/layer.h"\n#include "layer/dense.h"\n' >"$tree/src/layer/dense.c"
    printf '#include "layer/layers.def"\n#include "kern/kern.h"\n' >"$tree/src/layer/layer.c"
    printf '#include <jansson.h>\n#include "net/net.h"\n' >"$tree/src/model/save.c"
    printf '#include "nadir.h"\n#include "cli.h"\n' >"$tree/cli/main.c"
}

# expect 0|1 name: the check's status on the tree.
expect()
{
    status=0
    output=$(sh "$check" "$tree") || status=$?
    if [ $status -ne "$1" ] || { [ "$1" -eq 1 ] && [ -z "$output" ]; }; then
        printf 'FAILED: %s: status %s, expected %s\n%s\n' "$2" $status "$1" "$output"
        failures=$((failures + 1))
    fi
}

# violation file line name: one planted line is found.
violation()
{
    fresh
    mkdir -p "$(dirname "$tree/$1")"
    printf '%s\n' "$2" >>"$tree/$1"
    expect 1 "$3"
    case $output in
    "$1":*) ;;
    *)
        printf 'FAILED: %s: does not name %s: %s\n' "$3" "$1" "$output"
        failures=$((failures + 1))
        ;;
    esac
}

fresh
expect 0 "a tree that keeps the rule"
violation src/base/mem.c '#include "kern/kern.h"' "a lower floor uses a higher one"
violation src/net/plan.c '#include "job/options.h"' "net uses job"
violation src/net/plan.c '  #  include "model/model.h"' "blanks around include"
violation src/layer/relu.c '#include "layer/dense.h"' "siblings"
violation src/net/plan.c '#include "net.h"' "a path without its floor"
violation src/net/plan.c '#include "../base/mem.h"' "a path through .."
violation src/extra/a.c '#include "base/mem.h"' "a folder that is no floor"
violation src/layer/relu.c '#include <immintrin.h>' "SIMD above kern"
violation src/net/plan.c '#include <jansson.h>' "JSON in net"
violation src/data/csv.c '#include <yaml.h>' "YAML in data"
violation cli/train.c '#include "base/mem.h"' "the program uses the inside"
violation cli/train.c '#include <jansson.h>' "the program uses a library of the inside"
violation include/nadir.h '#include "base/mem.h"' "the public header uses the inside"
[ $failures -eq 0 ]
