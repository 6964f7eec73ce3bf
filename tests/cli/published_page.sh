#!/usr/bin/env bash
# The page of the papers' tables and all it leads to, made again of the committed records: they must be as committed.
# Pictures are compared as SVG.
set -euo pipefail
stint=$1 results=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
note=()
if [ -f "$results/papers/note.md" ]; then note=(--note "$results/papers/note.md"); fi
code=0
"$stint" reproduce report --output "$results/papers" --publish "$folder/papers" "${note[@]}" || code=$?
if [ $code != 0 ] && [ $code != 8 ]; then exit $code; fi # 8: a relation does not hold, which the page says
diff "$results/papers.md" "$folder/papers.md"
diff -rq --exclude='*.png' "$results/papers" "$folder/papers"
