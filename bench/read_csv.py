#!/usr/bin/python3
"""CSV reading beside pandas' C reader and Python's csv, on the same made-up files.

usage: read_csv.py BINARY [MEGABYTES] [RUNS]
BINARY is the program made from read_csv.c. The readers take turns; printed are medians
in MB/s and the median of the ratios of neighbouring runs."""
import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import pandas

COLUMNS = 10


def make(path, form, megabytes):
    rng = numpy.random.default_rng(1)
    names = ",".join("c%d" % i for i in range(COLUMNS))
    line = ",".join([form] * COLUMNS) + "\n"
    with open(path, "w") as out:
        out.write(names + "\n")
        while out.tell() < megabytes * 1000000:
            block = rng.normal(size=(1000, COLUMNS)) * (100 if form == "%d" else 1)
            out.writelines(line % tuple(row) for row in block.tolist())


def nadir(binary, path, threads, mode):
    words = subprocess.run([binary, path, str(threads), mode], check=True, text=True,
                           capture_output=True).stdout.split()
    return float(words[0]), float(words[2])


def with_pandas(path):
    start = time.perf_counter()
    frame = pandas.read_csv(path, engine="c")
    seconds = time.perf_counter() - start
    return seconds, float(frame.to_numpy().sum())


def with_csv(path):
    start = time.perf_counter()
    with open(path, newline="") as text:
        reader = csv.reader(text)
        next(reader)
        rows = [[float(cell) for cell in row] for row in reader]
    return time.perf_counter() - start, sum(map(sum, rows))


def main():
    binary = sys.argv[1]
    megabytes = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    print("%s, %d cores, pandas %s, Python %s, %d columns, %d MB, %d runs" %
          (platform.processor() or platform.machine(), os.cpu_count(), pandas.__version__,
           platform.python_version(), COLUMNS, megabytes, runs))
    with tempfile.TemporaryDirectory() as folder:
        for form in ("%.6f", "%r", "%d"):
            path = os.path.join(folder, "numbers.csv")
            make(path, form, megabytes)
            size = os.path.getsize(path) / 1e6
            readers = {
                "nadir, 2 threads": lambda: nadir(binary, path, 2, "whole"),
                "nadir, 1 thread": lambda: nadir(binary, path, 1, "whole"),
                "nadir, stream": lambda: nadir(binary, path, 1, str(COLUMNS)),
                "pandas, C reader": lambda: with_pandas(path),
                "Python csv": lambda: with_csv(path),
            }
            seconds = {name: [] for name in readers}
            for _ in range(runs):
                sums = []
                for name, read in readers.items():
                    took, total = read()
                    seconds[name].append(took)
                    sums.append(total)
                assert max(sums) - min(sums) <= 1e-6 * max(1, abs(sums[0])), sums
            print("numbers written with %s:" % form)
            best = seconds["nadir, 2 threads"]
            for name, took in seconds.items():
                ratio = statistics.median(t / b for t, b in zip(took, best))
                print("  %-18s %6.0f MB/s   %5.2f x the time of the first" %
                      (name, size / statistics.median(took), ratio))


if __name__ == "__main__":
    main()
