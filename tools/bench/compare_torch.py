#!/usr/bin/env python3
"""stint's training step beside tuned PyTorch's on the CPU, taking turns: f32 there, f32 or bf16 here.

  compare_torch.py --model resnet18 --model-kwargs stem=cifar --image-size 32 --batch-size 128 --threads 2 [--amp bf16] --json
  compare_torch.py --table OUT --threads 2      # every row of ROWS: OUT/*.json and OUT/table.md

PyTorch is tuned: jemalloc that gives nothing back, OpenBLAS with OpenMP, and the faster of its two memory layouts, found
in a first round. On both sides threads wait asleep (GOMP_SPINCOUNT), which is as fast on an idle machine and far faster on
a busy one. `ratio` is the median over the pairs of stint's images/s over PyTorch's. Needs the packages of
`tools/check/setup.sh bench`; takes Debian's PyTorch, or the one of $STINT_TORCH_PYTHON."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STINT = HERE.parents[1] / "build" / "stint"
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
JEMALLOC, OPENBLAS = LIBRARIES / "libjemalloc.so.2", LIBRARIES / "openblas-openmp"
TUNING = {"LD_PRELOAD": str(JEMALLOC), "LD_LIBRARY_PATH": str(OPENBLAS),
          "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always"}
LEAST_PAIRS, SECONDS_A_TURN = 7, 2.0

VIT = "image_size=32,patch=4,dim=192,depth=9,heads=12"
ROWS = [  # model, keyword arguments, image size, batch size
    ("resnet18", "stem=cifar", 32, 128),
    ("vgg16_bn", "head=cifar", 32, 128),
    ("resnet50", "", 224, 16),
    ("vit_tiny_patch16_224", "", 224, 16),
    ("vit_tiny_patch16_224", VIT, 32, 128),
    ("resnet20", "", 32, 128),
]


class Torch:
    """PyTorch's worker (torch_step.py), started tuned."""

    def __init__(self, case, layout):
        environment = {**os.environ, **TUNING, "OMP_NUM_THREADS": str(case.threads)}
        words = ["--model", case.model, "--model-kwargs", case.model_kwargs, "--image-size", case.image_size, "--batch-size",
                 case.batch_size, "--threads", case.threads, "--layout", layout]
        python = os.environ.get("STINT_TORCH_PYTHON", "/usr/bin/python3")
        self.process = subprocess.Popen([python, HERE / "torch_step.py", *map(str, words)], env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.settings = self.read()
        for library in ("jemalloc", "openblas-openmp"):
            if not any(library in path for path in self.settings["libraries"]):
                sys.exit(f"compare_torch: PyTorch runs without {library}; it would not be the tuned one")

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("compare_torch: PyTorch's worker ended; its message is above")
        return json.loads(line)

    def ask(self, steps):
        print(steps, file=self.process.stdin, flush=True)
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def stint(case, steps):
    words = [STINT, "bench", "--json", "--steps", steps, "--device", "cpu", "--dataset", "synthetic", "--model", case.model,
             "--image-size", case.image_size, "--batch-size", case.batch_size, "--threads", case.threads]
    words += [word for pair in case.model_kwargs.split(",") if pair for word in ("--model-kwargs", pair)]
    words += ["--amp", case.amp] if case.amp else []
    done = subprocess.run(list(map(str, words)), check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"compare_torch: stint bench failed with {done.returncode}")
    return json.loads(done.stdout)


def faster_layout(case):
    """A worker of the faster layout, and the seconds of a step in each; the other is ended, for its memory's sake."""
    seconds = {}
    for layout in ("channels-last", "channels-first"):
        worker = Torch(case, layout)
        seconds[layout] = min(worker.ask(2)["seconds"])
        worker.close()
    return Torch(case, min(seconds, key=seconds.get)), seconds


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "all": values}


def compare(case):
    worker, layouts = faster_layout(case)
    # An odd number, so that each median is a step that was measured.
    steps = case.steps or min(9, int(SECONDS_A_TURN / min(layouts.values())) | 1)
    ours, theirs = [], []
    for _ in range(case.pairs):
        ours.append(stint(case, steps))
        theirs.append(worker.ask(steps))
    worker.close()
    speeds = [case.batch_size / statistics.median(answer["seconds"]) for answer in theirs]
    return {"model": case.model, "model_kwargs": case.model_kwargs, "image_size": case.image_size,
            "batch": case.batch_size, "threads": case.threads, "amp": case.amp, "pairs": case.pairs, "steps_a_turn": steps,
            "ratio": statistics.median(mine["images_per_s"] / speed for mine, speed in zip(ours, speeds)),
            "ratios": spread([mine["images_per_s"] / speed for mine, speed in zip(ours, speeds)]),
            "stint": {"images_per_s": spread([mine["images_per_s"] for mine in ours]), "dtype": ours[0]["dtype"],
                      "rss_peak_bytes": max(mine["rss_peak_bytes"] for mine in ours)},
            "torch": {"images_per_s": spread(speeds), "dtype": "f32",
                      "rss_peak_bytes": max(answer["peak_bytes"] for answer in theirs), "layout_seconds": layouts,
                      "tuning": {**TUNING, "GOMP_SPINCOUNT": os.environ["GOMP_SPINCOUNT"]}, **worker.settings}}


def sentence(r):
    """The row for people."""
    ours, theirs = r["stint"], r["torch"]
    return (f"{r['model']} {r['model_kwargs']} {r['image_size']}x{r['image_size']}, batch {r['batch']}, {r['threads']} thread(s)\n"
            f"  stint {ours['dtype']:<5} {of(ours['images_per_s'])} images/s, {mib(ours)} MiB resident\n"
            f"  torch f32   {of(theirs['images_per_s'])} images/s, {mib(theirs)} MiB resident\n"
            f"  ratio {of(r['ratios'], 2)} over {r['pairs']} pairs of {r['steps_a_turn']} step(s)\n"
            f"  {theirs['layout']}; {settings(theirs)}")


def settings(theirs):
    """Which PyTorch, and how it was tuned."""
    return f"PyTorch {theirs['torch']}, torchvision {theirs['torchvision']}, " + " ".join(
        f"{name}={value}" for name, value in theirs["tuning"].items())


def of(values, digits=1):
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f}-{values['max']:.{digits}f})"


def mib(side):
    return round(side["rss_peak_bytes"] / 2**20)


def table(rows):
    lines = ["| model | threads | stint | images/s | PyTorch f32 | ratio | resident MiB, stint / PyTorch |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for r in rows:
        ours, theirs = r["stint"], r["torch"]
        lines.append(f"| {r['model']} {r['model_kwargs']} {r['image_size']}, batch {r['batch']} | {r['threads']} | {ours['dtype']} | "
                     f"{of(ours['images_per_s'])} | {of(theirs['images_per_s'])}, {theirs['layout']} | **{r['ratio']:.2f}** "
                     f"({r['ratios']['min']:.2f}-{r['ratios']['max']:.2f}) | {mib(ours)} / {mib(theirs)} |")
    lines += ["", *dict.fromkeys(f"`{settings(r['torch'])}`" for r in rows)]
    return "\n".join(lines) + "\n"


def run_table(args):
    """Every row in f32 and bf16; a row that is already in OUT is not done again."""
    args.table.mkdir(parents=True, exist_ok=True)
    rows = []
    for model, kwargs, image_size, batch_size in ROWS:
        for amp in ("", "bf16"):
            path = args.table / f"{model}-{image_size}-{amp or 'f32'}-{args.threads}.json"
            if not path.exists():
                print("compare_torch:", path.stem, file=sys.stderr)
                case = argparse.Namespace(**{**vars(args), "model": model, "model_kwargs": kwargs, "image_size": image_size,
                                             "batch_size": batch_size, "amp": amp})
                path.write_text(json.dumps(compare(case), indent=1))
            rows.append(json.loads(path.read_text()))
            (args.table / f"table-{args.threads}.md").write_text(table(rows))
    print(table(rows), end="")


def check_installed():
    if not (JEMALLOC.exists() and OPENBLAS.is_dir()):
        sys.exit("compare_torch: jemalloc or OpenBLAS's OpenMP build is missing: tools/check/setup.sh bench installs both")
    if not STINT.exists():
        sys.exit(f"compare_torch: there is no {STINT}; make build")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--model-kwargs", default="")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--amp", default="", choices=["", "bf16"], help="stint's; PyTorch's side is f32")
    parser.add_argument("--pairs", type=int, default=LEAST_PAIRS)
    parser.add_argument("--steps", type=int, default=0, help=f"a turn; 0: about {SECONDS_A_TURN:g} seconds of them")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--table", type=Path, metavar="OUT")
    args = parser.parse_args()
    if args.pairs < LEAST_PAIRS:
        parser.error(f"expected at least {LEAST_PAIRS} pairs, got {args.pairs}")
    check_installed()
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if args.table:
        return run_table(args)
    result = compare(args)
    print(json.dumps(result, indent=1) if args.json else sentence(result))


if __name__ == "__main__":
    main()
