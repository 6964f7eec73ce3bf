"""The stage of accuracy: rows of DropIT's tables as `stint reproduce` trains them on a GPU, on real images."""

import csv
import json

from machine import Failed, NotMeasured

TABLES = ["dropit/resnet", "dropit/vit"]
ROWS = ["dense", "mink-0.9"]
SEED = "1"


def accuracy(machine, _):
    if not machine.dry and not machine.cifar10:
        raise NotMeasured("expected --cifar10 PATH: CIFAR-10's binary files, or an archive of its images")
    rows = [Part(machine, table, row).result() for table in TABLES for row in ROWS]
    for table in TABLES:  # exits with 8 where a relation between what was run does not hold
        machine.must([machine.stint, "reproduce", "report", table, "--output", str(machine.scratch / "tables")])
    return {"rows": rows}


class Part:
    """A row of a table and a seed: what `stint reproduce run TABLE --only ROW --seeds N` trains."""

    def __init__(self, machine, table, row):
        self.machine, self.table, self.row = machine, table, row
        self.tier = "smoke" if machine.dry else "gpu"
        self.output = machine.scratch / "tables"
        self.run = self.output / f"{table.replace('/', '-')}-{self.tier}" / f"{row}-{SEED}"

    def result(self):
        command = [self.machine.stint, "reproduce", "run", self.table, "--tier", self.tier, "--only", self.row, "--seeds", SEED,
                   "--output", str(self.output)]
        self.machine.must(command + (["--data-dir", f"cifar10={self.machine.cifar10}"] if self.machine.cifar10 else []))
        command_file = self.run / "command.txt"
        if not command_file.exists():
            raise Failed(f"{self.table} {self.row}: no {command_file}")
        epochs = list(csv.DictReader((self.run / "summary.csv").open()))
        steps = [line for line in map(json.loads, (self.run / "metrics.jsonl").open()) if "data_seconds" in line]
        seconds, waited = (sum(step[key] for step in steps) for key in ["seconds", "data_seconds"])
        return {"table": self.table, "row": self.row, "command": command_file.read_text().strip(),
                "top1": [float(epoch["eval_top1"]) for epoch in epochs],
                "saved_bytes": int(epochs[-1]["saved_act_bytes"]), "peak_bytes": int(epochs[-1]["peak_mem_bytes"]),
                "training_seconds": seconds, "waiting_for_data_percent": 100 * waited / seconds, "steps": len(steps)}
