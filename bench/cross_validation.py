#!/usr/bin/python3
"""nadir cv beside scikit-learn's cross_val_score, on the same folds.

    bench/cross_validation.py PROGRAM [SEED..]

Folds are those of StratifiedKFold(5, shuffle=True), handed to nadir as a column (--fold).
scikit-learn gets the same network (64 and 32 hidden units, Adam, rate 0.003, batches of 16)
behind a StandardScaler, and a LogisticRegression beside nadir without hidden layers. Exits
with 1 if a mean is further from scikit-learn's than the deviation over its folds.
Needs python3-sklearn and python3-pandas; data from $NADIR_DATA."""
import json
import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.environ.get("NADIR_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
SETS = {"iris": ("iris/iris.csv", 4, None), "wdbc": ("wdbc/wdbc.data", 1, 0)}


def load(name):
    path, label, drop = SETS[name]
    frame = pd.read_csv(os.path.join(DATA, path), header=None).dropna()
    y = frame[label].astype(str)
    x = frame.drop(columns=[c for c in (label, drop) if c is not None])
    return x.to_numpy(float), y.to_numpy()


def nadir(program, x, y, fold, flags):
    frame = pd.DataFrame(x, columns=["x%d" % i for i in range(x.shape[1])])
    frame["fold"], frame["label"] = fold, y
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "data.csv")
        frame.to_csv(path, index=False)
        out = subprocess.run([program, "cv", path, "--target", "label", "--fold", "fold", "--json",
                              "-q"] + flags, check=True, capture_output=True, text=True).stdout
    result = json.loads(out)
    return result["mean"]["accuracy"], result["deviation"]["accuracy"]


def main():
    warnings.simplefilter("ignore")
    program, seeds = sys.argv[1], [int(s) for s in sys.argv[2:]] or [1]
    models = {
        "64,32": (MLPClassifier((64, 32), learning_rate_init=0.003, batch_size=16, max_iter=60,
                                random_state=1), ["--hidden", "64,32"]),
        "linear": (LogisticRegression(max_iter=2000), ["--hidden", "none",
                                                           "--optimizer", "lbfgs"]),
    }
    apart = 0
    print("%-6s %-7s %5s  %-17s %-17s" % ("set", "model", "seed", "nadir", "scikit-learn"))
    for name in SETS:
        x, y = load(name)
        for model, (peer, flags) in models.items():
            for seed in seeds:
                folds = StratifiedKFold(5, shuffle=True, random_state=seed)
                fold = np.zeros(len(y), int)
                for k, (_, test) in enumerate(folds.split(x, y)):
                    fold[test] = k
                score = cross_val_score(make_pipeline(StandardScaler(), peer), x, y, cv=folds)
                mean, deviation = nadir(program, x, y, fold, flags)
                own = score.mean(), score.std(ddof=1)
                apart += abs(mean - own[0]) > own[1]
                print("%-6s %-7s %5d  %.4f +- %.4f  %.4f +- %.4f" %
                      (name, model, seed, mean, deviation, own[0], own[1]))
    sys.exit(int(apart > 0))


if __name__ == "__main__":
    main()
