#!/bin/sh
# SIGINT and SIGTERM at random times of a training with checkpoints: status 130 or 143
# within a second and a step, the way to resume is said, and the resumed runs end with
# the same bits as one that nobody disturbed. A second signal ends the program at once
# and leaves the old files whole.
#   check-signals.sh PROGRAM [SIGNALS] [SEED]
set -u
nadir=$1
signals=${2:-10}
seed=${3:-$$}
# Milliseconds that an exit may take; sanitizers and loaded machines are slow.
allowed=${ALLOWED_MS:-5000}
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-signals.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work" || exit 1

fail()
{
    echo "seed $seed, signal $sent: $*"
    [ ! -f err ] || tail -5 err
    exit 1
}

# start MODEL OPTION...: in the background, as process $pid. A shell starts background
# jobs with SIGINT ignored; env gives it back.
start()
{
    model=$1
    shift
    env --default-signal=INT "$nadir" train "$source/data/digits.csv" -t digit -e 60 -b 16 \
        --patience 0 --test 0 --hidden 96,48 --dropout 0.1 -o "$model" --force "$@" 2>err >out &
    pid=$!
}

awk -v seed="$seed" -v n=$signals \
    'BEGIN { srand(seed); while (n-- > 0) print int(rand() * 1000) }' >random
sent=0 ended=0 slowest=0
start whole.safetensors
wait $pid || fail "the run without signals ends with status $?"

while read -r number; do
    sent=$((sent + 1))
    name=INT expected=130
    [ $((number % 2)) -eq 0 ] || { name=TERM expected=143; }
    start cut.safetensors --checkpoint saved --resume --every 1h
    sleep "$(awk "BEGIN { print 0.02 + $number * 0.0004 }")"
    before=$(date +%s%N)
    kill -s $name $pid 2>/dev/null
    wait $pid
    status=$?
    took=$((($(date +%s%N) - before) / 1000000))
    [ $took -le $slowest ] || slowest=$took
    if [ $status -eq 0 ]; then
        cmp whole.safetensors cut.safetensors || fail "other bits"
        rm -rf saved
        ended=$((ended + 1))
        continue
    fi
    [ $status -eq $expected ] || fail "status $status, expected $expected"
    [ $took -le "$allowed" ] || fail "$took ms from the signal to the end"
    # A signal before the training began ends the program as usual.
    grep -q "^interrupted" err || [ ! -s out ] || fail "interrupted, but not said"
    ! grep -q "^interrupted" err || grep -q "with --resume --force$" err || fail "how to resume?"
done <random
start cut.safetensors --checkpoint saved --resume
wait $pid || fail "resuming ends with status $?"
cmp whole.safetensors cut.safetensors || fail "other bits at the end"

# Twice in a row, from the third epoch on.
cp cut.safetensors old.safetensors
status=0 attempts=0
while [ $status -eq 0 ]; do # a quick machine may be done before it is looked at
    attempts=$((attempts + 1))
    [ $attempts -le 20 ] || fail "twice: always done before the signals"
    rm -rf twice
    start cut.safetensors -v --every 1step --checkpoint twice
    tries=0
    until grep -q '^epoch 3 ' err; do
        tries=$((tries + 1))
        [ $tries -lt 6000 ] || fail "no third epoch within a minute"
        sleep 0.01
    done
    kill -INT $pid 2>/dev/null
    kill -INT $pid 2>/dev/null
    wait $pid
    status=$?
done
[ $status -eq 130 ] || fail "twice: status $status"
cmp old.safetensors cut.safetensors >/dev/null || "$nadir" inspect cut.safetensors >/dev/null ||
    fail "twice: the model is torn"
rm -f cut.safetensors
start cut.safetensors --checkpoint twice --resume
wait $pid || fail "resuming after two signals ends with status $?"
cmp whole.safetensors cut.safetensors || fail "twice: other bits at the end"
left=$(find . -name '.nadir-*')
[ -z "$left" ] || fail "twice: left behind: $left"
echo "$sent signals, $((ended + 2)) runs to the end, all with the same bits;" \
    "at most $slowest ms from the signal to the end (seed $seed)"
