#!/usr/bin/env python3
"""Plant defects into real data sets and count how many "nadir check" finds.

    plant_defects.py NADIR [--data FOLDER] [--seeds N] [--markdown]

Reads the clean sets of FOLDER (default $NADIR_DATA) and of the project's data/. Each
defect is planted into each set that can bear it, once per seed; a case is found if the
finding of that name, and of the planted column, is among those printed. On the clean
sets every finding is compared with a count made here: one that is not true of the file,
and every leak and extreme value, is a false flag. Exit status 1 under 95% found or over
1% false flags. Standard library only.
"""
import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

MISSING = {"", "?", "na", "n/a", "nan", "null", "none"}
NAMES = ["target", "target_missing", "one_class", "constant_target", "unseen_class", "imbalance",
         "leak", "identifier", "many_words", "constant", "mostly_missing", "infinite", "extreme",
         "unscaled", "duplicates", "conflict", "overlap"]


class Table:
    def __init__(self, name, header, rows, target, classes, test=None):
        self.name, self.header, self.rows, self.target = name, header, rows, target
        self.classes, self.test = classes, test

    def copy(self):
        return Table(self.name, list(self.header), [list(r) for r in self.rows], self.target,
                     self.classes, self.test and [list(r) for r in self.test])

    def add(self, name, cells, rng):
        """A column at a random place that is not the last."""
        at = rng.randrange(1, len(self.header))
        self.header.insert(at, name)
        for row, cell in zip(self.rows, cells):
            row.insert(at, cell)
        self.target += at <= self.target
        return name

    def column(self, at):
        return [row[at] for row in self.rows]

    def labels(self):
        return self.column(self.target)

    def inputs(self):
        return [c for c in range(len(self.header)) if c != self.target]

    def wide_numbers(self):
        """Columns of numbers with at least 30 different values, of which few are zero."""
        out = []
        for c in self.inputs():
            cells = [x for x in self.column(c) if x.lower() not in MISSING]
            try:
                values = [float(x) for x in cells]
            except ValueError:
                continue
            if len(set(values)) >= 30 and sum(v == 0 for v in values) < len(values) / 3:
                out.append(c)
        return out


def read_csv(path, delimiter=",", header=None):
    with open(path, newline="") as file:
        rows = [[c.strip() for c in r] for r in csv.reader(file, delimiter=delimiter) if r]
    if header:
        return rows[0], rows[1:]
    return ["x%d" % (i + 1) for i in range(len(rows[0]))], rows


def read_numbers(path, skip):
    with open(path) as file:
        return [line.split() for line in file.read().split("\n")[skip:] if line.strip()]


def from_one_hot(name, rows, n_in):
    out = [r[:n_in] + ["class%d" % r[n_in:].index(max(r[n_in:], key=float))] for r in rows]
    return Table(name, ["x%d" % (i + 1) for i in range(n_in)] + ["y"], out, n_in, True)


def clean_sets(data, own):
    def table(name, path, target, classes, header=False, delimiter=",", test=None):
        head, rows = read_csv(path, delimiter, header)
        at = head.index(target) if isinstance(target, str) else target % len(head)
        more = read_csv(test, delimiter, header)[1] if test else None
        return Table(name, head, rows, at, classes, more)

    sets = [table("iris", own + "/iris.csv", -1, True, True),
            table("digits", own + "/digits.csv", -1, True, True),
            table("diabetes", own + "/diabetes.csv", -1, False, True)]
    if not data or not os.path.isdir(data):
        return sets
    sets += [
        table("iris (UCI)", data + "/iris/iris.csv", -1, True),
        table("wine", data + "/wine/wine.csv", -1, True),
        table("wdbc", data + "/wdbc/wdbc.data", 1, True),
        table("optdigits", data + "/optdigits/optdigits.tra", -1, True,
              test=data + "/optdigits/optdigits.tes"),
        table("adult", data + "/adult/adult-train.csv", -1, True,
              test=data + "/adult/adult-test.csv"),
        table("titanic", data + "/titanic/train.csv", "Survived", True, True),
        table("diabetes (Efron)", data + "/diabetes/diabetes.tab.txt", -1, False, True, "\t"),
        table("abalone", data + "/abalone/abalone.csv", -1, False),
        table("auto-mpg", data + "/auto-mpg/mpg.csv", "mpg", False, True),
        table("airline", data + "/timeseries/airline-passengers.csv", -1, False, True),
        table("temperatures", data + "/timeseries/daily-min-temperatures.csv", -1, False, True),
        table("sunspots", data + "/timeseries/monthly-sunspots.csv", -1, False, True),
    ]
    for name, n_in in [("cancer", 9), ("card", 51), ("diabetes", 8), ("glass", 9),
                       ("thyroid", 21)]:
        path = "%s/proben1/%s/%s1.dt" % (data, name, name)
        sets.append(from_one_hot(name + " (PROBEN1)", read_numbers(path, 7), n_in))
    cells = [c for r in read_numbers(data + "/fann/mushroom.train", 1) for c in r]
    rows = [cells[i:i + 127] for i in range(0, len(cells), 127)]
    sets.append(from_one_hot("mushroom (FANN)", rows, 125))
    building = [c for r in read_numbers(data + "/fann/building.train", 1) for c in r]
    rows = [building[i:i + 14] + [building[i + 15]] for i in range(0, len(building), 17)]
    sets.append(Table("building (FANN)", ["x%d" % i for i in range(14)] + ["y"], rows, 14, False))
    return sets


def check(nadir, table, options=(), test=None):
    with tempfile.TemporaryDirectory() as folder:
        def write(name, rows):
            with open(folder + "/" + name, "w", newline="") as file:
                out = csv.writer(file)
                out.writerow(table.header)
                out.writerows(rows)
            return folder + "/" + name
        command = [nadir, "check", write("train.csv", table.rows), "-q", "--json", "--header", "yes",
                   "--target", str(table.target + 1)]
        if not table.classes:
            command += ["--task", "regression"]
        if test is not None:
            command += ["--test", write("test.csv", test)]
        done = subprocess.run(command + list(options), capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit("%s: %s" % (table.name, done.stderr))
        found = json.loads(done.stdout)["findings"]
        if (done.returncode == 1) != (len(found) > 0):
            sys.exit("%s: exit status %d with %d findings" % (table.name, done.returncode, len(found)))
        return found


# A defect: table, random numbers -> (table, column or None, options, test rows) or None.

def leak_copy(t, rng):
    return t, t.add("outcome", t.labels(), rng), (), None


def leak_recoded(t, rng):
    if t.classes:
        code = {c: "code_%d" % i for i, c in enumerate(sorted(set(t.labels())))}
        return t, t.add("state", [code[c] for c in t.labels()], rng), (), None
    a, b = rng.uniform(0.1, 9), rng.uniform(-50, 50)
    return t, t.add("other_unit", [repr(a * float(y) + b) for y in t.labels()], rng), (), None


def leak_noisy(t, rng):
    y = t.labels()
    if t.classes:
        classes = sorted(set(y))
        minor = 1 - max(Counter(y).values()) / len(y)
        wrong = 0.02 * minor
        cells = [rng.choice(classes) if rng.random() < wrong else c for c in y]
    else:
        values = [float(v) for v in y]
        mean = sum(values) / len(values)
        noise = 0.01 * (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
        cells = [repr(v + rng.gauss(0, noise)) for v in values]
    return t, t.add("hint", cells, rng), (), None


def leak_by_missing(t, rng):
    classes = sorted(set(t.labels()))
    if not t.classes or len(classes) != 2:
        return None
    one = rng.choice(classes)
    cells = ["%d" % rng.randrange(1, 400) if c == one else "" for c in t.labels()]
    return t, t.add("days_until", cells, rng), (), None


def in_training_and_test(t, rng):
    rng.shuffle(t.rows)
    cut = len(t.rows) * 4 // 5
    test, t.rows = t.rows[cut:], t.rows[:cut]
    count = max(5, len(test) // 20)
    return t, None, (), test + [list(r) for r in rng.sample(t.rows, count)]


def rich(t):
    """Most rows differ, so that a repeated one means something."""
    return len(set(map(tuple, t.rows))) > 0.9 * len(t.rows) and len(t.header) > 4


def repeated_rows(t, rng):
    if not rich(t):
        return None
    t.rows += [list(r) for r in rng.sample(t.rows, max(8, len(t.rows) // 20))]
    rng.shuffle(t.rows)
    return t, None, (), None


def contradicting_rows(t, rng):
    if not rich(t):
        return None
    y = t.labels()
    for row in rng.sample(t.rows, max(8, len(t.rows) // 20)):
        row = list(row)
        if t.classes:
            row[t.target] = rng.choice([c for c in sorted(set(y)) if c != row[t.target]])
        else:
            values = sorted(map(float, y))
            low = float(row[t.target]) < values[len(values) // 2]
            row[t.target] = repr(values[-1] if low else values[0])
        t.rows.append(row)
    rng.shuffle(t.rows)
    return t, t.header[t.target], (), None


def row_number(t, rng):
    numbers = list(range(1, len(t.rows) + 1))
    rng.shuffle(numbers)
    return t, t.add("record", map(str, numbers), rng), (), None


def customer_number(t, rng):
    numbers = rng.sample(range(10 ** 6, 10 ** 8), len(t.rows))
    return t, t.add("customer_id", map(str, numbers), rng), (), None


def text_key(t, rng):
    keys = ["%08x-%04x" % (rng.getrandbits(32), i) for i in range(len(t.rows))]
    return t, t.add("session", keys, rng), (), None


def nearly_all_words(t, rng):
    words = ["w%05d" % rng.randrange(int(1.5 * len(t.rows))) for _ in t.rows]
    return t, t.add("street", words, rng), (), None


def constant_column(t, rng):
    return t, t.add("version", [rng.choice(["7", "v2"])] * len(t.rows), rng), (), None


def holes(t, rng):
    c = rng.choice(t.inputs())
    share = rng.uniform(0.6, 0.95)
    for row in t.rows:
        row[c] = "" if rng.random() < share else row[c]
    return t, t.header[c], (), None


def wrong_unit(t, rng):
    columns = t.wide_numbers()
    if not columns:
        return None
    c = rng.choice(columns)
    rows = [r for r in t.rows if r[c].lower() not in MISSING and float(r[c]) != 0]
    most = max(abs(float(r[c])) for r in rows)
    for row in rng.sample(rows, rng.randrange(1, 4)):
        row[c] = repr(1000 * most * rng.choice([-1, 1]))
    return t, t.header[c], (), None


def unscaled(t, rng):
    columns = t.wide_numbers()
    if not columns or len(t.header) < 3:
        return None
    c = rng.choice(columns)
    for row in t.rows:
        row[c] = row[c] if row[c].lower() in MISSING else repr(1e6 * float(row[c]))
    return t, t.header[c], ("--scaling", "none"), None


def constant_target(t, rng):
    if t.classes:
        return None
    for row in t.rows:
        row[t.target] = "3.5"
    return t, t.header[t.target], (), None


def one_class(t, rng):
    if not t.classes:
        return None
    name = rng.choice(t.labels())
    for row in t.rows:
        row[t.target] = name
    return t, t.header[t.target], (), None


def new_class_in_test(t, rng):
    classes = sorted(set(t.labels()))
    if not t.classes or len(classes) < 3:
        return None
    gone = rng.choice(classes)
    rng.shuffle(t.rows)
    cut = len(t.rows) * 4 // 5
    test = t.rows[cut:]
    if all(r[t.target] != gone for r in test):
        return None
    t.rows = [r for r in t.rows[:cut] if r[t.target] != gone]
    return t, t.header[t.target], (), test


def rare_class(t, rng):
    if not t.classes or len(t.rows) < 300:
        return None
    classes = sorted(set(t.labels()))
    rare = rng.choice(classes)
    others = [r for r in t.rows if r[t.target] != rare]
    mine = [r for r in t.rows if r[t.target] == rare]
    t.rows = others + mine[:max(2, len(others) // (40 * len(classes)))]
    return t, t.header[t.target], (), None


def no_target(t, rng):
    for row in rng.sample(t.rows, max(2, len(t.rows) // 50)):
        row[t.target] = ""
    return t, t.header[t.target], (), None


DEFECTS = [
    ("the target once more", "leak", leak_copy),
    ("the target in other words or units", "leak", leak_recoded),
    ("the target, wrong in 2% or with 1% of noise", "leak", leak_noisy),
    ("a column that is missing unless the class is one", "leak", leak_by_missing),
    ("5% of the test rows from training", "overlap", in_training_and_test),
    ("5% of the rows twice", "duplicates", repeated_rows),
    ("5% of the rows again with another target", "conflict", contradicting_rows),
    ("row numbers, shuffled", "identifier", row_number),
    ("numbers of customers", "identifier", customer_number),
    ("a key of text", "identifier", text_key),
    ("a category of mostly different words", "many_words", nearly_all_words),
    ("a constant column", "constant", constant_column),
    ("60 to 95% of a column missing", "mostly_missing", holes),
    ("1 to 3 values 1000 times too large", "extreme", wrong_unit),
    ("a column in millionths, not scaled", "unscaled", unscaled),
    ("a constant target", "constant_target", constant_target),
    ("one class", "one_class", one_class),
    ("a class in the test rows alone", "unseen_class", new_class_in_test),
    ("a class of 1 in 40 of its share", "imbalance", rare_class),
    ("2% of the targets missing", "target_missing", no_target),
]


def plant(nadir, sets, seeds):
    """Per defect: (cases, found, descriptions of those missed)."""
    out = []
    for what, name, defect in DEFECTS:
        cases, found, missed = 0, 0, []
        for table in sets:
            for seed in range(seeds):
                rng = random.Random("%s/%s/%d" % (what, table.name, seed))
                made = defect(table.copy(), rng)
                if made is None:
                    continue
                changed, column, options, test = made
                hits = check(nadir, changed, options, test)
                good = any(f["name"] == name and column in (None, f["column"]) for f in hits)
                # A text key with a few repeats is many_words, a full one an identifier.
                cases, found = cases + 1, found + good
                missed += [] if good else ["%s (seed %d)" % (table.name, seed)]
        out.append((what, name, cases, found, missed))
    return out


def is_true(table, finding):
    """Whether a finding on a clean set is true of it, counted here."""
    name, n = finding["name"], len(table.rows)
    at = table.header.index(finding["column"]) if finding["column"] else None
    cells = table.column(at) if at is not None else []
    present = [c for c in cells if c.lower() not in MISSING]
    if name == "constant":
        return len(set(cells)) == 1
    if name == "identifier":
        return len(set(cells)) == n
    if name == "many_words":
        return len(set(present)) > 0.5 * len(present)
    if name == "mostly_missing":
        return n - len(present) == finding["count"] > n / 2
    if name == "duplicates":
        return n - len(set(map(tuple, table.rows))) == finding["count"]
    if name == "imbalance":
        return min(Counter(cells).values()) < 0.05 * n / len(set(cells))
    return False


def clean(nadir, sets):
    """(set and finding pairs looked at, true findings, false flags)."""
    looked, true, false = 0, [], []
    for table in sets:
        found = defaultdict(list)
        for finding in check(nadir, table, (), table.test):
            found[finding["name"]].append(finding)
        looked += len(NAMES)
        for name, list_of in found.items():
            good = all(is_true(table, f) for f in list_of)
            columns = ", ".join(f["column"] for f in list_of[:3] if f["column"])
            text = "%s: %s%s" % (table.name, name, " (%s%s)" % (columns, ", .." if len(list_of) > 3 else "")
                                 if columns else "")
            (true if good else false).append(text)
    return looked, true, false


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("nadir")
    options.add_argument("--data", default=os.environ.get("NADIR_DATA", ""))
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--markdown", action="store_true", help="tables for the documentation")
    given = options.parse_args()
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
    sets = clean_sets(given.data, own)
    results = plant(given.nadir, sets, given.seeds)
    looked, true, false = clean(given.nadir, sets)
    cases, found = sum(r[2] for r in results), sum(r[3] for r in results)
    if given.markdown:
        print("| planted | finding | cases | found |\n|---|---|---|---|")
        for what, name, n, hit, _ in results:
            print("| %s | `%s` | %d | %d |" % (what, name, n, hit))
        print("| all | | %d | %d (%.1f%%) |" % (cases, found, 100 * found / cases))
    else:
        for what, name, n, hit, missed in results:
            print("%-52s %-16s %4d of %4d  %s" % (what, name, hit, n, ", ".join(missed)))
        print("found: %d of %d (%.1f%%)" % (found, cases, 100 * found / cases))
    print("\nclean sets: %d, %d pairs of set and finding; false flags: %d (%.2f%%) %s" %
          (len(sets), looked, len(false), 100 * len(false) / looked, "; ".join(false)))
    print("true of a clean set: %s" % "; ".join(true))
    return found < 0.95 * cases or len(false) > 0.01 * looked


if __name__ == "__main__":
    sys.exit(main())
