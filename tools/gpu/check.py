#!/usr/bin/env python3
"""Runs the stages of check.sh, which says how to call it; keeps their results in OUT/results.json after each."""

import argparse
import datetime
import json
import shutil
import sys
import time
from pathlib import Path

import bench
import report
import stages
from machine import TOOLS, Failed, Machine, NotMeasured, describe

STAGES = {
    "tests": stages.tests,
    "sanitizer": stages.sanitizer,
    "train": stages.train,
    "ceilings": bench.ceilings,
    "resnet18": bench.resnet18,
    "resnet50": bench.resnet50,
}


def arguments():
    parser = argparse.ArgumentParser(prog="check.sh")
    parser.add_argument("out", type=Path)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--bin", type=Path)
    options = parser.parse_args()
    for name in options.stages:
        if name not in STAGES:
            parser.error(f"no stage is called '{name}': {', '.join(STAGES)}")
    return options


def find_binaries(given):
    """In a bundle, bin/ lies beside tools/; in a checkout, the CUDA build."""
    for folder in [given] if given else [TOOLS.parent / "bin", TOOLS.parent / "build-cuda"]:
        if (folder / "unit_tests").exists() and (folder / "stint").exists():
            return folder.resolve()
    sys.exit("check.sh: no stint and unit_tests found: `make bundle` makes both; --bin says where they are")


def run_stage(name, machine, results):
    start = time.monotonic()
    machine.start_stage()
    try:
        outcome = {"status": "passed", **STAGES[name](machine, results)}
    except NotMeasured as reason:
        outcome = {"status": "not measured", "why": str(reason)}
    except Failed as reason:
        outcome = {"status": "failed", "why": str(reason)}
    outcome["seconds"] = round(time.monotonic() - start, 1)
    return outcome


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    machine = Machine(options.out.resolve(), find_binaries(options.bin), options.dry_run)
    file = options.out / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {"stages": {}}
    results["date"] = datetime.date.today().isoformat()
    results["command"] = " ".join(["tools/gpu/check.sh", "OUT", *sys.argv[2:]])
    results["machine"] = describe(machine)
    for name in options.stages or STAGES:
        if results["stages"].get(name, {}).get("status") == "passed" and not options.stages:
            continue
        print(f"== {name}", flush=True)
        outcome = results["stages"][name] = run_stage(name, machine, results["stages"])
        print(f"== {name}: {outcome['status']} after {outcome['seconds']} s", outcome.get("why", ""), flush=True)
        file.write_text(json.dumps(results, indent=1) + "\n")
        (options.out / "report.md").write_text(report.markdown(results, list(STAGES)))
    shutil.rmtree(machine.scratch)
    return 1 if any(s["status"] == "failed" for s in results["stages"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
