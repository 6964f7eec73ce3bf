#!/usr/bin/env python3
"""Accuracy against memory under DropIT: trains every combination of gamma, strategy and seed, and prints one table.

  dropit.py OUT [--gammas 0 0.5 0.9] [--strategies mink random] [--seeds 1 2 3] -- ARGUMENTS OF stint train

A run that is finished in OUT is not done again, one that was stopped goes on. The table is Markdown: mean and standard
deviation over the seeds of the last epoch's accuracy, saved bytes, peak, seconds; OUT/dropit.csv has a line a run. For example

  dropit.py runs/dropit -- --dataset cifar10 --data-dir DIR --model resnet20 --epochs 30 --batch-size 128
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "build" / "stint"
COLUMNS = ["strategy", "gamma", "seed", "top1", "saved_bytes", "peak_bytes", "seconds"]


def train(out, strategy, gamma, seed, arguments):
    """The run's line of the table, training first what is missing."""
    name = f"{strategy}-{gamma:g}-{seed}" if gamma > 0 else f"dense-{seed}"
    run = out / name
    status = json.loads((run / "run.json").read_text())["status"] if (run / "run.json").exists() else "new"
    if status != "finished":
        drop = ["--drop", f"{strategy}:gamma={gamma:g}"] if gamma > 0 else []
        words = [PROGRAM, "train", "--output", out, "--experiment", name, "--seed", str(seed), *drop, *arguments]
        if status != "new":
            words += ["--resume", run]
        print("dropit:", name, file=sys.stderr)
        subprocess.run(list(map(str, words)), check=True, stdout=subprocess.DEVNULL)
    epochs = list(csv.DictReader((run / "summary.csv").open()))
    last = epochs[-1]
    return {"strategy": strategy if gamma > 0 else "dense", "gamma": gamma, "seed": seed, "top1": float(last["eval_top1"]),
            "saved_bytes": int(last["saved_act_bytes"]), "peak_bytes": int(last["peak_mem_bytes"]),
            "seconds": sum(float(row["time_s"]) for row in epochs)}


def spread(values):
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values) if len(values) > 1 else 0:.2f}"


def table(rows):
    lines = ["| strategy | gamma | top1 % | saved MiB | of dense | peak MiB | seconds |", "| --- | --- | --- | --- | --- | --- | --- |"]
    dense = next((row["saved_bytes"] for row in rows if row["gamma"] == 0), None)
    for key in dict.fromkeys((row["strategy"], row["gamma"]) for row in rows):
        same = [row for row in rows if (row["strategy"], row["gamma"]) == key]
        saved = same[0]["saved_bytes"]
        share = f"{100 * saved / dense:.1f} %" if dense else "-"
        lines.append(f"| {key[0]} | {key[1]:g} | {spread([r['top1'] for r in same])} | {saved / 2**20:.1f} | {share} | "
                     f"{same[0]['peak_bytes'] / 2**20:.1f} | {spread([r['seconds'] for r in same])} |")
    return "\n".join(lines)


def main():
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--gammas", type=float, nargs="+", default=[0, 0.5, 0.7, 0.8, 0.9])
    parser.add_argument("--strategies", nargs="+", default=["mink", "random"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    args = parser.parse_args(words[:split])
    rows = []
    for gamma in args.gammas:
        for strategy in args.strategies if gamma > 0 else args.strategies[:1]:
            rows += [train(args.out, strategy, gamma, seed, words[split + 1:]) for seed in args.seeds]
    with (args.out / "dropit.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    print(table(rows))


if __name__ == "__main__":
    main()
