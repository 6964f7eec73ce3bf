#!/usr/bin/env bash
# Builds what a GPU machine without packages needs, in one archive: `bundle.sh BUILD [CMAKE ARGUMENT...]` makes
# BUILD/bundle.tar.gz. Inside: the program and its tests with the CUDA side and the plain CPU backend, every shared
# library they use but glibc's, the tables of `stint reproduce`, and the scripts that check and measure. cuBLASLt and
# cuDNN come from the machine.
set -euo pipefail
most_bytes=50000000
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
shift

"$root/tools/check/configure.sh" "$build" -DSTINT_CUDA=ON -DSTINT_TESTS=ON -DSTINT_ONEDNN=OFF -DSTINT_NATIVE=OFF \
  -DCMAKE_BUILD_RPATH='$ORIGIN/../lib' -DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags "$@"
cmake --build "$build" --parallel "$(nproc)" --target stint_program unit_tests

bundle=$build/bundle
rm -rf "$bundle"
mkdir -p "$bundle/bin" "$bundle/lib" "$bundle/tools/gpu" "$bundle/tests/golden"
cp "$build/stint" "$build/unit_tests" "$bundle/bin"
cp "$root"/tools/gpu/*.py "$root/tools/gpu/check.sh" "$bundle/tools/gpu"
cp -r "$root/tools/bench" "$bundle/tools"
for paper in "$root"/tools/reproduce/*/; do
  mkdir -p "$bundle/share/stint/reproduce/$(basename "$paper")"
  cp "$paper"*.yaml "$bundle/share/stint/reproduce/$(basename "$paper")"
done
cp "$root"/tests/golden/*.safetensors "$bundle/tests/golden"

# glibc's own libraries must be the machine's. The others are found beside the program, by each other too: that is what
# the old kind of dynamic tags does.
libraries() { ldd "$bundle/bin/stint" "$bundle/bin/unit_tests" | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
  grep -vE '/(libc|libm|libdl|libpthread|librt)\.so'; }
libraries | xargs -I {} cp -L {} "$bundle/lib"
strip "$bundle/bin/stint" "$bundle/bin/unit_tests"
strays=$(libraries | while read -r path; do [ "$(dirname "$(realpath "$path")")" = "$(realpath "$bundle/lib")" ] || echo "$path"; done)
[ -z "$strays" ] || { echo "bundle: not found in the bundle, but on this machine:" $strays >&2; exit 1; }
tar -czf "$build/bundle.tar.gz" -C "$build" bundle

bytes=$(stat -c %s "$build/bundle.tar.gz")
echo "bundle: $build/bundle.tar.gz, $bytes bytes"
[ "$bytes" -lt "$most_bytes" ] || { echo "bundle: larger than the $most_bytes bytes that it may have" >&2; exit 1; }
