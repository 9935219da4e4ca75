#!/bin/sh
# The Python on the page about the model file reads a model that nadir wrote: run
# as it stands there, and compare what it says with what nadir says.
#   test_model_file_page.sh SOURCE NADIR
set -eu
source=$1 nadir=$2
python=
for candidate in python3 /usr/bin/python3; do
    if [ -z "$python" ] && "$candidate" -c 'import numpy' 2> /dev/null; then
        python=$candidate
    fi
done
if [ -z "$python" ]; then
    echo "skipped: python3 with numpy is not installed"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk '/^```python$/ {on = 1; next} /^```$/ {if (on) exit} on' "$source/docs/model-file.md" \
    > "$work/read.py"
lines=$(grep -c . "$work/read.py")
if [ "$lines" -lt 8 ] || [ "$lines" -gt 12 ]; then
    echo "the page's program has $lines lines" >&2
    exit 1
fi
"$nadir" train "$source/data/iris.csv" -q --hidden 5 --batchnorm --epochs 2 --test 0 \
    -o "$work/m.safetensors" > "$work/out"
"$python" "$work/read.py" "$work/m.safetensors" > "$work/read"
for line in 'layers.0.weight (4, 5)' 'layers.0.bias (1, 5)' "\['dense', 'batchnorm', 'relu'"; do
    if ! grep -q "^$line" "$work/read"; then
        echo "'$line' is not in:" >&2
        cat "$work/read" >&2
        exit 1
    fi
done
# One line per tensor, one for the layers; the parameters are those nadir counts,
# beside the running mean and variance of five units.
"$nadir" inspect "$work/m.safetensors" --json > "$work/inspect.json"
"$python" - "$work/m.safetensors" "$work/inspect.json" <<'PYTHON'
import json, sys, zlib
raw = open(sys.argv[1], "rb").read()
size = int.from_bytes(raw[:8], "little")
header = json.loads(raw[8:8 + size])
meta = header.pop("__metadata__")
said = json.load(open(sys.argv[2]))
running = [n for n in header if "running" in n]
count = sum(t["shape"][0] * t["shape"][1] for n, t in header.items() if n not in running)
assert count == said["parameters"], (count, said["parameters"])
assert json.loads(meta["preparation"])["classes"] == ["setosa", "versicolor", "virginica"]
sums = json.loads(meta["checksums"])
assert sorted(sums) == sorted(header)
for name, t in header.items():
    begin, end = (8 + size + o for o in t["data_offsets"])
    assert sums[name] == "%08x" % zlib.crc32(raw[begin:end]), name
blank = raw[8:8 + size].replace(meta["crc32"].encode(), b"00000000", 1)
assert meta["crc32"] == "%08x" % zlib.crc32(blank)
PYTHON
echo "$lines lines of Python read $(($(wc -l < "$work/read") - 1)) tensors"
