#!/usr/bin/python3
"""An ensemble beside the mean of its members on test rows.

    bench/ensembles.py PROGRAM [SET..]

adult and optdigits on their own test rows, abalone on a held-out fifth; log loss, or RMSE
for abalone, and for both the loss that was trained. Data from $NADIR_DATA."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.environ.get("NADIR_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
SETS = {
    "adult": (["adult/adult-train.csv", "--test", "adult/adult-test.csv", "-e", "6",
               "--no-header"], "log_loss"),
    "optdigits": (["optdigits/optdigits.tra", "--test", "optdigits/optdigits.tes", "-e", "15",
                   "--category", "65"], "log_loss"),
    "abalone": (["abalone/abalone.csv", "--task", "multiclass", "-e", "15"], "log_loss"),
    "abalone as numbers": (["abalone/abalone.csv", "--task", "regression", "-e", "15"], "rmse"),
}
WAYS = ("seeds", "folds", "snapshots")


def run(program, name, way):
    flags, figure = SETS[name]
    flags = [os.path.join(DATA, f) if "/" in f else f for f in flags]
    out = subprocess.run([program, "train"] + flags + ["--ensemble", "5", "--ensemble-by", way,
                                                       "--json", "-q"],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    metrics = json.loads(out)
    return figure, metrics[figure], metrics["member_mean"][figure]


def main():
    worse = 0
    print("%-20s %-10s %-9s %9s %11s" % ("set", "by", "figure", "ensemble", "mean member"))
    for name in sys.argv[2:] or SETS:
        for way in WAYS:
            figure, ensemble, alone = run(sys.argv[1], name, way)
            worse += ensemble >= alone
            print("%-20s %-10s %-9s %9.4f %11.4f" % (name, way, figure, ensemble, alone), flush=True)
    sys.exit(worse > 0)


if __name__ == "__main__":
    main()
