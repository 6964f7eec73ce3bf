#!/usr/bin/env python3
"""Runs the stages of check.sh, which says how to call it; keeps their results in OUT/results.json after each."""

import argparse
import datetime
import json
import shutil
import sys
import time
from pathlib import Path

import accuracy
import bench
import dropit
import ranks
import report
import stages
from machine import TOOLS, Failed, Machine, NotMeasured, describe

STAGES = {
    "tests": stages.tests,
    "sanitizer": stages.sanitizer,
    "train": stages.train,
    "ranks": ranks.ranks,
    "ceilings": bench.ceilings,
    "resnet18": bench.resnet18,
    "resnet50": bench.resnet50,
    "dropit": dropit.dropit,
    "accuracy": accuracy.accuracy,
}


def arguments():
    parser = argparse.ArgumentParser(prog="check.sh")
    parser.add_argument("out", type=Path)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--bin", type=Path)
    parser.add_argument("--cifar10", type=Path)
    parser.add_argument("--peer", type=Path, default=TOOLS / "bench" / "torch_step.py",
                        help="PyTorch's side of the comparisons; another program in tests")
    options = parser.parse_intermixed_args()
    for name in options.stages:
        if name not in STAGES:
            parser.error(f"no stage is called '{name}': {', '.join(STAGES)}")
    return options


def find_binaries(given):
    """In a bundle, bin/ lies beside tools/; in a checkout, the CUDA build."""
    for folder in [given] if given else [TOOLS.parent / "bin", TOOLS.parent / "build-bundle"]:
        if (folder / "unit_tests").exists() and (folder / "stint").exists():
            return folder.resolve()
    sys.exit("check.sh: no stint and unit_tests found: `make bundle` makes both; --bin says where they are")


def earlier_results(file, machine):
    """What an earlier call found with the same programs on a machine of this kind; else nothing yet."""
    if file.exists():
        results = json.loads(file.read_text())
        if results["machine"] == machine:
            return results
        print("results of another machine or program: starting anew")
    return {"machine": machine, "stages": {}}


def run_stage(name, machine, results):
    start = time.monotonic()
    machine.start_stage()
    try:
        outcome = {"status": "passed", **STAGES[name](machine, results)}
    except NotMeasured as reason:
        outcome = {"status": "not measured", "why": str(reason)}
    except Failed as reason:
        outcome = {"status": "failed", "why": str(reason)}
    except Exception as surprise:  # one stage must not take the others with it
        outcome = {"status": "failed", "why": f"{type(surprise).__name__}: {surprise}"}
    outcome["seconds"] = round(time.monotonic() - start, 1)
    return outcome


def store(out, results):
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "report.md").write_text(report.markdown(results, list(STAGES)))


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    machine = Machine(options.out.resolve(), find_binaries(options.bin), options.dry_run, options.quick, options.peer,
                      options.cifar10)
    file = options.out / "results.json"
    results = earlier_results(file, describe(machine))
    results["date"] = datetime.date.today().isoformat()
    results["command"] = "tools/gpu/check.sh OUT" + " --dry-run" * options.dry_run + " --quick" * options.quick
    for name in options.stages or STAGES:
        if results["stages"].get(name, {}).get("status") == "passed" and not options.stages:
            continue
        print(f"== {name}", flush=True)
        outcome = results["stages"][name] = run_stage(name, machine, results["stages"])
        print(f"== {name}: {outcome['status']} after {outcome['seconds']} s", outcome.get("why", ""), flush=True)
        store(options.out, results)
    store(options.out, results)
    shutil.rmtree(machine.scratch)
    return 1 if any(s["status"] == "failed" for s in results["stages"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
