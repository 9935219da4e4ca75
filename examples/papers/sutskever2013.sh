#!/bin/sh
# Table 1 of Sutskever, Martens, Dahl & Hinton 2013 on a small budget: plain descent, momentum
# and Nesterov's momentum on a deep autoencoder of handwritten digits. Prints the squared
# error of the reconstruction of the training images at four rates.
#   usage: sutskever2013.sh IMAGES      (t10k-images-idx3-ubyte.gz of MNIST)
# NADIR names the program, RATES the learning rates, GAMMAS the momenta, OPTIONS more options
# for every run.
set -eu
images=${1:?usage: sutskever2013.sh IMAGES}
nadir=${NADIR:-nadir}
rates=${RATES:-0.1 0.3 1 3}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Print the error of one run; "diverged" if there is no model.
error_of()
{
    rm -f "$work/model"
    # shellcheck disable=SC2086
    "$nadir" train "$images" -q -c "$here/sutskever2013.yaml" -o "$work/model" \
        ${OPTIONS:-} "$@" 2>"$work/log" >&2 || :
    if [ -f "$work/model" ]; then
        "$nadir" eval -m "$work/model" "$images" | sed -n 's/^reconstruction error *//p'
    else
        echo diverged
    fi
}

row()
{
    name=$1
    shift
    printf '%-16s' "$name"
    for rate in $rates; do
        printf ' %10s' "$(error_of --lr "$rate" "$@")"
    done
    echo
}

printf '%-16s' 'rate'
# shellcheck disable=SC2086
printf ' %10s' $rates
echo
row 'sgd' --optimizer sgd
for gamma in ${GAMMAS:-0.9 0.99 0.995 0.999}; do
    for rule in momentum nesterov; do
        row "$rule $gamma" --optimizer $rule --momentum $gamma --optimizer-options rise=1
    done
done
