"""Print what gcovr counted, file by file, and judge it.

coverage.py coverage.json least_branches
"""
import json
import sys

# Parsers, and what saves and loads: every line of these is to be run.
WHOLE = ("src/data/csv", "src/data/idx", "src/data/gzip", "src/data/patterns", "src/data/cache_",
         "src/job/config_yaml", "src/base/num", "src/model/",
         "src/train/keep", "src/train/state")


def counts(entry):
    """Lines run and branches run of one file, with what is not run."""
    lines = [line for line in entry["lines"] if not line.get("gcovr/noncode")]
    missed = [line["line_number"] for line in lines if not line["count"]]
    branches = [branch["count"] for line in lines for branch in line["branches"]]
    return len(lines), missed, len(branches), sum(1 for count in branches if count)


def percent(part, whole):
    """Share in percent; all of nothing is 100."""
    return 100 * part / whole if whole else 100.0


def main(path, least):
    with open(path, encoding="utf-8") as file:
        entries = json.load(file)["files"]
    total = [0, 0, 0, 0]
    short = []
    for entry in sorted(entries, key=lambda entry: entry["file"]):
        lines, missed, branches, taken = counts(entry)
        for i, part in enumerate((lines, lines - len(missed), branches, taken)):
            total[i] += part
        name = entry["file"]
        print(f"{name:36} lines {percent(lines - len(missed), lines):5.1f}%"
              f"  branches {percent(taken, branches):5.1f}%")
        if missed and name.startswith(WHOLE):
            short.append(f"{name}: {', '.join(map(str, missed))}")
    share = percent(total[3], total[2])
    print(f"{'all':36} lines {percent(total[1], total[0]):5.1f}%  branches {share:5.1f}%")
    for line in short:
        print(f"not run: {line}")
    return 1 if short or share < least else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
