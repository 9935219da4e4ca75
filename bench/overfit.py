#!/usr/bin/python3
"""What each technique does against overfitting: the gap between training and test rows.

A wide network is trained without any regularization on few rows, then with one technique
at a time; every run of a seed has the same training, validation and test rows (validation
rows are used by early stopping alone). Figures are of the mean log loss and the accuracy
in evaluation mode.

    bench/overfit.py run PROGRAM OUT.json [SET..] [-- METHOD..]
    bench/overfit.py table OUT.json                the table of docs/results.md

Further techniques are rows of METHODS. Needs python3-numpy; MNIST and wdbc from
$NADIR_DATA, digits from data/."""
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = os.path.join(HERE, "..", "data")
DATA = os.environ.get("NADIR_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
SEEDS = [int(s) for s in os.environ.get("SEEDS", "1,2,3,4,5").split(",")]

COMMON = ["--hidden", "256,256", "--dropout", "0", "--weight-decay", "0", "--patience", "0",
          "--restore-best=false", "--schedule", "constant", "--lr", "0.001", "--batch-size", "32",
          "--refit", "no"]
EPOCHS = {"digits-200": 200, "wdbc-150": 200, "mnist4-1000": 60}

# name: (flags that replace or add to COMMON, whether it is for images alone)
METHODS = {
    "none": ([], False),
    "dropout 0.5, inputs 0.2": (["--dropout", "0.5", "--input-dropout", "0.2"], False),
    "L1 0.002": (["--l1", "0.002"], False),
    "L2 0.03": (["--l2", "0.03"], False),
    "elastic net 0.001, 0.01": (["--l1", "0.001", "--l2", "0.01"], False),
    "adamw, weight decay 3": (["--optimizer", "adamw", "--weight-decay", "3"], False),
    "max-norm 0.4": (["--max-norm", "0.4"], False),
    "orthogonality 0.01": (["--orthogonality", "0.01"], False),
    "input noise 0.5": (["--input-noise", "0.5"], False),
    "early stopping, patience 10": (["--patience", "10", "--restore-best=true"], False),
    "early stopping, GL 5": (["--stop-gl", "5", "--restore-best=true"], False),
    "SWA, second half": (["--swa", "HALF"], False),
    "EMA 0.99": (["--ema", "0.99"], False),
    "mixup 0.3": (["--mixup", "0.3"], False),
    "ensemble of 5": (["--ensemble", "5"], False),
    "augmentation": (["--augment", "shift=1,rotate=10,scale=0.1,shear=0.1"], True),
    "augmentation, elastic": (["--augment",
                               "shift=1,rotate=10,scale=0.1,shear=0.1,elastic=3:5"], True),
}


def idx(name):
    with gzip.open(os.path.join(DATA, "mnist", name)) as file:
        raw = file.read()
    shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def write_idx(path, array):
    with open(path, "wb") as file:
        file.write(bytes([0, 0, 8, array.ndim]))
        file.write(b"".join(n.to_bytes(4, "big") for n in array.shape))
        file.write(array.astype(np.uint8).tobytes())


def write_images(folder, part, images, labels):
    path = os.path.join(folder, part + "-images-idx3-ubyte")
    write_idx(path, images)
    write_idx(os.path.join(folder, part + "-labels-idx1-ubyte"), labels)
    return path


def write_table(folder, part, rows):
    path = os.path.join(folder, part + ".csv")
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def parts_of(count, train, valid, seed):
    order = np.random.default_rng(seed).permutation(count)
    return order[:train], order[train:train + valid], order[train + valid:]


def files(name, seed, folder):
    """Paths of training, validation and test rows."""
    names = ("train", "valid", "test")
    if name == "wdbc-150":
        with open(os.path.join(DATA, "wdbc", "wdbc.data")) as file:
            rows = [row[1:] for row in csv.reader(file) if row]
        head = ["diagnosis"] + ["x%d" % i for i in range(30)]
        return [write_table(folder, part, [head] + [rows[i] for i in index])
                for part, index in zip(names, parts_of(len(rows), 150, 75, seed))]
    if name == "digits-200":
        table = np.loadtxt(os.path.join(SHIPPED, "digits.csv"), delimiter=",", skiprows=1)
        images, labels = table[:, :64].reshape(-1, 8, 8) * 15, table[:, 64]
        return [write_images(folder, part, images[index], labels[index])
                for part, index in zip(names, parts_of(len(labels), 200, 100, seed))]
    classes = [3, 5, 8, 9]
    images, labels = idx("train-images-idx3-ubyte.gz"), idx("train-labels-idx1-ubyte.gz")
    keep = np.flatnonzero(np.isin(labels, classes))
    train, valid, _ = parts_of(len(keep), 1000, 500, seed)
    images_t, labels_t = idx("t10k-images-idx3-ubyte.gz"), idx("t10k-labels-idx1-ubyte.gz")
    test = np.flatnonzero(np.isin(labels_t, classes))
    return [write_images(folder, "train", images[keep[train]], labels[keep[train]]),
            write_images(folder, "valid", images[keep[valid]], labels[keep[valid]]),
            write_images(folder, "test", images_t[test], labels_t[test])]


def nadir(program, *arguments):
    return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE).stdout


def measure(program, name, seed, paths, folder, flags):
    train, valid, test = paths
    model = os.path.join(folder, "model.safetensors")
    target = "diagnosis" if name.startswith("wdbc") else "label"
    flags = [str(EPOCHS[name] // 2) if f == "HALF" else f for f in flags]
    nadir(program, "train", train, "--target", target, "--task", "auto" if target != "label" else
          "multiclass", "--valid", valid, "--test", "0", "--seed", str(seed), "--epochs",
          str(EPOCHS[name]), "-o", model, "--force", "--quiet", "--json", *COMMON, *flags)
    result = {}
    for part, path in (("train", train), ("test", test)):
        figures = json.loads(nadir(program, "eval", path, "--model", model, "--json", "--quiet"))
        figures = figures.get("test", figures)
        result[part] = {key: figures[key] for key in ("log_loss", "accuracy")}
    return result


def run(program, path, sets, methods):
    results = json.load(open(path)) if os.path.exists(path) else {}
    for name in sets or EPOCHS:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                paths = files(name, seed, folder)
                for method in methods or METHODS:
                    flags, images = METHODS[method]
                    if images and name.startswith("wdbc"):
                        continue
                    row = measure(program, name, seed, paths, folder, flags)
                    results.setdefault(name, {}).setdefault(method, {})[str(seed)] = row
                    print("%-12s seed %d  %-22s %s" % (name, seed, method, row), flush=True)
                    json.dump(results, open(path, "w"), indent=1)


def column(rows, figure):
    values = np.array([figure(row) for row in rows.values()])
    return values.mean(), values.std(ddof=1) if len(values) > 1 else 0.0


def table(path):
    results = json.load(open(path))
    for name in EPOCHS:
        if name not in results:
            continue
        print("\n| %s | training loss | test loss | gap | test accuracy |" % name)
        print("|---|---|---|---|---|")
        for method in METHODS:
            rows = results[name].get(method)
            if not rows:
                continue
            print("| %s | %.3f ± %.3f | %.3f ± %.3f | %.3f ± %.3f | %.4f ± %.4f |" % (
                method, *column(rows, lambda r: r["train"]["log_loss"]),
                *column(rows, lambda r: r["test"]["log_loss"]),
                *column(rows, lambda r: r["test"]["log_loss"] - r["train"]["log_loss"]),
                *column(rows, lambda r: r["test"]["accuracy"])))


def main(arguments):
    if arguments[:1] == ["run"] and len(arguments) >= 3:
        rest = arguments[3:]
        cut = rest.index("--") if "--" in rest else len(rest)
        run(arguments[1], arguments[2], rest[:cut], rest[cut + 1:])
    elif arguments[:1] == ["table"] and len(arguments) == 2:
        table(arguments[1])
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
