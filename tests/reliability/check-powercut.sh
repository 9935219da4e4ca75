#!/bin/sh
# The power fails after every system call of a save: an ext4 file system is shut down
# there, with delayed allocation and without, with and without the journal's latest
# entries. After the next start each file is the old or the new one, and the new one if
# the program had said so or ended; checkpoints can be gone on from, with the same bits.
#   check-powercut.sh PROGRAM POWERCUT [POINTS]
# POINTS calls of each save are tried, evenly spread; 0: every one. Needs root and loop
# devices; skipped (status 77) without.
set -u
nadir=$1
powercut=$2
points=${3:-3}
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-powercut.XXXXXX") || exit 1
trap 'umount "$work/disk" 2>/dev/null; rm -rf "$work"' EXIT INT TERM
cd "$work" || exit 1
export POWERCUT_CALLS="$work/calls"
disk=$work/disk
rows=$source/data/iris.csv
cuts=0

skip()
{
    echo "skipped: $*"
    exit 77
}

fail()
{
    echo "$verb, $mode, journal flushed: $flush, after call $n: $*"
    [ ! -s err ] || tail -5 err
    ls -la "$disk"
    exit 1
}

start()
{
    mount -o loop,$mode image "$disk" 2>mount.err
}

# run FILE [COMMAND...]: the save that the power fails in.
run()
{
    out=$1
    shift
    case $verb in
    model) "$@" "$nadir" train "$rows" -e 1 --hidden 4 -o "$out" --force ;;
    checkpoint) "$@" "$nadir" train "$rows" -e 2 --hidden 4 -o "$out" --force --every 4steps \
        --checkpoint "$disk/saved" --resume --history "$disk/history" ;;
    cache) "$@" "$nadir" train "$rows" -e 1 --hidden 4 -o "$out" --force \
        --cache "$disk/cache" ;;
    predict) "$@" "$nadir" predict "$rows" -m model -o "$out" --force ;;
    esac >said 2>err
}

prepare()
{
    rm -rf "${disk:?}"/*
    cp old "$disk/out"
    [ "$verb" != checkpoint ] || cp -r stopped "$disk/saved"
    sync
}

# examine STATUS: what is on the disk after the next start.
examine()
{
    if [ "$1" -ne 99 ] || grep -q '^saved ' err; then
        cmp new "$disk/out" || fail "not the new file, which was promised"
    else
        cmp -s old "$disk/out" || cmp -s new "$disk/out" || fail "neither old nor new"
    fi
    if [ "$verb" = checkpoint ] || [ "$verb" = cache ]; then
        run "$disk/again" || fail "the next run ends with status $?"
        cmp new "$disk/again" || fail "the next run ends with other bits"
        ! grep 'warning' err || fail "the next run warns"
    fi
    [ "$verb" != checkpoint ] || [ "$(grep -cv '^{.*}$' "$disk/history")" = 0 ] ||
        fail "the history holds torn lines"
}

# cut N: the power fails after call N; the status is that of the tool.
cut()
{
    n=$1
    prepare
    run "$disk/out" "$powercut" "$disk" "$n" $flush
    status=$?
    umount "$disk" || fail "cannot be unmounted"
    [ $status -eq 0 ] || [ $status -eq 99 ] || fail "status $status"
    start || fail "cannot be mounted again"
    examine $status
    cuts=$((cuts + 1))
    return $status
}

# Every call in turn until the program ends; or some, where the count is known.
cut_all()
{
    n=1
    step=1
    if [ "$points" -gt 0 ]; then
        step=$((calls / points + 1))
        n=$((step / 2 + 1))
    fi
    while cut $n; [ $? -eq 99 ]; do
        n=$((n + step))
    done
}

mkdir disk
truncate -s 16M image
mkfs.ext4 -q -F image 2>/dev/null || skip "no mkfs.ext4"
mode=delalloc flush=0 verb=model n=0
start || skip "no loop mounts here: $(cat mount.err)"
"$powercut" "$disk" 1000000 0 true || skip "this ext4 cannot be shut down"
umount "$disk"
echo "an older file" >old
"$nadir" train "$rows" -e 1 --hidden 4 -q -o model >said || exit 1
"$nadir" train "$rows" -e 2 --hidden 4 -q --checkpoint stopped --every 4steps >said || exit 1
rm -f stopped/checkpoint-1.safetensors
for mode in delalloc nodelalloc; do
    start || fail "cannot be mounted"
    for verb in model checkpoint cache predict; do
        prepare
        run "$disk/out" || fail "status $?"
        cp "$disk/out" new
        for flush in 0 1; do
            cut 0
            read -r calls <calls
            cut_all
        done
    done
    umount "$disk"
done
echo "$cuts power cuts in the saves of a model, checkpoints and history, a row cache and" \
    "predictions: always the old or the new file"
