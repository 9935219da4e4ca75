#!/bin/sh
# Run every command of a documentation page and compare what it prints with what
# the page shows; status 1 at the first that fails or differs.
#   run.sh build-folder page.md
# The commands run in a fresh folder that holds the shipped data, with nadir
# installed from the build folder into a place of its own.
set -eu
build=$(cd "$1" && pwd)
page=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cmake --install "$build" --prefix "$folder/installed" >"$folder/install.log" ||
    { cat "$folder/install.log"; exit 1; }
library=$(dirname "$(find "$folder/installed" -name 'libnadir.so' | head -n 1)")
export PATH="$folder/installed/bin:$PATH"
export LD_LIBRARY_PATH="$library"
export PKG_CONFIG_PATH="$library/pkgconfig"
export CMAKE_PREFIX_PATH="$folder/installed"

mkdir "$folder/work"
cp "$root"/data/*.csv "$folder/work"
if [ -d "$root/examples" ]; then
    cp -R "$root/examples" "$folder/work"
fi
cd "$root"
mkdir "$folder/scratch"
export scratch="$folder/scratch" match="$root/tests/docs/match.awk"
{
    printf 'set -e\ntrap %s EXIT\n' "'[ \$? -eq 0 ] || printf \"FAILED: %s\\n\" \"\$line\"'"
    awk -f tests/docs/blocks.awk "$page"
} >"$folder/script"
cd "$folder/work"
sh "$folder/script" </dev/null
