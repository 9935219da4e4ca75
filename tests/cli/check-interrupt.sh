#!/bin/sh
# SIGINT during training: status 130, the best model so far is saved and usable;
# before training nothing is left behind.
set -u
nadir=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-interrupt.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work" || exit 1

# A shell starts background jobs with SIGINT ignored; env gives it back.
env --default-signal=INT "$nadir" train "$source/data/digits.csv" -t digit -e 100000 \
    --patience 0 --schedule constant -v -o m.safetensors > out 2> err &
pid=$!
tries=0
until grep -q '^epoch 3 ' err; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { echo "no third epoch within a minute"; cat err; kill $pid; exit 1; }
    sleep 0.1
done
kill -INT $pid
wait $pid
status=$?
[ $status -eq 130 ] || { echo "status $status, expected 130"; tail -5 err; exit 1; }
grep -q '^interrupted$' err || { echo "not said"; tail -5 err; exit 1; }
[ "$(ls)" = "$(printf 'err\nm.safetensors\nout')" ] || { echo "left behind:"; ls; exit 1; }
"$nadir" predict -m m.safetensors "$source/data/digits.csv" | head -1 | grep -q '^row,digit,' || exit 1

# predict leaves neither its output nor a temporary file.
mkdir predicted && cd predicted || exit 1
mkfifo rows
env --default-signal=INT "$nadir" predict -m ../m.safetensors rows -o p.csv 2> ../err &
pid=$!
exec 3> rows
cat "$source/data/digits.csv" >&3
tries=0
until [ -n "$(ls -A | grep -v rows)" ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { echo "no output within a minute"; kill $pid; exit 1; }
    sleep 0.1
done
kill -INT $pid
exec 3>&-
wait $pid
status=$?
[ $status -eq 130 ] || { echo "predict: status $status, expected 130"; cat ../err; exit 1; }
[ "$(ls -A)" = rows ] || { echo "predict left behind:"; ls -A; exit 1; }
