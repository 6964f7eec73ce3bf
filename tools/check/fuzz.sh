#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each from the kept corpus: `fuzz.sh [SECONDS] [TARGET...]`. Without clang it
# says so and does nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true

if ! command -v clang++ >/dev/null; then
  echo "fuzz: clang++ is not here; the fuzz targets are skipped"
  exit 0
fi
build=build-fuzz
[ -f $build/build.ninja ] || cmake -S . -B $build -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DSTINT_FUZZ=ON >/dev/null
cmake --build $build --target fuzz_targets | tail -1

targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=($(cd tests/fuzz && ls ./*_fuzz.cpp | sed 's|./||; s|_fuzz.cpp||'))
found=$(mktemp -d)
run_target() {
  local target=$1
  mkdir -p "$found/$target"
  if ! "$build/${target}_fuzz" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
       -artifact_prefix="$found/" "$found/$target" "tests/fuzz/corpus/$target" 2>"$found/$target.log"; then
    tail -40 "$found/$target.log" >&2
    echo "fuzz: $target failed; the input is in $found" >&2
    return 1
  fi
  echo "fuzz: $target: $(grep -E '^Done' "$found/$target.log")"
}
export -f run_target
export build seconds found
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I {} bash -c 'run_target "$1"' _ {}
rm -r "$found"
