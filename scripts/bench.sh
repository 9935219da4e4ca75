#!/bin/sh
# Run the measurements one after the other, with the machine named first.
#   bench.sh folder-of-programs
set -eu
cd "$(dirname "$0")/.."
awk -F ': *' '/^model name/ { print "processor: " $2; exit }' /proc/cpuinfo
printf 'cores: %s\nsystem: %s\n' "$(nproc)" "$(uname -sr)"
failed=0
for program in "$1"/*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    printf '\n== %s\n' "${program##*/}"
    NADIR_DATA=${NADIR_DATA:-../shared/data} "$program" || failed=1
done
exit $failed
