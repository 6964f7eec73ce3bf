"""Stages that measure: the device's ceilings, and stint's training steps beside PyTorch's, taking turns."""

import statistics
import sys

from machine import TOOLS, Failed, NotMeasured, Worker, last_json

STEPS = 20
TOP_KERNELS = 10


def ceilings(machine, _):
    size, copy_bytes = ("512", "67108864") if machine.dry else ("8192", "4294967296")
    script = str(TOOLS / "bench" / "torch_ceilings.py")
    code, output = machine.run([sys.executable, script, machine.device, size, copy_bytes])
    if code != 0:
        raise NotMeasured("PyTorch did not measure the ceilings; log.txt says why")
    return {"rates": last_json(output)}


def resnet18(machine, results):
    if machine.dry:
        return compare(machine, results, "resnet18", "cifar", image_size=8, batch=2)
    return compare(machine, results, "resnet18", "cifar", image_size=32, batch=512)


def resnet50(machine, results):
    if machine.dry:
        return compare(machine, results, "resnet50", "imagenet", image_size=32, batch=2)
    return compare(machine, results, "resnet50", "imagenet", image_size=224, batch=256)


def compare(machine, results, model, stem, image_size, batch):
    case = Case(machine, model, stem, image_size, batch)
    rates = results.get("ceilings", {}).get("rates")
    return {"model": model, "image_size": image_size, "batch": batch,
            "rows": [case.row(precision, rates) for precision in ["bf16", "tf32", "f32"]]}


class Case:
    def __init__(self, machine, model, stem, image_size, batch):
        self.machine, self.model, self.stem = machine, model, stem
        self.image_size, self.batch = str(image_size), str(batch)

    def row(self, precision, rates):
        """One precision: stint and PyTorch, eager and compiled, in turns; one peer at a time, for its memory's sake."""
        row = {"precision": precision, "not_measured": {}}
        ours = []
        for name, options in self.peers(precision).items():
            try:
                row[name] = self.take_turns(precision, options, ours)
            except NotMeasured as reason:
                row["not_measured"][name] = str(reason)
        if not ours:
            ours.append(self.stint(precision))
        return {**row, "stint": self.summary(ours, precision, rates)}

    def take_turns(self, precision, options, ours):
        """`ours` gets stint's reports; returns the peer's figures."""
        first, theirs = len(ours), []
        with Worker(self.machine, self.machine.peer, *self.peer_arguments(precision), *options) as peer:
            peer.read()
            for _ in range(self.machine.rounds):
                ours.append(self.stint(precision))
                theirs.append(peer.ask(self.steps()))
        return self.peer_summary(theirs, ours[first:])

    def peers(self, precision):
        compiles = precision != "f32" and self.machine.compiles
        return {"eager": [], **({"compiled": ["--compile", "reduce-overhead"]} if compiles else {})}

    def peer_arguments(self, precision):
        return ["--model", self.model, "--model-kwargs", f"stem={self.stem}", "--image-size", self.image_size, "--batch-size", self.batch,
                "--device", self.machine.device, "--precision", precision]

    def steps(self):
        return 1 if self.machine.dry else STEPS

    def stint(self, precision):
        command = [self.machine.stint, "bench", "--json", "--steps", str(self.steps()), "--device", self.machine.device,
                   "--dataset", "synthetic", "--samples", str(2 * int(self.batch)), "--model", self.model, "--model-kwargs",
                   f"stem={self.stem}", "--image-size", self.image_size, "--batch-size", self.batch]
        if precision == "bf16":
            command += ["--amp", "bf16"]
        return last_json(self.machine.must(command, environment={"STINT_TF32": str(int(precision == "tf32"))}))

    def summary(self, reports, precision, rates):
        """stint's figures. Floor: every kind of kernel, all its calls together, at the measured ceiling of its arithmetic
        or of its bytes, whichever takes longer."""
        operators = reports[-1]["operators"]
        if not operators:
            raise Failed("bench reported no operators")
        figures = {"images_per_s": [r["images_per_s"] for r in reports], "peak_bytes": reports[-1]["peak_bytes"],
                   "top_kernels": [kernel(o) for o in operators[:TOP_KERNELS]]}
        figures["images_per_s_median"] = statistics.median(figures["images_per_s"])
        if rates:
            floor = sum(max(o["flops"] / rates[precision], o["bytes"] / rates["copy"]) for o in operators)
            figures["floor_images_per_s"] = int(self.batch) / floor
            figures["share_of_floor"] = figures["images_per_s_median"] / figures["floor_images_per_s"]
        return figures

    def peer_summary(self, answers, ours):
        speeds = [int(self.batch) / statistics.median(a["seconds"]) for a in answers]
        ratios = [mine["images_per_s"] / theirs for mine, theirs in zip(ours, speeds)]
        return {"images_per_s": speeds, "images_per_s_median": statistics.median(speeds),
                "peak_bytes": answers[-1]["peak_bytes"], "ratio": ratios, "ratio_median": statistics.median(ratios)}


def kernel(o):
    seconds = max(o["seconds"], 1e-9)
    return {"name": o["name"], "calls": o["calls"], "ms": o["seconds"] * 1e3, "tflop_per_s": o["flops"] / seconds * 1e-12,
            "gb_per_s": o["bytes"] / seconds * 1e-9}
