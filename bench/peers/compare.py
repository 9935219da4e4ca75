#!/usr/bin/python3
"""nadir and its peers on the same networks, batches and update rules, side by side.

    compare.py train OUT.json --nadir PROGRAM [--fann PROGRAM] [--kann PROGRAM]
               [--genann PROGRAM] [--nets T1,T3] [--rounds N]
    compare.py whole OUT.json --nadir PROGRAM [--rounds N]
    compare.py show FILE.json..                 the tables, as Markdown

Every round measures each program once, one after the other, at every thread count;
a figure is the median over the rounds at the program's best thread count, and a ratio
is the median of the rounds' ratios. One thread is timed by its processor time, which
other programs disturb less, several by the clock. Results are added to OUT.json if it exists. Peers that
are missing are left out. PyTorch and scikit-learn stand on OpenBLAS, which is told the
processor's type where it does not know it."""
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.environ.get("NADIR_DATA", os.path.join(HERE, "..", "..", "..", "shared", "data"))
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
THREADS = len(os.sched_getaffinity(0))
RULES = ("momentum", "adam")
# Name, layers, batches, rows of the data; the table of nadir bench.
NETS = (("T1", "4-16-3", (1, 16), 150),
        ("T2", "30-64-32-1", (32, 256), 8192),
        ("T3", "784-128-10", (32, 128), 8192),
        ("T4", "784-512-512-10", (128,), 8192),
        ("T5", "784-2048-2048-2048-10", (512,), 2048))
SMALL = ("FANN", "KANN", "Genann")  # libraries in C
BARS = {("T1", 1): 270, ("T1", 16): 60, ("T2", 32): 14, ("T2", 256): 4, ("T3", 32): 3.2,
        ("T3", 128): 2.2, ("T4", 128): 2.4, ("T5", 512): 1.3}
MNIST = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def own_seconds():
    """Processor time of this program and of its children that have ended."""
    return sum(os.times()[:4])


def cpu_flags():
    for line in open("/proc/cpuinfo"):
        if line.startswith("flags"):
            return set(line.split(":")[1].split())
    return set()


def openblas_core():
    """What OpenBLAS takes the processor for, asked in a process of its own."""
    code = ("import ctypes; f = ctypes.CDLL('libopenblas.so.0').openblas_get_corename; "
            "f.restype = ctypes.c_char_p; print(f().decode())")
    run = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)
    return run.stdout.strip()


def peer_environment():
    """OPENBLAS_CORETYPE where OpenBLAS picked a type that lacks the processor's vectors."""
    env = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        env.pop(name, None)
    core, flags = openblas_core(), cpu_flags()
    wide = {"SkylakeX", "Cooperlake", "Sapphirerapids"}
    if "OPENBLAS_CORETYPE" not in env:
        if "avx512f" in flags and core not in wide:
            env["OPENBLAS_CORETYPE"] = "SkylakeX"
        elif "avx2" in flags and core not in wide | {"Haswell", "Zen"}:
            env["OPENBLAS_CORETYPE"] = "Haswell"
    return env, env.get("OPENBLAS_CORETYPE", core)


class Worker:
    """A peer that stays loaded and answers one line per request; None if it is missing."""

    def __init__(self, script, env):
        self.process = subprocess.Popen([PYTHON, os.path.join(HERE, script)], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.version = self.process.stdout.readline().strip()

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def team(script, env):
    """A worker for each thread count, with OpenBLAS told so."""
    return {t: Worker(script, dict(env, OMP_NUM_THREADS=str(t))) for t in {1, THREADS}}


def busy_seconds():
    """Processor time that everything on this machine has taken."""
    field = [int(f) for f in open("/proc/stat").readline().split()[1:]]
    return (sum(field[:3]) + sum(field[5:7])) / os.sysconf("SC_CLK_TCK")


def nadir_rates(program, name):
    run = subprocess.run([program, "bench", "--quick", "--json", "--workloads", name], check=True,
                         capture_output=True, text=True)
    return json.loads(run.stdout)


def add(cell, program, value):
    cell.setdefault(program, []).append(value)


def record_nadir(result, program, name):
    answer = nadir_rates(program, name)
    result["machine"] = {k: answer[k] for k in ("processor", "isa", "threads", "version")}
    result.setdefault("peak", []).append(answer["fma_gflops"])
    for row in answer["training"]:
        cell = result["train"].setdefault("%s %d %s" % (name, row["batch"], row["optimizer"]), {})
        add(cell, "nadir", max(row["rows_per_s"]))
        add(cell, "nadir one thread", row["rows_per_s"][0])
        add(cell, "nadir all threads", row["rows_per_s"][1])
        add(cell, "share of peak", max(row["share_of_peak"]))
    for row in answer["inference"]:
        cell = result.setdefault("inference", {}).setdefault(name, {})
        add(cell, "one row, microseconds", row["one_row_microseconds"])
        add(cell, "batch of 128, rows/s", max(row["rows_per_s"]))


def rate_of(program, words, threads, env):
    """Rows per second as printed; None where the network is not for the program."""
    run = subprocess.run([program] + words, env=dict(env, OMP_NUM_THREADS=str(threads)),
                         capture_output=True, text=True)
    if run.returncode not in (0, 2):
        raise SystemExit("%s: status %d" % (program, run.returncode))
    return None if run.returncode else float(run.stdout)


def record_c_peers(result, c_peers, net, seconds, env):
    name, layers, batches, rows = net
    for label, program in c_peers:
        if label == "FANN" and name == "T5":  # minutes for one figure
            continue
        for batch in batches:
            words = [layers, str(batch), str(rows), str(seconds)]
            counts = {1, THREADS} if label == "KANN" else {1}
            rates = [rate_of(program, words, t, env) for t in counts]
            if None not in rates:
                for rule in RULES if label == "KANN" else RULES[:1]:
                    add(result["train"]["%s %d %s" % (name, batch, rule)], label, max(rates))


def record_peers(result, workers, c_peers, net, env):
    name, layers, batches, rows = net
    seconds = 0.05
    counts = sorted({1, THREADS})
    for batch in batches:
        for rule in RULES:
            cell = result["train"].setdefault("%s %d %s" % (name, batch, rule), {})
            for label, worker, form in workers:
                rates = [worker[t].ask(layers, batch, rule, form, t, rows, seconds)
                         for t in counts]
                add(cell, label, max(rates))
                add(cell, label + ", one thread", rates[0])
    record_c_peers(result, c_peers, net, seconds, env)


def load(path):
    return json.load(open(path)) if os.path.exists(path) else {}


def train(path, program, c_peers, names, rounds):
    result = load(path)
    result.setdefault("train", {})
    env, core = peer_environment()
    torch, learn = (team(script, env) for script in ("torch_train.py", "sklearn_train.py"))
    workers = []
    if torch[1].version:
        workers += [("PyTorch", torch, "hand"), ("PyTorch, usual loop", torch, "usual")]
    if learn[1].version:
        workers.append(("scikit-learn", learn, "-"))
    result["peers"] = [torch[1].version, learn[1].version, "OpenBLAS " + core]
    result["peers"] += [label for label, _ in c_peers]
    start, before = time.time(), busy_seconds() - own_seconds()
    for _ in range(rounds):
        for net in NETS:
            if not names or net[0] in names:
                record_nadir(result, program, net[0])
                record_peers(result, workers, c_peers, net, env)
    for worker in list(torch.values()) + list(learn.values()):
        worker.close()
    others = busy_seconds() - own_seconds() - before
    result.setdefault("others", []).append(others / (time.time() - start))
    json.dump(result, open(path, "w"), indent=1)


def ready_files(folder):
    """MNIST as raw IDX, and as the floats that the PyTorch script reads."""
    import numpy as np
    for name in MNIST:
        raw = gzip.open(os.path.join(DATA, "mnist", name + ".gz")).read()
        with open(os.path.join(folder, name), "wb") as out:
            out.write(raw)
        part = "train" if name.startswith("train") else "test"
        if "images" in name:
            x = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784)
            x = ((x - np.float32(33.318)) / np.float32(78.567)).astype(np.float32)
            np.save(os.path.join(folder, part + "_x.npy"), x)
        else:
            y = np.frombuffer(raw, np.uint8, offset=8).astype(np.int64)
            np.save(os.path.join(folder, part + "_y.npy"), y)


def timed(command, env=None):
    start = time.perf_counter()
    run = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, run.stdout


def nadir_command(program, images, folder, *more):
    return [program, "train", images, "--hidden", "128", "--dropout", "0", "--weight-decay", "0",
            "--batch-size", "128", "--lr", "0.003", "--valid", "0", "--quiet", "--json", "--force",
            "-o", os.path.join(folder, "nadir.safetensors")] + list(more)


def fewest_epochs(test):
    """The fewest epochs after which the test set is 98 % right; test(epochs) says how right."""
    for epochs in range(3, 31):
        if test(epochs) >= 0.98:
            return epochs
    raise SystemExit("98 % was not reached in 30 epochs")


def whole(path, program, rounds):
    result = load(path)
    cells = result.setdefault("whole", {})
    packed = os.path.join(DATA, "mnist", MNIST[0] + ".gz")
    packed_test = os.path.join(DATA, "mnist", MNIST[2] + ".gz")
    with tempfile.TemporaryDirectory() as folder:
        env, _ = peer_environment()
        ready_files(folder)
        raw, raw_test = os.path.join(folder, MNIST[0]), os.path.join(folder, MNIST[2])

        def nadir(images, test, epochs):
            more = ["--test", test] if test else ["--test", "0"]
            seconds, out = timed(nadir_command(program, images, folder, "--epochs", str(epochs),
                                               *more))
            return seconds, json.loads(out).get("test", json.loads(out))["accuracy"] if test else 0

        def torch(epochs, threads, test):
            seconds, out = timed([PYTHON, os.path.join(HERE, "torch_mnist.py"), folder,
                                  str(epochs), str(threads), str(int(test))], env)
            return seconds, float(out) if test else 0

        ours = fewest_epochs(lambda epochs: nadir(raw, raw_test, epochs)[1])
        theirs = fewest_epochs(lambda epochs: torch(epochs, 1, True)[1])
        result["epochs to 98 %"] = {"nadir": ours, "PyTorch": theirs}
        best = min({1, THREADS}, key=lambda t: torch(1, t, False)[0])
        for _ in range(rounds):
            cell = cells.setdefault("one epoch", {})
            add(cell, "nadir, raw IDX", nadir(raw, None, 1)[0])
            add(cell, "nadir, .gz", nadir(packed, None, 1)[0])
            add(cell, "PyTorch, ready floats", torch(1, best, False)[0])
            cell = cells.setdefault("98 % of the test set right", {})
            add(cell, "nadir, raw IDX", nadir(raw, raw_test, ours)[0])
            add(cell, "nadir, .gz", nadir(packed, packed_test, ours)[0])
            add(cell, "PyTorch, ready floats", torch(theirs, best, True)[0])
            json.dump(result, open(path, "w"), indent=1)


def short(value):
    if value >= 999500:
        return "%.3g M" % (value / 1e6)
    return "%.3g k" % (value / 1e3) if value >= 1000 else "%.3g" % value


def median_of(cell, name):
    return short(statistics.median(cell[name])) if name in cell else ""


def ratio(cell, ours, theirs):
    return statistics.median(a / b for a, b in zip(cell[ours], cell[theirs]))


def ratio_text(cell, ours, theirs):
    return "%.3g" % ratio(cell, ours, theirs) if ours in cell and theirs in cell else ""


def show_train(result):
    columns = ("PyTorch", "PyTorch, usual loop", "scikit-learn") + SMALL
    print("| net | batch | rule | nadir, rows/s | share of peak | all threads over 1 | %s | "
          "nadir / PyTorch | asked | %s |" % (" | ".join(columns),
                                              " | ".join("nadir / " + s for s in SMALL)))
    print("|" + "---|" * (9 + len(columns) + len(SMALL)))
    for name, _, batches, _ in NETS:
        for batch in batches:
            for rule in RULES:
                cell = result["train"].get("%s %d %s" % (name, batch, rule))
                if not cell:
                    continue
                print("| %s | %d | %s | %s | %.0f %% | %s | %s | %s | %s | %s |" % (
                    name, batch, rule, median_of(cell, "nadir"),
                    100 * statistics.median(cell["share of peak"]),
                    ratio_text(cell, "nadir all threads", "nadir one thread"),
                    " | ".join(median_of(cell, c) for c in columns),
                    ratio_text(cell, "nadir", "PyTorch"), BARS[name, batch],
                    " | ".join(ratio_text(cell, "nadir", s) for s in SMALL)))


def show_whole(result):
    print("\n| whole process on MNIST | %s | raw: times faster | .gz: times faster |" %
          " | ".join(("nadir, raw IDX", "nadir, .gz", "PyTorch, ready floats")))
    print("|---|---|---|---|---|---|")
    for name, cell in result["whole"].items():
        theirs = "PyTorch, ready floats"
        print("| %s | %s | %.1f | %.1f |" % (
            name, " | ".join("%.2f s" % statistics.median(v) for v in cell.values()),
            ratio(cell, theirs, "nadir, raw IDX"), ratio(cell, theirs, "nadir, .gz")))
    print("\nEpochs to 98 %: " + ", ".join("%s %d" % e for e in result["epochs to 98 %"].items()))


def show_inference(result):
    print("\n| inference | one row, microseconds | batch of 128, rows/s |")
    print("|---|---|---|")
    for name, cell in result["inference"].items():
        print("| %s | %.3g | %s |" % (name, statistics.median(cell["one row, microseconds"]),
                                      median_of(cell, "batch of 128, rows/s")))


def show(paths):
    result = {}
    for path in paths:
        for key, value in load(path).items():
            if isinstance(value, dict) and isinstance(result.get(key), dict):
                result[key].update(value)
            else:
                result[key] = result.get(key, []) + value if key in ("peak", "others") else value
    if "machine" in result:
        print("%s, %s, %d threads; nadir %s; %s; %s" % (
            result["machine"]["processor"], result["machine"]["isa"], THREADS,
            result["machine"]["version"], ", ".join(p for p in result["peers"] if p),
            platform.platform()))
        print("cores that other programs kept busy meanwhile: %.1f" %
              statistics.median(result["others"]))
        print("multiply-add peak, GFLOP/s: %s\n" % ", ".join(
            "%.0f" % statistics.median(p[i] for p in result["peak"]) for i in (0, 1)))
    for key, table in (("train", show_train), ("inference", show_inference), ("whole", show_whole)):
        if result.get(key):
            table(result)


def option(args, name, preset=None):
    if name not in args:
        return preset
    at = args.index(name)
    value = args[at + 1]
    del args[at:at + 2]
    return value


def main(args):
    program = option(args, "--nadir")
    c_peers = [(label, option(args, "--" + label.lower())) for label in SMALL]
    c_peers = [(label, path) for label, path in c_peers if path]
    rounds = int(option(args, "--rounds", "5"))
    names = [n for n in option(args, "--nets", "").split(",") if n]
    if args[:1] == ["train"] and len(args) == 2 and program:
        train(args[1], program, c_peers, names, rounds)
    elif args[:1] == ["whole"] and len(args) == 2 and program:
        whole(args[1], program, rounds)
    elif args[:1] == ["show"] and len(args) >= 2:
        show(args[1:])
    else:
        raise SystemExit(__doc__)


main(sys.argv[1:])
