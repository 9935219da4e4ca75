#!/bin/sh
# The same settings on 1, 2, 3, 5 and 8 threads, and once with checkpoints: model files
# with one digest for each of the configurations.
#   check-threads.sh PROGRAM [CONFIGURATIONS]
set -u
nadir=$1
count=${2:-4}
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nadir-threads.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work" || exit 1

# One configuration a line: file, then options.
cat >configurations <<'END'
digits.csv -t digit --hidden 512,256 -b 200
digits.csv -t digit --hidden 300,100 --batchnorm --dropout 0.3 -b 128
digits.csv -t digit --hidden 256,256,256 --residual -a tanh -b 256 --optimizer momentum
diabetes.csv -t progression --hidden 200,200 -b 0
digits.csv -t digit
iris.csv
diabetes.csv -t progression
digits.csv -t digit --hidden none -b 0
digits.csv -t digit --hidden 700 -a sigmoid --init glorot_normal
digits.csv -t digit --hidden 400,300 -a leaky_relu --weight-decay 0.01
digits.csv -t digit --hidden 400 --optimizer sgd --lr 0.1 --schedule linear
digits.csv -t digit --hidden 400,200 --clip-norm 0.5 --warmup 1
digits.csv -t digit --hidden 33,17 -b 7
digits.csv -t digit --hidden 257,129 -b 65 --batchnorm --residual
digits.csv -t digit --hidden 512 -b 1000 --dropout 0.5 --schedule cosine
diabetes.csv -t progression --hidden 300 --scaling quantile --batchnorm -b 50
diabetes.csv -t progression --hidden 256,256 --scaling minmax --dropout 0.2 -b 100
iris.csv --hidden 100,100,100 --refit no
digits.csv -t pixel_3_3 --task regression --hidden 300,300 -b 300
digits.csv -t digit --hidden 300 -b 300 --refit yes --min-delta 0.01
END
done=0 failed=0
head -n "$count" configurations >chosen
while read -r file options; do
    for threads in 1 2 3 5 8 checkpoint; do
        more="--threads $threads"
        [ $threads != checkpoint ] || more="--threads 2 --checkpoint saved --every 3steps"
        # shellcheck disable=SC2086
        "$nadir" train "$source/data/$file" $options $more -e 3 -s 7 -q --force \
            -o $threads.safetensors >/dev/null 2>err || {
            echo "$file $options: status $?"
            cat err
            exit 1
        }
    done
    done=$((done + 1))
    if [ "$(cat [0-9]*.safetensors checkpoint.safetensors | wc -c)" -eq 0 ] ||
        [ "$(sha256sum ./*.safetensors | cut -d ' ' -f 1 | sort -u | wc -l)" -ne 1 ]; then
        echo "other bits: $file $options"
        sha256sum ./*.safetensors
        failed=1
    fi
    rm -rf ./*.safetensors saved
done <chosen
[ $done -eq "$count" ] || { echo "$done configurations of $count"; exit 1; }
echo "$done configurations, 1, 2, 3, 5 and 8 threads and once with checkpoints: one digest each"
exit $failed
