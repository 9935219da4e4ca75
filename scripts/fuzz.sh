#!/bin/sh
# Build the fuzz targets with clang's libFuzzer and run each for some seconds,
# starting from the kept inputs. What is found is left in build/fuzz/found/.
#   fuzz.sh seconds [target...]
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
sh scripts/install-deps.sh build test fuzz
sh scripts/build.sh fuzz
mkdir -p build/fuzz/found
failed=0
for program in build/fuzz/tests/fuzz_*; do
    name=${program##*/fuzz_}
    case " $* " in
    "  " | *" $name "*) ;;
    *) continue ;;
    esac
    printf '== %s, %ss\n' "$name" "$seconds"
    mkdir -p "build/fuzz/new/$name" "tests/fuzz/corpus/$name"
    "$program" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/new/$name" \
        "tests/fuzz/corpus/$name" >"build/fuzz/$name.log" 2>&1 || failed=1
    tail -n 8 "build/fuzz/$name.log"
done
exit $failed
