#!/usr/bin/env python3
"""Stands in for tools/bench/torch_step.py where there is no PyTorch, to try the comparison: same questions, made-up
answers. Only for `check.sh --dry-run`."""

import json
import sys

print(json.dumps({"torch": "stand-in"}), flush=True)
for line in sys.stdin:
    print(json.dumps({"seconds": [0.5] * int(line), "peak_bytes": 1}), flush=True)
