"""The stage of several ranks: NCCL between processes that share one card. NCCL refuses that by the host's hash and the
card's bus number, so every rank gets a host of its own and talks through sockets."""

import os
import re
import signal
import socket
import subprocess
import time

from machine import Failed, NotMeasured

GROUP_TESTS = "[group]"
REFUSED = "Duplicate GPU"
DIES_WITHIN = 4  # seconds, Python's own included


def ranks(machine, _):
    """The suite of communicators with one rank and with two, then training in two processes, and the death of one."""
    if machine.dry:
        train(machine, "sync")  # over the CPU's transport, to try this file
        die(machine)
        raise NotMeasured("NCCL needs a GPU")
    code, output = machine.run([machine.unit_tests, "[nccl]"])
    if code != 0:
        raise NotMeasured(f"NCCL cannot be opened: {tail(output)}")
    one = machine.must([machine.unit_tests, GROUP_TESTS], environment={"STINT_TEST_DEVICE": "cuda"})
    two = together(machine, [machine.unit_tests, GROUP_TESTS])
    if any(REFUSED in output for _, output in two):
        return {"one_rank": passed(one), "two_ranks": "refused by NCCL: " + REFUSED}
    for rank, (code, output) in enumerate(two):
        if code != 0:
            raise Failed(f"rank {rank} of the suite: exit {code}: {tail(output)}")
    found = {"one_rank": passed(one), "two_ranks": passed(two[0][1])}
    found.update({f"top1_{algorithm}": train(machine, algorithm) for algorithm in ["sync", "liec:period=8"]})
    return {**found, "seconds_to_die": die(machine)}


def passed(output):
    summary = re.search(r"All tests passed \((\d+) assertions in (\d+) test cases\)", output)
    if not summary or int(summary[1]) == 0:
        raise Failed(f"the suite of communicators did not pass: {tail(output)}")
    return f"{summary[1]} assertions in {summary[2]} cases"


def tail(output):
    return " / ".join(output.strip().splitlines()[-3:])


def start(machine, command):
    """Two processes of one command, as `stint launch` would start them but each on a host of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    port = min(port, 60000)  # the suite counts up from here
    common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
              "NCCL_SHM_DISABLE": "1", "NCCL_P2P_DISABLE": "1", "NCCL_SOCKET_IFNAME": "lo", "NCCL_DEBUG": "WARN"}
    print("$ two ranks:", *command, file=machine.log, flush=True)
    return [subprocess.Popen(command, env={**common, "RANK": str(rank), "LOCAL_RANK": "0", "NCCL_HOSTID": f"stint-{rank}"},
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace") for rank in range(2)]


def finish(machine, processes, seconds):
    """Exit code and output of each. Who is late is killed: 124."""
    deadline, ended = time.monotonic() + min(seconds, machine.seconds_left()), []
    for process in processes:
        try:
            output, _ = process.communicate(timeout=max(1, deadline - time.monotonic()))
            ended.append((process.returncode, output))
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            ended.append((124, output))
        print(ended[-1][1], f"exit {ended[-1][0]}", sep="\n", file=machine.log, flush=True)
    return ended


def together(machine, command, seconds=150):
    return finish(machine, start(machine, command), seconds)


def train_command(machine, name, epochs, algorithm):
    device = "cpu" if machine.dry else "cuda:0"
    return [machine.stint, "train", "--dataset", "digits", "--model", "mlp", "--epochs", str(epochs), "--device", device,
            "--batch-size", "32", "--lr", "0.05", "--sync", algorithm, "--sync-timeout", "20", "--threads", "1", "--output",
            str(machine.scratch), "--experiment", name]


def train(machine, algorithm):
    """The top-1 of rank 0, which alone speaks."""
    name = "ranks-" + algorithm.split(":")[0]
    (code, output), (other, other_output) = together(machine, train_command(machine, name, 10, algorithm))
    if code != 0 or other != 0:
        raise Failed(f"training with {algorithm}: exits {code} and {other}: {tail(output)} / {tail(other_output)}")
    top1 = re.findall(r"top1: ([\d.]+)", output)
    if len(top1) != 1 or "top1" in other_output or float(top1[0]) < 85:
        raise Failed(f"training with {algorithm}: expected one top1 above 85, got {top1}")
    return float(top1[0])


def die(machine):
    """One of two ranks is killed; the other must end by itself, soon, and say who it was. Returns the seconds it took."""
    processes = start(machine, train_command(machine, "ranks-die", 1000000, "local:period=4"))
    summary = machine.scratch / "ranks-die" / "summary.csv"
    while not (summary.exists() and len(summary.read_text().splitlines()) > 1) and processes[0].poll() is None:
        time.sleep(0.05)
    killed = time.monotonic()
    processes[1].send_signal(signal.SIGKILL)
    code, output = finish(machine, processes, 30)[0]
    seconds = time.monotonic() - killed
    if code != 5 or "rank 1 is gone" not in output or seconds > DIES_WITHIN:
        raise Failed(f"rank 0 ended with {code} after {seconds:.1f} s when rank 1 was killed: {tail(output)}")
    return seconds
