#!/bin/sh
# Install the packages that nadir needs and that are missing; root is asked for
# only then.
#   install-deps.sh [build] [test] [check] [lint] [fuzz] [coverage]
#                   [valgrind] [peers] [--list]
# Without a group: build and test. --list prints the packages of the groups.
set -eu

# The one place that names packages (Debian 12, Ubuntu 22.04 and later).
build="gcc libc6-dev make cmake ninja-build pkg-config
       libyaml-dev libjansson-dev zlib1g-dev"
test="libcmocka-dev"
check="mandoc python3-numpy"
lint="clang clang-format clang-tidy cppcheck"
fuzz="clang libclang-rt-dev"
coverage="gcovr"
valgrind="valgrind"
peers="python3-torch python3-sklearn libopenblas0-openmp libfann-dev"

say()
{
    printf '%s\n' "install-deps: $*" >&2
}

packages=""
list=no
for word in "$@"; do
    case $word in
    build) packages="$packages $build" ;;
    test) packages="$packages $test" ;;
    check) packages="$packages $check" ;;
    lint) packages="$packages $lint" ;;
    fuzz) packages="$packages $fuzz" ;;
    coverage) packages="$packages $coverage" ;;
    valgrind) packages="$packages $valgrind" ;;
    peers) packages="$packages $peers" ;;
    --list) list=yes ;;
    *)
        say "unknown word '$word': build, test, check, lint, fuzz, coverage, valgrind, peers or --list"
        exit 2
        ;;
    esac
done
if [ -z "$packages" ]; then
    packages="$build $test"
fi
if [ $list = yes ]; then
    printf '%s\n' $packages
    exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "no apt here. Needed: a C11 compiler, make, cmake 3.22, ninja, pkg-config, and the"
    say "libraries with headers libyaml, jansson, zlib, cmocka (tests)."
    # Whoever installed them by other means goes on; cmake names what it misses.
    exit 0
fi

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    case $state in
    ?i*) ;;
    *) missing="$missing $package" ;;
    esac
done
if [ -z "$missing" ]; then
    exit 0
fi

root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        say "missing:$missing"
        say "run as root: apt-get install$missing"
        exit 1
    fi
    root="sudo"
fi
say "installing:$missing"
$root apt-get update -q
known=""
for package in $missing; do
    if [ -n "$(apt-cache show "$package" 2>/dev/null)" ]; then
        known="$known $package"
    else
        say "this system has no package $package; going on without it"
    fi
done
$root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $known
