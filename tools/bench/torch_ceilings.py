#!/usr/bin/env python3
"""What this device can do at most, measured through PyTorch: `torch_ceilings.py DEVICE SIZE COPY_BYTES` prints JSON with
the rate of a SIZE x SIZE matrix product in each precision (FLOP/s) and of a copy (bytes read and written, a second)."""

import json
import sys
import time

import torch


def fastest(action, wait, repeats=10):
    best = float("inf")
    for _ in range(3 + repeats):
        wait()
        start = time.perf_counter()
        action()
        wait()
        best = min(best, time.perf_counter() - start)
    return best


def main():
    device, size, copy_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    rates = {"torch": torch.__version__}
    for precision, dtype, tf32 in [("bf16", torch.bfloat16, False), ("tf32", torch.float32, True),
                                   ("f32", torch.float32, False)]:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        rates[precision] = 2 * size**3 / fastest(lambda: torch.matmul(a, b), wait)
    source = torch.empty(copy_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    rates["copy"] = 2 * copy_bytes / fastest(lambda: target.copy_(source), wait)
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
