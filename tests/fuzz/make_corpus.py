#!/usr/bin/env python3
"""Makes the corpus that the fuzz targets start from: small whole files of every format, under corpus/TARGET/."""

import gzip
import io
import json
import lzma
import struct
import tarfile
import zlib
from pathlib import Path

ROOT = Path(__file__).parent / "corpus"


def put(target, name, data):
    (ROOT / target).mkdir(parents=True, exist_ok=True)
    (ROOT / target / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def png(colour, depth, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height = len(rows)
    width = len(rows[0]) * 8 // depth // {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    palette = chunk(b"PLTE", bytes(range(48))) if colour == 3 else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + palette +
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) + chunk(b"IEND", b""))


def tar(kind):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, data in [("a/b.txt", b"hello"), ("n" * 150 if kind != tarfile.USTAR_FORMAT else "c", b"x" * 600)]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()[:4096]


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def main():
    images = struct.pack(">IIII", 0x803, 3, 2, 2) + bytes(range(12))
    labels = struct.pack(">II", 0x801, 3) + bytes([0, 9, 10])
    put("idx", "three", bytes([255 * len(images) // len(images + labels) + 1]) + images + labels)
    put("cifar", "ten", bytes([3]) + bytes(3072) + bytes([11]) + bytes(3072))
    put("cifar", "hundred", bytes([1, 99]) + bytes(3072))
    put("libsvm", "rows", "+1 1:0.5 3:-2e1\n# remark\n\n-1\t2:+1 \r\n1 0:2\nx\n")
    for name, kind in [("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)]:
        put("tar", name, tar(kind))
    put("compressed", "gz", gzip.compress(b"stint " * 50, mtime=0))
    put("compressed", "two.gz", gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0))
    put("compressed", "xz", lzma.compress(b"stint " * 50))
    for name, colour, depth, row in [("grey", 0, 8, 4), ("bits", 0, 1, 1), ("rgb16", 2, 16, 24), ("palette", 3, 4, 2),
                                     ("grey-alpha", 4, 8, 8), ("rgba", 6, 8, 16)]:
        put("picture", name + ".png", png(colour, depth, [bytes((7 * i + j) % 256 for j in range(row)) for i in range(3)]))
    put("safetensors", "two", safetensors({"__metadata__": {"format": "pt"},
                                           "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                                           "b": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [8, 12]}}, bytes(12)))
    put("safetensors", "none", safetensors({}, b""))
    put("state", "whole", json.dumps({"version": 2, "step": 7, "loss_sum": 0.5, "key": {"device": "cpu"},
                                      "files": {"model.safetensors": {"bytes": 3, "xxh3_128": "00"}}}))
    put("recipe", "three", json.dumps({"height": 8, "width": 9, "channels": 3, "crop_pct": 0.875, "mean": [0.1, 0.2, 0.3],
                                       "std": [1, 2, 3], "class_names": ["cat", "dog"]}))
    for name, channels in (("features", 12), ("three-features", 3)):
        put("recipe", name, json.dumps({"height": 1, "width": 1, "channels": channels, "crop_pct": 1, "mean": [], "std": [],
                                        "class_names": []}))
    put("yaml", "some", "seed: 7\ndata:\n  dataset: digits\n  mean: \"0.5,0.25\"\nmodel:\n  kwargs: {stem: cifar}\n"
        "optim:\n  lr: 1e-3\n  nesterov: true\n")
    put("yaml", "wrong", "optim: {lr: [1, 2], lr: *a}\n--- !!x\n")


main()
