"""Stages that say whether the device computes the right thing."""

import hashlib
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from machine import Failed, NotMeasured

# cuDNN and cuBLASLt under the sanitizers are slow and not ours to judge.
OUR_KERNELS = '[op]~"*conv2d*"~"*linear*"'


def tests(machine, _):
    """Every test, and with it every operator case, on the device alone. If they do not all pass in one process, each one
    runs in its own, so that a crash or a hang does not hide what the others find. A dry run is content with the operator
    cases: the rest is no different on a CPU here than where the tests run anyway."""
    environment = {"STINT_TEST_DEVICE": machine.device}
    chosen = ["[op]"] if machine.dry else []
    code, output = machine.run([machine.unit_tests, "--durations", "no", *chosen], environment, seconds=300)
    summary = re.search(r"All tests passed \((\d+) assertions in (\d+) test cases\)", output)
    if code == 0 and summary:
        return {"assertions": int(summary[1]), "cases": int(summary[2])}
    raise Failed(f"exit {code} of all tests in one process; alone these fail: {failing_alone(machine, environment)}")


def failing_alone(machine, environment):
    """The tests that fail in a process of their own, several processes at a time."""
    _, listed = machine.run([machine.unit_tests, "--list-test-names-only"])  # exits with their number
    names = [name for name in listed.splitlines() if name.strip()]

    def code(name):
        escaped = re.sub(r"([\\\[\],])", r"\\\1", name.strip())
        return machine.run([machine.unit_tests, escaped], environment, seconds=60)[0]

    with ThreadPoolExecutor(max(1, min(8, os.cpu_count() // 2))) as pool:
        codes = dict(zip(names, pool.map(code, names)))
    return {name.strip(): code for name, code in codes.items() if code != 0}


def sanitizer(machine, _):
    """compute-sanitizer over the operator cases of our own kernels. All tensors lie in one mapping, so memcheck sees what
    leaves it; what stays inside is watched by the guards around every tensor, which initcheck goes without."""
    _, listed = machine.run([machine.unit_tests, "--list-test-names-only", OUR_KERNELS])  # exits with their number
    if "conv2d" in listed or "linear" in listed or "relu" not in listed:
        raise Failed(f"{OUR_KERNELS} does not choose the tests that it should")
    if machine.dry:
        raise NotMeasured("compute-sanitizer needs a GPU")
    program = machine.tool("compute-sanitizer")
    found = {tool: sanitize(machine, program, tool) for tool in ["memcheck", "racecheck", "initcheck"]}
    late = [tool for tool, summary in found.items() if summary is None]
    if late:
        raise NotMeasured(f"out of time: {', '.join(late)}; found by the others: {found}")
    return {"tools": found}


def sanitize(machine, program, tool):
    """The tool's summary; None if it did not finish."""
    environment = {"STINT_TEST_DEVICE": "cuda", "STINT_TEST_CHECKS": str(int(tool != "initcheck"))}
    code, output = machine.run([program, "--tool", tool, "--error-exitcode", "9", machine.unit_tests, OUR_KERNELS],
                               environment=environment, seconds=150)
    if code == 124:
        return None
    summary = re.findall(r"(?:ERROR|RACECHECK) SUMMARY: .*", output)
    if code != 0 or not summary:
        raise Failed(f"{tool}: {summary[-1] if summary else 'no summary'}, exit {code}")
    return summary[-1]


def train(machine, _):
    """The demo on the device; then a run that is stopped and resumed must end with the same weights, to the bit."""
    epochs = 10
    output = machine.must(digits_command(machine, "whole", epochs))
    top1 = float(re.findall(r"top1: ([\d.]+)", output)[-1])
    if top1 < 90:
        raise Failed(f"digits: top1 is {top1} after {epochs} epochs")
    stop_in_the_middle(machine, "stopped", epochs)
    machine.must([machine.stint, "train", "--resume", str(machine.scratch / "stopped")])
    whole, resumed = (digest(machine, name) for name in ["whole", "stopped"])
    if whole != resumed:
        raise Failed("the weights of the resumed run differ from those of the uninterrupted one")
    return {"epochs": epochs, "top1": top1, "weights_sha256": whole}


def digits_command(machine, name, epochs):
    model = "mlp" if machine.dry else "resnet20"
    return [machine.stint, "train", "--dataset", "digits", "--model", model, "--epochs", str(epochs), "--device",
            machine.device, "--batch-size", "64", "--output", str(machine.scratch), "--experiment", name]


def stop_in_the_middle(machine, name, epochs):
    """SIGTERM as soon as the first epoch is over, so that the checkpoint falls into the second."""
    process = subprocess.Popen(digits_command(machine, name, epochs), stdout=machine.log, stderr=machine.log)
    summary = machine.scratch / name / "summary.csv"
    while process.poll() is None:
        if summary.exists() and len(summary.read_text().splitlines()) > 1:
            process.send_signal(signal.SIGTERM)
            break
        time.sleep(0.01)
    code = process.wait(timeout=machine.seconds_left())
    if code != 128 + signal.SIGTERM:
        raise Failed(f"a run that got SIGTERM ended with exit code {code}, not {128 + signal.SIGTERM}")


def digest(machine, name):
    weights = machine.scratch / name / "checkpoints" / "last" / "model.safetensors"
    return hashlib.sha256(weights.read_bytes()).hexdigest()
