#!/usr/bin/env bash
# Everything worth doing on a machine with an NVIDIA GPU: `check.sh OUT [STAGE...]`.
#
#   OUT      folder for results.json, report.md and log.txt; what an earlier call left there and passed is not repeated
#   STAGE    tests, sanitizer, train, ranks, ceilings, resnet18, resnet50, dropit, accuracy; without one, all; each fits
#            8 minutes
#   --dry-run  the same stages on the CPU with small sizes, to try them where there is no GPU
#   --quick    two rounds instead of three, and PyTorch as it is, not compiled: half the time
#   --cifar10 PATH  CIFAR-10 for the stage `accuracy`: the folder of its binary files, or an archive of its images by class
#   --bin DIR  where stint and unit_tests are: by default beside this script in a bundle, or build-bundle
#
# The machine needs Python 3, a driver, cuDNN 9 and cuBLASLt (of the system, of Python's wheels, or in the folders of
# STINT_CUDA_LIBRARIES) and, for the bundle, glibc 2.36 or later. PyTorch and compute-sanitizer are used if they are there.
# Exit code: 0 if no stage failed; what could not be measured here is listed in the report and fails nothing.
set -euo pipefail
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$(dirname "$0")/check.py" "$@"
