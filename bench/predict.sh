#!/bin/sh
# Predictions for a CSV file far larger than the memory they may take: the shipped
# digits, repeated, read from a file and from standard input. Prints seconds, input
# rate and the most memory resident, and fails if that exceeds the limit.
#   predict.sh PROGRAM [MEGABYTES [LIMIT_MB]]   (default: 1000 megabytes, limit 200)
set -eu
program=$(realpath "$1")
megabytes=${2:-1000}
limit=${3:-200}
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

"$program" train data/digits.csv --epochs 5 --quiet -o "$folder/model" >/dev/null
head -n 1 data/digits.csv >"$folder/big.csv"
tail -n +2 data/digits.csv >"$folder/once"
copies=$((megabytes * 1000000 / $(wc -c <"$folder/once")))
yes "$folder/once" | head -n "$copies" | xargs cat >>"$folder/big.csv"
size=$(wc -c <"$folder/big.csv")
rows=$(($(wc -l <"$folder/big.csv") - 1))
awk -F ': *' '/^model name/ { print "processor: " $2; exit }' /proc/cpuinfo
printf 'cores: %s, file: %s bytes, %s rows\n' "$(nproc)" "$size" "$rows"

failed=0
# measure NAME THREADS FILE: one run, standard input being the file as well.
measure()
{
    /usr/bin/time -f '%e %M' -o "$folder/time" \
        "$program" predict "$3" --model "$folder/model" --threads "$2" \
        <"$folder/big.csv" >"$folder/out.csv"
    written=$(($(wc -l <"$folder/out.csv") - 1))
    read -r seconds kilobytes <"$folder/time"
    word=ok
    [ "$written" -eq "$rows" ] || { word='FAILED: rows are missing'; failed=1; }
    [ "$kilobytes" -le $((limit * 1024)) ] || { word="FAILED: over $limit MiB"; failed=1; }
    awk -v name="$1" -v s="$seconds" -v kb="$kilobytes" -v size="$size" -v rows="$rows" \
        -v word="$word" 'BEGIN {
        printf "%-26s %7.2f s %7.1f MB/s %8.0f rows/s %6.1f MiB resident at most  %s\n",
               name, s, size / s / 1e6, rows / s, kb / 1024, word }'
    cksum <"$folder/out.csv" >>"$folder/sums"
}

measure '1 thread' 1 "$folder/big.csv"
measure 'all cores' "$(nproc)" "$folder/big.csv"
measure 'all cores, standard input' "$(nproc)" -
if [ "$(sort -u "$folder/sums" | wc -l)" -ne 1 ]; then
    echo 'FAILED: the runs differ'
    failed=1
fi
exit $failed
