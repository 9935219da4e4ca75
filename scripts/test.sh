#!/bin/sh
# Run the tests in the named presets, lint among them, one after the other.
#   test.sh stage...     a stage is a preset of CMakePresets.json, lint, coverage or valgrind;
#                        QUICK=1 leaves programs about figures out under a sanitizer
# All stages run even if one fails; status 1 if one did.
set -eu
cd "$(dirname "$0")/.."
# Without these a few tests are skipped.
sh scripts/install-deps.sh build test check || sh scripts/install-deps.sh build test
summary=""
failed=0

# finish stage status start detail: a line for the summary.
finish()
{
    word=ok
    if [ "$2" -eq 77 ]; then
        word=SKIPPED
    elif [ "$2" -ne 0 ]; then
        word=FAILED
        failed=1
    fi
    summary=$summary$(printf '%-8s %-7s %4ds  %s' "$1" $word $(($(date +%s) - $3)) "$4")"
"
}

for stage in "$@"; do
    start=$(date +%s)
    status=0
    printf '\n== %s\n' "$stage"
    case $stage in
    lint)
        sh scripts/lint.sh || status=$?
        finish lint $status "$start" "includes, calls, format, gcc, clang, clang-tidy, cppcheck"
        continue
        ;;
    coverage | valgrind)
        sh "scripts/$stage.sh" || status=$?
        finish "$stage" $status "$start" ""
        continue
        ;;
    esac
    if ! sh scripts/build.sh "$stage"; then
        finish "$stage" 1 "$start" "does not build"
        continue
    fi
    # The thread sanitizer has nothing to see in programs without threads. The memory
    # sanitizer takes what zlib, jansson and libyaml write for never written: it gets
    # the floors without them.
    filter=""
    quick=${QUICK:+-LE figures}
    case $stage in
    asan*) filter=$quick ;;
    tsan) filter="-L threads $quick ${QUICK:+-E ^unit_job_cached$}" ;; # 46 s of a core
    msan) filter="-R ^(unit_(base|kern|layer|loss|net|optim|train)|contract|golden)_" ;;
    esac
    log=build/$stage/ctest.log
    ctest --preset "$stage" -j "${JOBS:-$(nproc)}" --no-label-summary $filter >"$log" 2>&1 ||
        status=$?
    # Everything if a test failed, the closing lines if none did.
    if [ $status -ne 0 ]; then
        cat "$log"
    else
        sed -n '/tests passed,/,$p' "$log"
    fi
    finish "$stage" $status "$start" \
        "$(awk -f scripts/count-tests.awk "$log" "build/$stage/Testing/Temporary/LastTest.log")"
done

printf '\n== summary\n%s' "$summary"
exit $failed
