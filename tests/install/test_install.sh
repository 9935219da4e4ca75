#!/bin/sh
# Install into a scratch folder, build the examples against what lies there, with
# pkg-config (shared and static) and with CMake (shared and static), run them and
# check what they print.
#   test_install.sh SOURCE BUILD CMAKE CC
set -eu
source=$1 build=$2 cmake=$3 cc=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
examples="01_train_from_arrays 02_load_and_predict 03_custom_loop 04_adding_problem"

fail() {
    echo "$*" >&2
    exit 1
}

# number FILE WORDS: the number after the words "WORDS N" in a line of the file
number() {
    sed -n "s/.*$2 \([0-9][0-9]*\).*/\1/p" "$1" | head -n 1
}

# check FOLDER: run the programs in it
check() {
    (
        cd "$1"
        ./01_train_from_arrays iris.safetensors > 1.txt || fail "$1: example 1 failed"
        [ "$(number 1.txt 'right on')" -ge 67 ] || fail "$1: example 1: $(cat 1.txt)"
        ./02_load_and_predict iris.safetensors > 2.txt || fail "$1: example 2 failed"
        for line in 'flower 1: class 0' 'flower 2: class 1' 'flower 3: class 2' \
                    'flower 4: class 0'; do
            grep -q "^$line" 2.txt || fail "$1: example 2 lacks '$line': $(cat 2.txt)"
        done
        ./02_load_and_predict absent.safetensors > 3.txt 2>&1 && fail "$1: no model, no error"
        grep -q 'absent.safetensors' 3.txt || fail "$1: the error names no file: $(cat 3.txt)"
        ./03_custom_loop > 4.txt || fail "$1: example 3 failed"
        [ "$(number 4.txt 'right on')" -ge 190 ] || fail "$1: example 3: $(cat 4.txt)"
        ./04_adding_problem > 5.txt || fail "$1: example 4 failed"
        grep -q '^solved' 5.txt || fail "$1: example 4: $(cat 5.txt)"
    )
    echo "$1: runs"
}

"$cmake" --install "$build" --prefix "$work/first" > "$work/install.log" ||
    fail "$(cat "$work/install.log")"
# An installation that was moved must still work.
mv "$work/first" "$work/prefix"
prefix=$work/prefix
[ -f "$prefix/include/nadir.h" ] || fail "nadir.h is not installed"
if [ -x "$build/nadir" ]; then
    "$prefix/bin/nadir" --version > /dev/null || fail "the installed program does not run"
fi

pc=$(find "$prefix" -name nadir.pc)
[ -n "$pc" ] || fail "nadir.pc is not installed"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
if command -v pkg-config > /dev/null; then
    libdir=$(pkg-config --variable=libdir nadir)
    flags=$(pkg-config --cflags nadir)
    shared=$(pkg-config --libs nadir)
    static=$(pkg-config --libs --static nadir | sed 's/-lnadir/-l:libnadir.a/')
    for kind in shared static; do
        mkdir "$work/pc-$kind"
        for example in $examples; do
            if [ $kind = shared ]; then libs="$shared -Wl,-rpath,$libdir"; else libs=$static; fi
            # shellcheck disable=SC2086
            "$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror -O2 $flags \
                "$source/examples/$example.c" $libs -lm -o "$work/pc-$kind/$example"
        done
        check "$work/pc-$kind"
    done
    objdump -p "$work/pc-static/03_custom_loop" 2> /dev/null | grep -q 'NEEDED.*libnadir' &&
        fail "the static program needs libnadir.so"
else
    echo "skipped: pkg-config is not installed"
fi

for static in OFF ON; do
    folder=$work/cmake-$static
    "$cmake" -S "$source/examples" -B "$folder" -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=Release -DSTATIC=$static > "$work/log" 2>&1 &&
        "$cmake" --build "$folder" > "$work/log" 2>&1 || fail "$(cat "$work/log")"
    check "$folder"
done
