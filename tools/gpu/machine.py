"""The machine under test: where the programs are, on which device they run, and how they are run."""

import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent
STAGE_SECONDS = 460


class NotMeasured(Exception):
    """This machine lacks something; says what."""


class Failed(Exception):
    """A check did not hold."""


class Machine:
    def __init__(self, out, binaries, dry, quick, peer, cifar10):
        self.out, self.binaries, self.dry, self.peer, self.cifar10 = out, binaries, dry, peer, cifar10
        self.rounds = 1 if dry else 2 if quick else 3
        self.compiles = not dry and not quick  # PyTorch, which takes a minute a network
        self.device = "cpu" if dry else "cuda"
        self.stint, self.unit_tests = str(binaries / "stint"), str(binaries / "unit_tests")
        self.log = open(out / "log.txt", "a", encoding="utf-8")
        self.scratch = Path(tempfile.mkdtemp(prefix="stint-check-"))
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        os.environ.setdefault("STINT_CUDA_LIBRARIES", ":".join(wheel_libraries()))
        if (TOOLS.parent / "tests" / "golden").is_dir():
            os.environ.setdefault("STINT_GOLDEN", str(TOOLS.parent / "tests" / "golden"))
        self.start_stage()

    def start_stage(self):
        self.deadline = time.monotonic() + STAGE_SECONDS

    def seconds_left(self):
        return max(1, self.deadline - time.monotonic())

    def run(self, command, environment=None, seconds=None):
        """Runs a command to its end; returns (exit code, output). 124: out of time."""
        print("$", *command, file=self.log, flush=True)
        limit = min(seconds or STAGE_SECONDS, self.seconds_left())
        try:
            done = subprocess.run(command, env={**os.environ, **(environment or {})}, timeout=limit, text=True,
                                  errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            code, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as late:
            output = late.stdout or ""
            code, output = 124, output if isinstance(output, str) else output.decode(errors="replace")
        print(output, f"exit {code}", sep="\n", file=self.log, flush=True)
        return code, output

    def must(self, command, **options):
        code, output = self.run(command, **options)
        if code != 0:
            tail = " / ".join(output.strip().splitlines()[-3:])
            raise Failed(f"{' '.join(command)}: exit {code}: {tail}")
        return output

    def tool(self, name):
        found = shutil.which(name) or shutil.which(name, path="/usr/local/cuda/bin")
        if not found:
            raise NotMeasured(f"this machine has no {name}")
        return found


def wheel_libraries():
    """Where NVIDIA's Python wheels put cuDNN and cuBLASLt."""
    return [str(folder) for folder in Path(sysconfig.get_paths()["purelib"]).glob("nvidia/*/lib")]


def describe(machine):
    """What the figures were measured on."""
    facts = {"stint": machine.must([machine.stint, "--version"]).strip(), "cores": os.cpu_count()}
    for name in ["stint", "unit_tests"]:
        facts[f"sha256 of {name}"] = hashlib.sha256((machine.binaries / name).read_bytes()).hexdigest()[:16]
    if machine.dry:
        return {**facts, "device": "cpu (dry run)"}
    query = "--query-gpu=name,driver_version,memory.total"
    try:
        facts["device"] = machine.must([machine.tool("nvidia-smi"), query, "--format=csv,noheader"]).strip()
    except (NotMeasured, Failed) as reason:
        facts["device"] = f"unknown: {reason}"
    return facts


def last_json(output):
    """The JSON object that a program's output ends with, which may be spread over lines."""
    return json.loads(output[output.index("{"):])


class Worker:
    """A Python program that answers lines of its input with lines of JSON, for as long as a `with` lasts."""

    def __init__(self, machine, script, *arguments):
        self.machine, self.name = machine, Path(script).name
        command = [sys.executable, str(script), *arguments]
        print("$", *command, file=machine.log, flush=True)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=machine.log,
                                        text=True)

    def read(self):
        ready, _, _ = select.select([self.process.stdout], [], [], self.machine.seconds_left())
        if not ready:
            raise NotMeasured(f"{self.name} did not answer in time")
        line = self.process.stdout.readline()
        if not line:
            raise NotMeasured(f"{self.name} ended with exit code {self.process.wait()}; log.txt says why")
        return json.loads(line)

    def ask(self, question):
        try:
            print(question, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # it has ended: reading says how
        return self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
