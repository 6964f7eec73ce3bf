#!/usr/bin/env python3
"""Weights both ways with PyTorch itself: `/usr/bin/python3 tests/golden/strict.py build/stint`.

Of every family (the slim networks of make.py and one of bottlenecks, two of torchvision's as they are, a vision
transformer under timm's names), PyTorch's weights go through `stint convert` and load with strict=True, to the same
bits; `stint predict` gives PyTorch's logits. Needs python3-torch and python3-torchvision."""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

try:
    import torch
    import torchvision
except ImportError as error:
    print(f"SKIPPED: {error} (Debian: python3-torch, python3-torchvision)")
    sys.exit(77)

from make import CLASSES, NETWORKS, VIT_KEYWORDS, randomise, slim_resnet, write
from timm_vit import VisionTransformer

ALL_NETWORKS = NETWORKS + [
    ("resnet50", lambda: slim_resnet("resnet50", 4), 64, ["width=4"]),
    ("resnet18", torchvision.models.resnet18, 64, []),
    ("resnet50", torchvision.models.resnet50, 64, []),
    ("vit_tiny_patch16_224", lambda: VisionTransformer(16, 4, 24, 2, 3, 48, CLASSES), 16, VIT_KEYWORDS),
]


def read(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__", None)
    data = raw[8 + length:]
    return {name: torch.frombuffer(bytearray(data[slice(*entry["data_offsets"])]), dtype=torch.float32)
            .reshape(entry["shape"]) for name, entry in header.items()}


def run(program, *words):
    subprocess.run([program, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def check(program, folder, name, make_network, size, keywords):
    net = make_network()
    with torch.no_grad():
        randomise(net)
    net.eval()
    images = torch.randn(3, 3, size, size)
    weights, back, given, answers = (folder / f"{name}-{part}.safetensors" for part in ("in", "out", "images", "logits"))
    write(weights, net.state_dict(), {"format": "pt"})  # with PyTorch's batch counters
    write(given, {"input": images}, {})
    common = ["--model", name, *(["--model-kwargs", *keywords] if keywords else []), "--pretrained"]
    run(program, "convert", *common, weights, "--image-size", size, "--output", back)
    run(program, "predict", *common, back, "--input", given, "--output", answers)

    fresh = make_network()
    fresh.load_state_dict(read(back), strict=True)
    same = all(torch.equal(value, net.state_dict()[key]) for key, value in fresh.state_dict().items()
               if not key.endswith("num_batches_tracked"))
    expected = net(images).detach()
    error = ((read(answers)["logits"] - expected).norm() / expected.norm()).item()
    print(f"{name}: weights {'equal' if same else 'DIFFER'}, logits off by {error:.1e}")
    return same and error < 1e-5


def main():
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        good = [check(sys.argv[1], pathlib.Path(folder), *network) for network in ALL_NETWORKS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
