#!/usr/bin/env python3
"""Reads the TensorBoard file of a run as another program does: `/usr/bin/python3 tests/cli/event_file.py build/stint`.

Nothing here is shared with the writer: the CRC-32C is crcmod's (Debian: python3-crcmod), the records and the protobuf
`Event` are taken apart below. Every scalar must be that of metrics.jsonl. A byte that is changed must be noticed."""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

try:
    from crcmod.predefined import mkCrcFun
except ImportError:
    print("SKIPPED: there is no crcmod (Debian: python3-crcmod)")
    sys.exit(77)

crc32c = mkCrcFun("crc-32c")
TAGS = {"loss": "train/loss", "lr": "train/lr", "eval_loss": "eval/loss", "eval_top1": "eval/top1", "eval_top5": "eval/top5"}


def records(data):
    """The data of each TFRecord."""
    def check(part, stored):
        value = crc32c(part)
        masked = ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
        if masked != struct.unpack("<I", stored)[0]:
            raise ValueError("a checksum is wrong")
    while data:
        check(data[:8], data[8:12])
        (length,) = struct.unpack("<Q", data[:8])
        check(data[12:12 + length], data[12 + length:16 + length])
        yield data[12:12 + length]
        data = data[16 + length:]


def varint(data):
    value = 0
    for i, byte in enumerate(data):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, data[i + 1:]


def fields(data):
    """{number: content} of a protobuf message in which no field repeats."""
    found = {}
    while data:
        key, data = varint(data)
        if key & 7 == 0:
            found[key >> 3], data = varint(data)
            continue
        size = {1: 8, 5: 4}.get(key & 7)
        if size is None:
            size, data = varint(data)
        found[key >> 3], data = data[:size], data[size:]
    return found


def scalars(data):
    """(tag, step, value, time) of each event behind the first, which states the version."""
    first, *rest = [fields(record) for record in records(data)]
    assert first[3] == b"brain.Event:2", first
    for event in rest:
        value = fields(fields(event[5])[1])
        yield value[1].decode(), event[2], struct.unpack("<f", value[2])[0], struct.unpack("<d", event[1])[0]


def logged(text):
    for line in map(json.loads, text.splitlines()):
        for key, tag in TAGS.items():
            if key in line:
                yield tag, line["step"], struct.unpack("<f", struct.pack("<f", line[key]))[0], line["time"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], "train", "--model", "mlp", "--epochs", "2", "--output", folder, "--experiment", "run"],
                       check=True, stdout=subprocess.DEVNULL)
        run = pathlib.Path(folder) / "run"
        (path,) = run.glob("events.out.tfevents.*")
        data = path.read_bytes()
        found, expected = list(scalars(data)), list(logged((run / "metrics.jsonl").read_text()))
    assert found == expected, "the event file and metrics.jsonl differ"
    assert {tag for tag, *_ in found} == set(TAGS.values()), found[-5:]
    for place in (0, 9, 20, len(data) // 2, len(data) - 1):
        damaged = bytearray(data)
        damaged[place] ^= 4
        try:
            list(records(bytes(damaged)))
        except (ValueError, struct.error):
            continue
        raise AssertionError(f"byte {place} was changed and nobody noticed")
    print(f"{len(found)} scalars of {len(TAGS)} tags equal those of metrics.jsonl, every checksum right")


if __name__ == "__main__":
    main()
