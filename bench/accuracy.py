#!/usr/bin/python3
"""Accuracy at defaults: nadir beside scikit-learn's MLP at its defaults.

Both get the same rows: a stratified held-out fifth per seed (iris, digits,
diabetes) or the data set's own test rows (optdigits, adult, MNIST). scikit-learn
gets standardized inputs and one-hot categories; nadir gets the files.

    bench/accuracy.py sklearn OUT.json [SET..]            reference figures
    bench/accuracy.py nadir PROGRAM OUT.json [SET..] [-- FLAG..]
    bench/accuracy.py compare SKLEARN.json NADIR.json     the table

Needs python3-sklearn and python3-pandas; data from $NADIR_DATA and data/."""
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = os.path.join(HERE, "..", "data")
DATA = os.environ.get("NADIR_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
SEEDS = [int(s) for s in os.environ.get("SEEDS", "1,2,3,4,5").split(",")]
TARGET = {"iris": "species", "digits": "digit", "diabetes": "progression"}
BARS = {"iris": 0.95, "digits": 0.975, "optdigits": 0.97, "adult": 0.85, "mnist": 0.98,
        "diabetes": 0.45}


def idx(name):
    with gzip.open(os.path.join(DATA, "mnist", name)) as file:
        raw = file.read()
    rank = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape[0], -1)


def adult(name):
    frame = pd.read_csv(os.path.join(DATA, "adult", name), header=None, skipinitialspace=True)
    frame[14] = frame[14].str.rstrip(".")
    frame.columns = ["c%d" % (i + 1) for i in range(14)] + ["income"]
    return frame


def load(name, seed):
    """Training frame, test frame, name of the target."""
    if name in TARGET:
        frame = pd.read_csv(os.path.join(SHIPPED, name + ".csv"))
        target = TARGET[name]
        labels = None if name == "diabetes" else frame[target]
        train, test = train_test_split(frame, test_size=0.2, random_state=seed, stratify=labels)
        return train, test, target
    if name == "adult":
        return adult("adult-train.csv"), adult("adult-test.csv"), "income"
    if name == "optdigits":
        names = ["p%d" % i for i in range(64)] + ["digit"]
        parts = [pd.read_csv(os.path.join(DATA, name, name + end), header=None, names=names)
                 for end in (".tra", ".tes")]
        return parts[0], parts[1], "digit"
    if name == "mnist":
        parts = []
        for part in ("train", "t10k"):
            frame = pd.DataFrame(idx(part + "-images-idx3-ubyte.gz"))
            frame.columns = ["p%d" % i for i in range(784)]
            frame["label"] = idx(part + "-labels-idx1-ubyte.gz")[:, 0]
            parts.append(frame)
        return parts[0], parts[1], "label"
    raise SystemExit("unknown data set " + name)


def sklearn_score(name, seed):
    train, test, target = load(name, seed)
    x, y = train.drop(columns=target), train[target]
    words = [c for c in x.columns if x[c].dtype == object]
    numbers = [c for c in x.columns if c not in words]
    prepare = ColumnTransformer([("numbers", StandardScaler(), numbers),
                                 ("words", OneHotEncoder(handle_unknown="ignore", sparse=False),
                                  words)])
    kind = MLPRegressor if name == "diabetes" else MLPClassifier
    net = make_pipeline(prepare, kind(random_state=seed)).fit(x, y)
    guess = net.predict(test.drop(columns=target))
    score = r2_score if name == "diabetes" else accuracy_score
    return float(score(test[target], guess))


def nadir_files(name, seed, folder):
    if name == "mnist":
        base = os.path.join(DATA, "mnist")
        return (os.path.join(base, "train-images-idx3-ubyte.gz"),
                os.path.join(base, "t10k-images-idx3-ubyte.gz"), "label")
    train, test, target = load(name, seed)
    paths = [os.path.join(folder, part + ".csv") for part in ("train", "test")]
    train.to_csv(paths[0], index=False)
    test.to_csv(paths[1], index=False)
    return paths[0], paths[1], target


def nadir_score(program, name, seed, flags):
    with tempfile.TemporaryDirectory() as folder:
        train, test, target = nadir_files(name, seed, folder)
        command = [program, "train", train, "--target", target, "--test", test, "--seed",
                   str(seed), "--json", "--quiet"] + flags
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    result = json.loads(out)
    figures = result.get("test", result)
    return figures["r2" if name == "diabetes" else "accuracy"]


def measure(score, path, names):
    results = json.load(open(path)) if os.path.exists(path) else {}
    for name in names or BARS:
        results[name] = []
        for seed in SEEDS:
            start = time.time()
            results[name].append(score(name, seed))
            print("%-10s seed %d  %.4f  %.1f s" % (name, seed, results[name][-1],
                                                   time.time() - start), flush=True)
            json.dump(results, open(path, "w"))
        print("%-10s mean %.4f" % (name, np.mean(results[name])), flush=True)


def compare(sklearn_path, nadir_path):
    theirs, ours = json.load(open(sklearn_path)), json.load(open(nadir_path))
    print("| data set | bar | nadir | scikit-learn | difference | standard error |")
    print("|---|---|---|---|---|---|")
    for name, bar in BARS.items():
        if name not in ours or name not in theirs:
            continue
        a, b = np.array(ours[name]), np.array(theirs[name])
        error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
        print("| %s | %.3f | %.4f +- %.4f | %.4f +- %.4f | %+.4f | %.4f |" % (
            name, bar, a.mean(), a.std(ddof=1), b.mean(), b.std(ddof=1), a.mean() - b.mean(),
            error))


def main(args):
    if args[:1] == ["compare"] and len(args) == 3:
        compare(args[1], args[2])
    elif args[:1] == ["sklearn"] and len(args) >= 2:
        measure(sklearn_score, args[1], args[2:])
    elif args[:1] == ["nadir"] and len(args) >= 3:
        flags = args[args.index("--") + 1:] if "--" in args else []
        names = args[3:args.index("--")] if "--" in args else args[3:]
        measure(lambda name, seed: nadir_score(args[1], name, seed, flags), args[2], names)
    else:
        raise SystemExit(__doc__)


main(sys.argv[1:])
