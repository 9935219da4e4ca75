#!/bin/sh
# Training that is killed (kill -9) at random times, every second time while a
# checkpoint is being written without pause, and resumed each time: no checkpoint is
# unreadable, no more work is lost than the interval and the writing of one checkpoint,
# and the model ends with the same bits as that of a run that nobody disturbed.
#   check-kill.sh PROGRAM [KILLS] [SEED]
set -u
nadir=$1
kills=${2:-20}
seed=${3:-$$}
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-kill.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work" || exit 1

fail()
{
    echo "seed $seed, kill $kill: $*"
    [ ! -f err ] || tail -5 err
    exit 1
}

# train AFTER MODEL OPTION...: the run that everything is about, killed after so many
# seconds; 0: never.
train()
{
    after=$1 model=$2
    shift 2
    timeout -s KILL "$after" "$nadir" train "$source/data/digits.csv" -t digit -e 60 -b 16 \
        --patience 0 --test 0 --hidden 96,48 --dropout 0.1 --batchnorm -q -o "$model" --force \
        --ignore pixel_0_0,pixel_4_0,pixel_4_7 "$@"
}

# Random numbers from 0 to 999, one a line.
awk -v seed="$seed" -v n=$((kills * 3)) \
    'BEGIN { srand(seed); while (n-- > 0) print int(rand() * 1000) }' >random
kill=0
train 0 whole.safetensors || fail "the run without kills ends with status $?"

killed=0 ended=0 lost=0
exec 3<random
while [ $killed -lt $kills ]; do
    kill=$((killed + ended + 1))
    read -r number <&3 || { exec 3<random; read -r number <&3; }
    every=0.1s
    [ $((kill % 2)) -eq 0 ] || every=1step
    after=$(awk "BEGIN { print 0.01 + $number * 0.0003 }")
    train "$after" killed.safetensors --checkpoint saved --resume --every $every 2>err
    status=$?
    now=$(date +%s%N)
    if [ $status -eq 0 ]; then
        cmp whole.safetensors killed.safetensors || fail "other bits after $killed kills"
        rm -rf saved killed.safetensors
        ended=$((ended + 1))
        continue
    fi
    [ $status -eq 137 ] || fail "status $status"
    # The shell says there that something was killed.
    ! grep -q '^nadir' err || fail "something was said"
    killed=$((killed + 1))
    newest=$(stat -c '%.9Y' saved/checkpoint-*.safetensors 2>/dev/null | sort -n | tail -1)
    if [ -n "$newest" ] && [ $every = 0.1s ]; then
        lost=$(awk -v now="$now" -v then="$newest" -v lost="$lost" -v run="$after" 'BEGIN {
            gap = now / 1e9 - then
            gap = gap < run ? gap : run
            print (gap > lost ? gap : lost) }')
    fi
done
kill=$((killed + ended + 1))
train 0 killed.safetensors --checkpoint saved --resume 2>err || fail "resuming ends with status $?"
! grep -q '^nadir' err || fail "something was said"
cmp whole.safetensors killed.safetensors || fail "other bits at the end"
[ -z "$(ls -A saved | grep -v '^checkpoint-[12].safetensors$')" ] || fail "left: $(ls -A saved)"
echo "$killed kills, $((ended + 1)) runs to the end, all with the same bits;" \
    "at most ${lost}s lost at an interval of 0.1 s (seed $seed)"
