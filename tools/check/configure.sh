#!/usr/bin/env bash
# Configures a build folder: `configure.sh BUILD [CMAKE ARGUMENT...]`. Says what stint says of missing parts and nothing
# else, unless it fails: then it shows everything.
set -euo pipefail
build=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake -S "$(dirname "$0")/../.." -B "$build" -G Ninja "$@" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
grep -E '^-- stint' "$log" || true
