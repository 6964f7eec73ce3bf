#!/usr/bin/env bash
# Installs what is missing on Debian 12, asking nothing: `setup.sh build`, `setup.sh test` (and tests), `setup.sh format`,
# `setup.sh fuzz`, `setup.sh bench` (PyTorch as it is fastest, to compare with).
# Where nothing is missing it does nothing. Optional parts (CUDA, Gloo) are left to you.
set -euo pipefail

build=(g++ make cmake ninja-build ccache libdnnl-dev libfmt-dev libcli11-dev libyaml-cpp-dev nlohmann-json3-dev zlib1g-dev
  liblzma-dev libpng-dev libturbojpeg0-dev libxxhash-dev)
test=("${build[@]}" catch2 libboost-context-dev libgloo-dev python3 python3-crcmod xz-utils)
format=(clang-format git python3)
fuzz=("${build[@]}" clang libclang-rt-14-dev libomp-dev)
bench=("${build[@]}" python3-torch python3-torchvision libjemalloc2 libopenblas0-openmp)

case "${1:-build}" in
  build) wanted=("${build[@]}") ;;
  test) wanted=("${test[@]}") ;;
  format) wanted=("${format[@]}") ;;
  fuzz) wanted=("${fuzz[@]}") ;;
  bench) wanted=("${bench[@]}") ;;
  *) echo "setup: expected build, test, format, fuzz or bench, got '$1'" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "setup: this machine has no apt-get; please install: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "setup: needs root to install: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo -n)
fi

echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { "${as_root[@]}" apt-get update -qq &&
       "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "setup: the installation failed; its output is above" >&2
  exit 1
fi
rm -f "$log"
