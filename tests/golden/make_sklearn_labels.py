#!/usr/bin/python3
"""Write the reference figures of several labels for tests/golden/test_metrics.c with
scikit-learn, in the form of make_sklearn_metrics.py: "labels N rows", a line per row (labels,
then probabilities), and "name value" lines. Scores are float32.
"""
import pathlib
import warnings

import numpy as np
from sklearn import metrics as m

OUT = pathlib.Path(__file__).parent / "metrics"
warnings.simplefilter("ignore")


def nan_where(undefined, value):
    return float("nan") if undefined else value


def labels(name, truth, p):
    p = np.asarray(p, dtype=np.float32)
    guess, wide, n = (p > 0.5).astype(int), p.astype(np.float64), truth.shape[1]
    constant = [len(set(truth[:, j])) == 1 for j in range(n)]
    auc = [nan_where(constant[j], 0 if constant[j] else m.roc_auc_score(truth[:, j], wide[:, j]))
           for j in range(n)]
    out = {
        "subset_accuracy": m.accuracy_score(truth, guess),
        "hamming_loss": m.hamming_loss(truth, guess),
        "accuracy": 1 - m.hamming_loss(truth, guess),
        "micro_f1": m.f1_score(truth, guess, average="micro"),
        "macro_f1": m.f1_score(truth, guess, average="macro"),
        "auc": np.nanmean(auc),
    }
    for kind, eps in (("float", np.finfo(np.float32).eps), ("double", np.finfo(np.float64).eps)):
        each = [m.log_loss(truth[:, j], wide[:, j], labels=[0, 1], eps=eps) for j in range(n)]
        out["log_loss_" + kind] = np.mean(each)
    for j in range(n):
        predicted, present = guess[:, j].sum(), truth[:, j].sum()
        out[f"label_rows_{j}"] = present
        out[f"label_accuracy_{j}"] = m.accuracy_score(truth[:, j], guess[:, j])
        out[f"label_precision_{j}"] = nan_where(predicted == 0,
                                                m.precision_score(truth[:, j], guess[:, j]))
        out[f"label_recall_{j}"] = nan_where(present == 0,
                                             m.recall_score(truth[:, j], guess[:, j]))
        out[f"label_f1_{j}"] = nan_where(predicted + present == 0,
                                         m.f1_score(truth[:, j], guess[:, j]))
        out[f"label_auc_{j}"] = auc[j]
    with open(OUT / f"{name}.txt", "w") as file:
        print("labels", n, len(truth), file=file)
        for t, row in zip(truth, wide):
            print(*t, *(repr(float(v)) for v in row), file=file)
        for key, value in out.items():
            print(key, repr(float(value)), file=file)


def main():
    rng = np.random.default_rng(7)
    truth = (rng.random((40, 4)) < [0.5, 0.3, 0.15, 0.6]).astype(int)
    p = np.clip(0.35 * truth + 0.65 * rng.random((40, 4)), 0, 1)
    p[3] = 0.5
    labels("labels", truth, p)
    truth, p = truth[:12, :3].copy(), p[:12, :3].copy()
    truth[:, 1], p[:, 1], p[:, 2] = 0, 0.1, 0.2
    labels("labels_absent", truth, p)


main()
