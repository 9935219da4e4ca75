#!/bin/sh
# scripts/check-pages.sh finds a link that leads nowhere and a page that is not listed.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/docs/techniques"
cd "$work/docs/techniques"
echo '[a](a.md#top), [out](https://example.org/b.md)' >README.md
echo '[back](README.md)' >a.md

check()
{
    sh "$root/scripts/check-pages.sh" "$work"
}

check
echo '[b](b.md)' >>a.md
if check >"$work/out" || ! grep -q 'a.md: no b.md' "$work/out"; then
    echo "a link that leads nowhere is not found"
    exit 1
fi
echo 'b' >b.md
if check >"$work/out" || ! grep -q 'b.md is not listed' "$work/out"; then
    echo "a page that is not listed is not found"
    exit 1
fi
