#!/usr/bin/python3
"""Write the reference figures of tests/golden/test_metrics.c with scikit-learn.

A file is one case: first line "classes N rows" or "regression N rows"; then one line
per row (label and probabilities, or truth and predictions); then "name value" lines.
Scores are float32, so that float and double builds read the same numbers.
"""
import pathlib
import sys
import warnings

import numpy as np
import sklearn
from sklearn import metrics as m

OUT = pathlib.Path(__file__).parent / "metrics"
warnings.simplefilter("ignore")


def auc(label, score):
    return m.roc_auc_score(label, score) if 0 < label.sum() < len(label) else float("nan")


def classes(name, label, p):
    p = np.asarray(p, dtype=np.float32)
    n, wide, guess = p.shape[1], p.astype(np.float64), p.argmax(axis=1)
    names = list(range(n))
    average = dict(average="binary") if n == 2 else dict(average="macro")
    per = dict(average=None, labels=names)
    out = {
        "accuracy": m.accuracy_score(label, guess),
        "balanced_accuracy": m.balanced_accuracy_score(label, guess),
        "log_loss_float": m.log_loss(label, wide, labels=names, eps=np.finfo(np.float32).eps),
        "log_loss_double": m.log_loss(label, wide, labels=names, eps=np.finfo(np.float64).eps),
        "precision": m.precision_score(label, guess, **average),
        "recall": m.recall_score(label, guess, **average),
        "f1": m.f1_score(label, guess, **average),
    }
    each = [auc(label == k, p[:, k]) for k in names]
    out["auc"] = each[1] if n == 2 else np.nanmean(each)
    confusion = m.confusion_matrix(label, guess, labels=names)
    for k in names:
        out[f"class_auc_{k}"] = each[k]
        if confusion[:, k].sum():
            out[f"class_precision_{k}"] = m.precision_score(label, guess, **per)[k]
        if confusion[k].sum():
            out[f"class_recall_{k}"] = m.recall_score(label, guess, **per)[k]
        for j in names:
            out[f"confusion_{k}_{j}"] = confusion[k, j]
    write(name, f"classes {n} {len(label)}", np.column_stack([label, wide]), out)


def regression(name, truth, guess):
    truth = np.asarray(truth, dtype=np.float32).astype(np.float64)
    guess = np.asarray(guess, dtype=np.float32).astype(np.float64)
    raw = dict(multioutput="raw_values")
    out = {
        "rmse": m.mean_squared_error(truth, guess, squared=False),
        "mae": m.mean_absolute_error(truth, guess),
        "r2": m.r2_score(truth, guess),
    }
    for j in range(truth.shape[1]):
        out[f"target_rmse_{j}"] = m.mean_squared_error(truth, guess, squared=False, **raw)[j]
        out[f"target_mae_{j}"] = m.mean_absolute_error(truth, guess, **raw)[j]
        out[f"target_r2_{j}"] = m.r2_score(truth, guess, **raw)[j]
    write(name, f"regression {truth.shape[1]} {len(truth)}", np.column_stack([truth, guess]), out)


def write(name, head, rows, figures):
    with open(OUT / f"{name}.txt", "w") as file:
        print(head, file=file)
        for row in rows:
            print(*(repr(float(v)) for v in row), file=file)
        for key, value in figures.items():
            print(key, repr(float(value)), file=file)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def main():
    OUT.mkdir(exist_ok=True)
    rng = np.random.default_rng(20240)
    label = rng.integers(0, 4, 60)
    classes("four_classes", label, softmax(rng.normal(size=(60, 4)) + 1.5 * np.eye(4)[label]))
    label = rng.integers(0, 3, 40)
    coarse = np.round(softmax(rng.normal(size=(40, 3)) + np.eye(3)[label]), 1)
    classes("ties", label, coarse / coarse.sum(axis=1, keepdims=True))
    label = (rng.random(50) < 0.3).astype(int)
    p = 1 / (1 + np.exp(-(rng.normal(size=50) + 2 * label - 1)))
    classes("binary", label, np.column_stack([1 - p, p]))
    label = np.array([0, 1, 1, 0, 1])
    p = np.array([0.0, 1.0, 0.0, 1.0, 0.5])
    classes("certain_and_wrong", label, np.column_stack([1 - p, p]))
    label = np.array([0, 0, 2, 2, 0, 2])
    classes("absent_class", label, softmax(rng.normal(size=(6, 4)) * [1, 1, 1, 0.01] - [0, 0, 0, 9]))
    truth = rng.normal(size=(30, 3)) * [1, 100, 0.01] + [0, 1000, 5]
    regression("three_targets", truth, truth + rng.normal(size=(30, 3)) * [0.5, 40, 0.02])
    truth = rng.normal(size=(20, 1))
    regression("one_target", truth, 0.8 * truth + 0.1)
    regression("constant_truth", np.full((5, 1), 0.1), np.array([[0.1], [0.2], [0.1], [0.1], [0]]))
    print("scikit-learn", sklearn.__version__, "numpy", np.__version__, file=sys.stderr)


main()
