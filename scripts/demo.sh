#!/bin/sh
# The main job on data that is shipped: train, measure, predict, inspect.
#   demo.sh program
# Prints each command before running it; files go to a temporary folder.
set -eu
cd "$(dirname "$0")/.."
nadir=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
root=$(pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cp "$root/data/digits.csv" .
PATH=$(dirname "$nadir"):$PATH
export PATH

run()
{
    printf '\n$ %s\n' "$*"
    sh -c "$*"
}

run 'nadir --version'
run 'nadir inspect digits.csv --target digit | head -n 12'
run "awk 'NR <= 1500' digits.csv > known.csv"
run "awk 'NR == 1 || NR > 1500' digits.csv > unseen.csv"
run 'nadir train known.csv --target digit -o digits.safetensors'
run 'nadir eval -m digits.safetensors unseen.csv'
run 'nadir predict -m digits.safetensors unseen.csv | head -n 4'
run 'nadir inspect digits.safetensors'
