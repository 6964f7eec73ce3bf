#!/usr/bin/env bash
# Runs the smoke tier of every table and reports it: every row must run and every relation asked of the tier must hold.
set -euo pipefail
stint=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$stint" reproduce run all --tier smoke --output "$folder" >"$folder/log" || { tail -20 "$folder/log"; exit 1; }
"$stint" reproduce report --tier smoke --output "$folder"
if grep -n "not run\|not finished" "$folder/report.md"; then exit 1; fi
