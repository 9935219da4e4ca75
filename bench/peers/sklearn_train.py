#!/usr/bin/python3
"""scikit-learn's side of the comparison; requests and answers as in torch_train.py.
partial_fit is one pass over the rows without its shuffling, scoring and stopping;
it is slow enough to be measured on fewer rows."""
import statistics
import sys
import time
import warnings

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

warnings.simplefilter("ignore")


def rate(widths, batch, rule, rows, seconds, clock):
    rows = min(rows, max(8 * batch, 512))
    random = np.random.default_rng(1)
    x = (random.random((rows, widths[0]), np.float32) * 2 - 1).astype(np.float32)
    y = x[:, 0] + x[:, 1] > 0 if widths[-1] == 1 else x[:, :widths[-1]].argmax(1)
    net = MLPClassifier(tuple(widths[1:-1]), solver="adam" if rule == "adam" else "sgd",
                        batch_size=batch, shuffle=False, alpha=0, momentum=0.9,
                        nesterovs_momentum=False)
    net.partial_fit(x, y, classes=np.unique(y))

    def run(epochs):
        start = clock()
        for _ in range(epochs):
            net.partial_fit(x, y)
        return clock() - start

    epochs = 1
    while run(epochs) < seconds:
        epochs *= 2
    return statistics.median(epochs * rows / run(epochs) for _ in range(3))


def main():
    print("scikit-learn", sklearn.__version__, flush=True)
    for line in sys.stdin:
        layers, batch, rule, _, threads, rows, seconds = line.split()
        widths = [int(w) for w in layers.split("-")]
        clock = time.thread_time if threads == "1" else time.perf_counter
        print(rate(widths, int(batch), rule, int(rows), float(seconds), clock), flush=True)


main()
