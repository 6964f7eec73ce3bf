#!/usr/bin/env python3
"""The arithmetic of tools/bench/compare_torch.py, with both sides made up: no PyTorch, no stint."""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "bench"))
import compare_torch  # noqa: E402

CASE = argparse.Namespace(model="resnet20", model_kwargs="", image_size=32, batch_size=10, threads=2, amp="", pairs=7, steps=3)
OURS = [10, 20, 30, 40, 50, 60, 70]     # images/s
THEIRS = [10, 40, 10, 80, 10, 10, 140]  # ratios 1, 0.5, 3, 0.5, 5, 6, 0.5: their median is 1, that of the medians 40/10
turns, started = [], []


class Worker:
    """Of each turn's steps the one in the middle has the speed; channels-first is faster."""

    def __init__(self, case, layout):
        self.layout, self.speeds = layout, iter(THEIRS)
        self.settings = {"torch": "9.8", "torchvision": "7.6", "layout": layout}
        started.append(layout)

    def ask(self, steps):
        if steps == 2:  # the first round
            return {"seconds": [9, {"channels-last": 0.5, "channels-first": 0.4}[self.layout]], "peak_bytes": 1}
        turns.append("torch")
        middle = CASE.batch_size / next(self.speeds)
        return {"seconds": [100 * middle, middle, middle / 2], "peak_bytes": 2**20 * (5 + turns.count("torch") % 2)}

    def close(self):
        turns.append("end")


def stint(case, steps):
    assert steps == 3
    turns.append("stint")
    return {"images_per_s": OURS[turns.count("stint") - 1], "dtype": "f32", "rss_peak_bytes": 2**20 * (50 - turns.count("stint") % 2)}


def main():
    compare_torch.Torch, compare_torch.stint = Worker, stint
    os.environ["GOMP_SPINCOUNT"] = "1000"
    r = compare_torch.compare(CASE)
    assert turns == ["end", "end"] + 7 * ["stint", "torch"] + ["end"], turns
    assert started == ["channels-last", "channels-first", "channels-first"], started
    assert r["ratio"] == r["ratios"]["median"] == 1, r["ratio"]
    assert (r["ratios"]["min"], r["ratios"]["max"]) == (0.5, 6), r["ratios"]
    ours, theirs = r["stint"]["images_per_s"], r["torch"]["images_per_s"]
    assert (ours["median"], ours["min"], ours["max"], ours["all"]) == (40, 10, 70, OURS), ours
    assert [round(theirs[key], 9) for key in ("median", "min", "max")] == [10, 10, 140], theirs
    assert (r["stint"]["rss_peak_bytes"], r["torch"]["rss_peak_bytes"]) == (50 * 2**20, 6 * 2**20)

    table = compare_torch.table([r, r])
    row = "| resnet20  32, batch 10 | 2 | f32 | 40.0 (10.0-70.0) | 10.0 (10.0-140.0), channels-first | **1.00** (0.50-6.00) | 50 / 6 |"
    assert table.count(row) == 2, table
    for text in (table, compare_torch.sentence(r)):
        assert text.count("PyTorch 9.8, torchvision 7.6, LD_PRELOAD=") == 1, text
        assert "thp:always" in text and "GOMP_SPINCOUNT=1000" in text, text
    print("turns, medians, spreads, ratio and settings are right")


if __name__ == "__main__":
    main()
