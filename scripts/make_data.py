#!/usr/bin/env python3
"""Write data/iris.csv, data/digits.csv and data/diabetes.csv from Debian's python3-sklearn.

    make_data.py [folder]      write the three files (default: data/ of this tree)
    make_data.py --check       write nothing; status 1 if a file differs from what is there

Only the data files of the package are read; nothing is imported from it.
"""
import gzip
import pathlib
import sys

PACKAGE = pathlib.Path("/usr/lib/python3/dist-packages/sklearn/datasets/data")
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data"


def rows_of(name, separator=None):
    """Rows of one file of the package, as lists of texts."""
    opened = gzip.open if name.endswith(".gz") else open
    with opened(PACKAGE / name, "rt", encoding="ascii") as file:
        return [line.split(separator) for line in file.read().splitlines() if line]


def number(text):
    """The number with at most 12 digits, as the sources give fewer: 101.0 and 1.01e+02 become
    101, and 4.803999999999999 (an artefact of a conversion in the package) 4.804."""
    return f"{float(text):.12g}"


def csv(header, rows):
    return "".join(",".join(row) + "\n" for row in [header, *rows])


def iris():
    (_, _, *species), *rows = rows_of("iris.csv", ",")
    header = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    return csv(header, [[*row[:4], species[int(row[4])]] for row in rows])


def digits():
    header = [f"pixel_{y}_{x}" for y in range(8) for x in range(8)] + ["digit"]
    return csv(header, [[number(text) for text in row] for row in rows_of("digits.csv.gz", ",")])


def diabetes():
    header = "age sex bmi bp s1 s2 s3 s4 s5 s6 progression".split()
    inputs, target = rows_of("diabetes_data_raw.csv.gz"), rows_of("diabetes_target.csv.gz")
    rows = [[number(text) for text in x + y] for x, y in zip(inputs, target, strict=True)]
    return csv(header, rows)


def main(arguments):
    check = arguments == ["--check"]
    folder = FOLDER if check or not arguments else pathlib.Path(arguments[0])
    different = 0
    for make in (iris, digits, diabetes):
        path, content = folder / f"{make.__name__}.csv", make().encode("ascii")
        if not check:
            path.write_bytes(content)
        elif not path.exists() or path.read_bytes() != content:
            print(f"{path} differs from what this script makes")
            different = 1
    return different


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
