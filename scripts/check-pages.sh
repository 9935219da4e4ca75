#!/bin/sh
# Every link from one page to another leads somewhere, and docs/techniques/README.md
# leads to every page beside it.
#   check-pages.sh [root]
# Prints one line per violation; status 1 if there is any.
set -eu
cd "${1:-$(dirname "$0")/..}"
failed=0

# Targets of the links of a page, without places inside pages and addresses elsewhere.
links()
{
    grep -o '](\([^)]*\))' "$1" | sed 's/^](//; s/)$//; s/#.*//' | grep -v '^[a-z]*:' |
        grep -v '^$' || :
}

pages=$(find . -name '*.md' -not -path './build/*' -not -path './.git/*')
for page in $pages; do
    folder=$(dirname "$page")
    for link in $(links "$page"); do
        if [ ! -e "$folder/$link" ]; then
            echo "$page: no $link"
            failed=1
        fi
    done
done

index=docs/techniques/README.md
for page in docs/techniques/*.md; do
    name=${page##*/}
    if [ "$page" != "$index" ] && ! links "$index" | grep -qx "$name"; then
        echo "$index: $name is not listed"
        failed=1
    fi
done
exit $failed
