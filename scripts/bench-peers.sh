#!/bin/sh
# Install nadir's peers from the system's packages and measure them side by side with
# it on the same networks, batches and update rules; prints the tables.
#   bench-peers.sh [--json]      --json prints the figures of every round instead
# KANN and GENANN may name folders with the sources of these two, which no package has
# (github.com/attractivechaos/kann, github.com/codeplea/genann). With make: JSON=1.
# ROUNDS (5) and NETS (T1,T2,T3,T4,T5) narrow it down; the whole-process runs need MNIST
# in $NADIR_DATA.
set -eu
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-5}
NADIR_DATA=${NADIR_DATA:-../shared/data}
export NADIR_DATA
sh scripts/install-deps.sh peers
sh scripts/build.sh release nadir

folder=build/peers
mkdir -p $folder
compile="${CC:-cc} -O3 -march=native -w -Ibench/peers"
peers=""
if $compile -o $folder/fann_train bench/peers/fann_train.c -lfloatfann -lm; then
    peers="--fann $folder/fann_train"
fi
if [ -n "${KANN:-}" ]; then
    $compile -DHAVE_CBLAS -I"$KANN" -o $folder/kann_train bench/peers/kann_train.c \
        "$KANN/kann.c" "$KANN/kautodiff.c" -l:libopenblas.so.0 -lm
    peers="$peers --kann $folder/kann_train"
fi
if [ -n "${GENANN:-}" ]; then
    $compile -I"$GENANN" -o $folder/genann_train bench/peers/genann_train.c "$GENANN/genann.c" -lm
    peers="$peers --genann $folder/genann_train"
fi

# Debian's default OpenBLAS runs PyTorch's two OpenMP threads into each other.
case $(readlink -f "$(/sbin/ldconfig -p | awk '/libopenblas\.so\.0/ { print $NF; exit }')") in
*pthread*) echo "bench-peers: libopenblas0-pthread is in use; libopenblas0-openmp is faster" >&2 ;;
esac

result=$folder/result.json
rm -f $result
PYTHON=${PYTHON:-/usr/bin/python3}
"$PYTHON" bench/peers/compare.py train $result --nadir build/release/nadir $peers \
    --nets "${NETS:-}" --rounds "$rounds"
if [ -f "$NADIR_DATA/mnist/train-images-idx3-ubyte.gz" ]; then
    "$PYTHON" bench/peers/compare.py whole $result --nadir build/release/nadir --rounds "$rounds"
else
    echo "bench-peers: no MNIST in $NADIR_DATA; the whole-process runs are left out" >&2
fi
if [ "${1:-}" = --json ]; then
    cat $result
else
    "$PYTHON" bench/peers/compare.py show $result
fi
