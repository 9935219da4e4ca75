#!/usr/bin/python3
"""Inference beside onnxruntime: the same networks, batches of 128, taking turns.

    onnx_compare.py PROGRAM FOLDER [ROUNDS]

PROGRAM is nadir; FOLDER holds node_modules with onnxruntime-node (npm install
--ignore-scripts onnxruntime-node). Prints rows per second, medians over the rounds, and the
median of the rounds' ratios. Needs node, python3-onnx and python3-numpy."""
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
THREADS = len(os.sched_getaffinity(0))
NETS = (("T1", "4-16-3"), ("T2", "30-64-32-1"), ("T3", "784-128-10"), ("T4", "784-512-512-10"))


def theirs(folder, path, layers, threads):
    run = subprocess.run(["node", os.path.join(HERE, "onnx_forward.js"), path,
                          layers.split("-")[0], "128", str(threads), "0.2"],
                         cwd=folder, check=True, capture_output=True, text=True)
    return float(run.stdout)


def ours(program, name):
    run = subprocess.run([program, "bench", "--quick", "--json", "--workloads", name], check=True,
                         capture_output=True, text=True)
    return json.loads(run.stdout)["inference"][0]["rows_per_s"]


def main(program, folder, rounds):
    program = os.path.abspath(program)
    print("| net | threads | nadir, rows/s | onnxruntime, rows/s | nadir / onnxruntime |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        for name, layers in NETS:
            path = os.path.join(work, name + ".onnx")
            subprocess.run([sys.executable, os.path.join(HERE, "onnx_net.py"), layers, path],
                           check=True)
            pairs = {1: [], THREADS: []}
            for _ in range(rounds):
                mine = ours(program, name)
                for i, threads in enumerate((1, THREADS)):
                    pairs[threads].append((mine[i], theirs(folder, path, layers, threads)))
            for threads, pair in pairs.items():
                print("| %s | %d | %.3g | %.3g | %.2f |" % (
                    name, threads, statistics.median(a for a, _ in pair),
                    statistics.median(b for _, b in pair),
                    statistics.median(a / b for a, b in pair)))


if len(sys.argv) < 3:
    raise SystemExit(__doc__)
main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 5)
