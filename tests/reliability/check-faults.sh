#!/bin/sh
# Every verb with one thing failing: each write, fsync, rename, open, thread, mapping and
# allocation in turn, once and from then on; a full disk; files that may not grow; too
# little memory. The program ends with status 0 and the whole new file, or with 2, a
# message and the old or the new file; nothing crashes, leaks or stays behind; what was
# trained can be resumed and ends with the same bits.
#   check-faults.sh PROGRAM FAULT.SO [POINTS]
# POINTS of each kind and verb are tried, evenly spread; 0: every one.
set -u
nadir=$1
shim=$2
points=${3:-1}
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-faults.XXXXXX") || exit 1
disk=
trap '[ -z "$disk" ] || umount "$disk"; rm -rf "$work"' EXIT INT TERM
cd "$work" || exit 1
rows=$source/data/iris.csv
tried=0 refused=0 seen= what="no fault"

fail()
{
    echo "$verb, $what: $*"
    [ ! -s err ] || tail -5 err
    exit 1
}

# prepare FOLDER: an older file of every name that the verb writes.
prepare()
{
    rm -rf "${1:?}"/* "$1"/.nadir-* "$1"/.fuse*
    cp old "$1/out"
    case $verb in
    train) cp -r stopped "$1/saved" && cp history "$1/history" ;;
    cache) cp cache "$1/cache" ;;
    esac
}

# run FOLDER: the verb, with its files in a folder.
run()
{
    case $verb in
    train) $nadir train "$rows" -e 2 --hidden 4 -q -o "$1/out" --force --checkpoint "$1/saved" \
        --every 4steps --resume --history "$1/history" ;;
    fresh) $nadir train "$rows" -e 1 --hidden 4 -q -o "$1/out" --force --checkpoint "$1/saved" ;;
    large) $nadir train "$source/data/digits.csv" -t digit -e 1 --hidden 600,600 -b 256 -q \
        -o "$1/out" --force ;;
    cache) $nadir train "$rows" -e 1 --hidden 4 -q -o "$1/out" --force --cache "$1/cache" ;;
    words) $nadir train words.csv -e 1 --hidden 4 -q -o "$1/out" --force ;;
    images) $nadir train t-images-idx3-ubyte -e 1 --hidden 4 -q -o "$1/out" --force --augment shift=1 ;;
    ensemble) $nadir train "$rows" -e 1 --hidden 4 -q -o "$1/out" --force --ensemble 2 ;;
    cv) $nadir cv "$rows" -e 1 --hidden 4 --folds 2 -q --predictions "$1/out" --force ;;
    series) $nadir train words.csv -t x --ignore code,y --window 4 --recurrent gru --hidden 2 -e 1 \
        -q -o "$1/out" --force ;;
    transfer) $nadir train "$rows" --from model -e 1 -q -o "$1/out" --force ;;
    predict) $nadir predict "$rows" -m model -o "$1/out" --force ;;
    eval) $nadir eval "$rows" -m model -o "$1/out" --force ;;
    init) $nadir init -o "$1/out" --force ;;
    lr-find) $nadir lr-find "$rows" --hidden 4 -q -o "$1/out" --force ;;
    check) $nadir check "$rows" -q -o "$1/out" --force ;;
    inspect) $nadir inspect model -o "$1/out" --force ;;
    esac >said 2>err
}

# examine FOLDER STATUS: what every run owes, whatever failed.
examine()
{
    tried=$((tried + 1))
    if [ "$2" -eq 0 ]; then
        cmp -s new "$1/out" || fail "status 0 without the new file"
        cmp -s printed said || fail "status 0, and not all is printed"
    elif [ "$2" -eq 2 ]; then
        refused=$((refused + 1))
        cmp -s old "$1/out" || cmp -s new "$1/out" || fail "the file is neither old nor new"
        grep -q '^nadir' err || fail "status 2 without a message"
    else
        fail "status $2"
    fi
    left=$(find "$1" -name '.nadir-*')
    [ -z "$left" ] || fail "left behind: $left"
}

# resume FOLDER: what a run with a fault leaves can be gone on from.
resume()
{
    [ "$verb" = train ] || return 0
    run "$1" || fail "resuming ends with status $?"
    cmp -s new "$1/out" || fail "resuming ends with other bits"
}

# try KIND N ERROR once|on
try()
{
    what="$*"
    prepare here
    rm -f report
    (export LD_PRELOAD="$shim" FAULT="$*" FAULT_REPORT="$work/report"; run here)
    status=$?
    examine here $status
    read -r calls kept <report || fail "no report"
    [ "$kept" -eq 0 ] || fail "$kept blocks are not freed"
    case $1 in
    write | fsync | rename | open) resume here ;;
    esac
}

# try_all KIND ERROR: at all or some of the calls of the kind.
try_all()
{
    try "$1" 0 "$2" once
    count=$calls
    [ "$count" -eq 0 ] || seen="$seen $1 "
    step=1
    [ "$points" -eq 0 ] || step=$((count / points + 1))
    n=$((step / 2 + 1))
    [ "$points" -ne 0 ] || n=1
    while [ $n -le "$count" ]; do
        try "$1" $n "$2" once
        try "$1" $n "$2" on
        n=$((n + step))
    done
}

# limit NAME ARGUMENT...: the verb under a limit of the shell; 127: too little to start.
limit()
{
    what="ulimit $*"
    prepare here
    (ulimit "$@" && run here)
    status=$?
    [ $status -ne 127 ] || return 0
    examine here $status
}

# Files under a limit of their own, a disk of few pages, and less and less memory.
try_limits()
{
    for blocks in 1 2 4 8; do
        limit -f $blocks
    done
    if [ -n "$disk" ]; then
        for pages in 1 2 3 4 6 8; do
            what="a disk with $pages pages left"
            prepare disk
            fill=$(($(stat -f -c %a disk) - pages))
            [ $fill -le 0 ] || head -c $((fill * $(stat -f -c %S disk))) /dev/zero >disk/fill
            run disk
            examine disk $?
            rm -f disk/fill
            resume disk
        done
    fi
}

# Less and less memory, down to what the program does not even start with.
try_memory()
{
    kilobytes=$1
    while [ $kilobytes -gt 4000 ]; do
        limit -v $kilobytes
        kilobytes=$((kilobytes - $1 / (points > 0 ? 4 * points : 200)))
    done
}

mkdir here disk
if mount -t tmpfs -o size=8m,mode=700 none disk 2>/dev/null; then
    disk=$work/disk
fi
echo "an older file" >old
# A column that turns from numbers to words behind what is looked at first.
awk 'BEGIN { print "code,x,y"
    for (i = 0; i < 4000; i++)
        printf "%s,%d,%s\n", i < 1500 ? i % 7 : i % 3 ? "red" : "blue", i * 7 % 31, i % 2 ? "a" : "b"
}' >words.csv
awk 'BEGIN {
    printf "%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c", 0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 4, 0, 0, 0, 4
    for (i = 0; i < 640; i++) printf "%c", i * 5 % 120
}' >t-images-idx3-ubyte
awk 'BEGIN {
    printf "%c%c%c%c%c%c%c%c", 0, 0, 8, 1, 0, 0, 0, 40
    for (i = 0; i < 40; i++) printf "%c", i % 2
}' >t-labels-idx1-ubyte
verb=model
$nadir train "$rows" -e 1 --hidden 4 -q -o model >/dev/null || exit 1
# A run that stops in its middle; its checkpoints are gone on from.
FAULT="fsync 0 5 once" $nadir train "$rows" -e 2 --hidden 4 -q --checkpoint stopped \
    --every 4steps --history history >/dev/null || exit 1
rm -f stopped/checkpoint-1.safetensors
$nadir train "$rows" -e 1 --hidden 4 -q --cache cache --seed 2 >/dev/null || exit 1

for verb in train fresh cache words images ensemble cv series transfer predict eval init lr-find \
    check inspect; do
    what="no fault"
    prepare here
    run here || fail "status $?"
    cp here/out new && cp said printed
    try_all write 28
    for kind in write fsync rename open room; do
        try_all $kind 5
    done
    try_all map 12
    try_all thread 11
    try_all alloc 12
    try_all anyalloc 12
    try_limits
    [ "$points" -ne 0 ] || try_memory 10000
done
verb=large
prepare here
run here || fail "status $?"
cp here/out new && cp said printed
try_memory 60000
for verb in predict eval init check inspect; do
    what="/dev/full"
    case $verb in
    init) $nadir init ;;
    inspect) $nadir inspect model ;;
    check) $nadir check "$rows" ;;
    *) $nadir $verb "$rows" -m model ;;
    esac >/dev/full 2>err
    status=$?
    [ $status -eq 2 ] || fail "status $status"
done
what="all of it"
for kind in write fsync rename open room map thread alloc anyalloc; do
    case $seen in
    *" $kind "*) ;;
    *) fail "no call of kind $kind was seen: the shim is not at work" ;;
    esac
done
echo "$tried runs with a fault, $refused of them ended with status 2;" \
    "${disk:+a full disk among them; }the others did what was asked"
