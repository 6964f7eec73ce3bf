"""The stage of DropIT: what dropping costs in time and saves in memory, dense and dropped steps taking turns."""

import statistics

from machine import last_json

STEPS = 20
POLICIES = {"dense": [], "mink": ["--drop", "mink:gamma=0.9"], "sampled": ["--drop", "sampled:gamma=0.9"]}
VIT = "patch=4,dim=192,depth=9,heads=12"


def dropit(machine, _):
    if machine.dry:
        cases = [Case(machine, "resnet18", "stem=cifar", 8, 2, None)]
    else:
        cases = [Case(machine, "resnet18", "stem=cifar", 32, 512, amp) for amp in [None, "bf16"]]
        cases.append(Case(machine, "vit_tiny_patch16_224", VIT, 32, 512, "bf16"))
    return {"rows": [row for case in cases for row in case.rows()]}


class Case:
    def __init__(self, machine, model, kwargs, image_size, batch, amp):
        self.machine, self.name = machine, f"{model} {image_size}x{image_size}, batch {batch}, {amp or 'f32'}"
        self.command = [machine.stint, "bench", "--json", "--steps", str(1 if machine.dry else STEPS), "--device",
                        machine.device, "--dataset", "synthetic", "--model", model, "--model-kwargs", *kwargs.split(","),
                        "--image-size", str(image_size), "--batch-size", str(batch), "--samples", str(2 * batch)]
        self.command += ["--amp", amp] if amp else []

    def rows(self):
        """For each policy the seconds of a step against the dense step of the same round, and the bytes."""
        rounds = [{name: last_json(self.machine.must(self.command + flags)) for name, flags in POLICIES.items()}
                  for _ in range(self.machine.rounds)]
        return [self.row(name, rounds) for name in POLICIES]

    def row(self, name, rounds):
        overheads = [100 * (r[name]["step_s"]["median"] / r["dense"]["step_s"]["median"] - 1) for r in rounds]
        last = rounds[-1][name]
        return {"case": self.name, "policy": name, "step_ms": [1e3 * r[name]["step_s"]["median"] for r in rounds],
                "overhead_percent": overheads, "overhead_percent_median": statistics.median(overheads),
                "of_operators_percent": [of_operators(r[name]) for r in rounds],
                "saved_bytes": last["saved_act_bytes"], "peak_bytes": last["peak_bytes"]["total"]}


def of_operators(report):
    """DropIT's operators over all others of the step, per cent."""
    ours = sum(o["seconds"] for o in report["operators"] if o["name"].startswith(("select_", "drop_")) or o["name"] == "drop")
    others = sum(o["seconds"] for o in report["operators"]) - ours
    return 100 * ours / others if others else 0
