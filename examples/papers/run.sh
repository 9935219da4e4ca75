#!/bin/sh
# Train the network of a published result and print its test figures: mean and standard
# deviation over seeds.
#   run.sh NAME [SEEDS]     NAME.yaml is the network; 3 seeds, from 1 on, unless said
#   run.sh                  lists the names
# The data is looked for in $NADIR_DATA (../shared/data beside the project), the program
# is $NADIR (build/release/nadir).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ $# -eq 0 ]; then
    ls "$here" | sed -n 's/\.yaml$//p'
    exit 0
fi
name=$1
seeds=${2:-3}
nadir=${NADIR:-$root/build/release/nadir}
if [ ! -f "$here/$name.yaml" ]; then
    echo "run.sh: no $name.yaml in $here" >&2
    exit 2
fi
cd "${NADIR_DATA:-$root/../shared/data}"

# The first of each figure is the model's; those of the trivial model follow.
figures() {
    awk -F'[:,]' '/"(accuracy|rmse|squared_percent)"/ {
        key = $1
        gsub(/[" ]/, "", key)
        if (!(key in seen)) {
            seen[key] = 1
            value = key == "accuracy" ? 100 * (1 - $2) : $2 + 0
            printf "%s %.10g\n", key == "accuracy" ? "error_percent" : key, value
        }
    }'
}

seed=1
while [ "$seed" -le "$seeds" ]; do
    start=$(date +%s.%N)
    "$nadir" train -c "$here/$name.yaml" -s "$seed" -q --json 2>/dev/null | figures
    echo "seconds $(date +%s.%N) $start" | awk '{ print $1, $2 - $3 }'
    seed=$((seed + 1))
done | awk -v name="$name" '
    { n[$1]++; sum[$1] += $2; square[$1] += $2 * $2 }
    END {
        printf "%-28s", name
        split("error_percent squared_percent rmse seconds", key, " ")
        for (i = 1; i <= 4; i++) {
            k = key[i]
            if (n[k] > 0) {
                mean = sum[k] / n[k]
                rest = n[k] > 1 ? (square[k] - n[k] * mean * mean) / (n[k] - 1) : 0
                printf "  %s %.4g +- %.2g", k, mean, sqrt(rest > 0 ? rest : 0)
            }
        }
        printf "  (%d seeds)\n", n["seconds"]
        exit n["error_percent"] + n["rmse"] == 0
    }'
