#!/usr/bin/env python3
"""MNIST's digits 5 to 9 with 100 rows per class: from scratch, and from a network trained
on the digits 0 to 4. Prints misclassified test rows in per cent, mean and deviation.

    python3 bench/transfer.py [--nadir build/release/nadir] [--data ../shared/data] [--seeds 5]

Each seed draws other training rows; all ways train on the same ones. The test rows are the
digits 5 to 9 of MNIST's test file.
"""
import argparse
import gzip
import json
import os
import random
import statistics
import struct
import subprocess
import tempfile

PER_CLASS, PIXELS = 100, 784

# All rows train: the best of few validation rows would be chance.
LENGTH = ["--valid", "0", "--epochs", "60"]
NETWORK = ["--hidden", "256,128"]
FROM = ["--from", "SOURCE"] + LENGTH

WAYS = [
    ("from scratch, nadir's defaults", []),
    ("from scratch, the same network", NETWORK + LENGTH),
    ("transfer, all layers learn", FROM),
    ("transfer, dense1 frozen", FROM + ["--freeze", "dense1"]),
    ("transfer, only the output layer learns", FROM + ["--freeze", "body"]),
    ("transfer, rates fall by 0.4 per layer", FROM + ["--layer-decay", "0.4"]),
]


def read_idx(path, header):
    with gzip.open(path) as file:
        return file.read()[header:]


def read_set(folder, name):
    images = read_idx(f"{folder}/{name}-images-idx3-ubyte.gz", 16)
    labels = read_idx(f"{folder}/{name}-labels-idx1-ubyte.gz", 8)
    return [(images[i * PIXELS:(i + 1) * PIXELS], label) for i, label in enumerate(labels)]


def write_set(path, rows):
    with open(f"{path}-images", "wb") as file:
        file.write(struct.pack(">IIII", 0x803, len(rows), 28, 28))
        file.write(b"".join(pixels for pixels, _ in rows))
    with open(f"{path}-labels", "wb") as file:
        file.write(struct.pack(">II", 0x801, len(rows)))
        file.write(bytes(label for _, label in rows))


def draw(rows, seed):
    """PER_CLASS rows of each digit from 5 on."""
    rng, chosen = random.Random(seed), []
    for digit in range(5, 10):
        chosen += rng.sample([row for row in rows if row[1] == digit], PER_CLASS)
    rng.shuffle(chosen)
    return chosen


def train(nadir, arguments):
    command = [nadir, "train", "-q", "--json"] + arguments
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(result.stdout) if result.stdout.strip() else None


def error_of(figures):
    return 100 * (1 - figures["accuracy"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nadir", default="build/release/nadir")
    parser.add_argument("--data", default=os.environ.get("NADIR_DATA", "../shared/data"))
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    whole = read_set(f"{given.data}/mnist", "train")
    test = read_set(f"{given.data}/mnist", "t10k")
    with tempfile.TemporaryDirectory() as folder:
        write_set(f"{folder}/low", [row for row in whole if row[1] < 5])
        write_set(f"{folder}/test", [row for row in test if row[1] >= 5])
        source = f"{folder}/source.safetensors"
        start = [f"{folder}/low-images", "--epochs", "15", "-o", source]
        figures = train(given.nadir, start + NETWORK)
        print(f"{'the source, on held-out digits 0 to 4':40} {error_of(figures):6.2f}", flush=True)
        errors = {name: [] for name, _ in WAYS}
        for seed in range(1, given.seeds + 1):
            write_set(f"{folder}/few", draw(whole, seed))
            for name, extra in WAYS:
                extra = [source if word == "SOURCE" else word for word in extra]
                figures = train(given.nadir, [f"{folder}/few-images", "--test",
                                              f"{folder}/test-images", "-s", str(seed)] + extra)
                errors[name].append(error_of(figures))
                print(f"seed {seed}: {name:40} {errors[name][-1]:6.2f}", flush=True)
        for name, values in errors.items():
            spread = statistics.stdev(values) if len(values) > 1 else 0
            print(f"{name:40} {statistics.mean(values):6.2f} +- {spread:.2f}")


if __name__ == "__main__":
    main()
