#!/usr/bin/env python3
"""Trains ResNet-20 in stint and in PyTorch with the same initial weights and the same batches, and draws both losses.

    torch_epoch.py --stint build/stint --data CIFAR10_IMAGES.tar.xz --output DIR [--steps N]

DIR/stint and DIR/torch are then two runs for `stint compare`, whose picture DIR/compare.svg is made at the end. Needs
python3-torch and python3-torchvision; no augmentation, SGD with momentum, a constant rate.
"""

import argparse
import json
import os
import struct
import subprocess
import tarfile
import time

import numpy as np
import torch
import torchvision
from torchvision.models.resnet import BasicBlock

BATCH, LR, MOMENTUM, DECAY, SEED = 128, 0.05, 0.9, 5e-4, 42
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
ORDER_SEQUENCES = 1 << 61  # tools/data/sequences.h


def philox(counter, key):
    """Philox4x32-10 on arrays of counters (runtime/philox.h)."""
    mask = np.uint64(0xFFFFFFFF)
    c = [np.asarray(v, dtype=np.uint64) & mask for v in counter]
    k0, k1 = key
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), b & mask, (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), a & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def order_of_epoch(count, epoch):
    """The order in which stint takes the samples: Fisher-Yates on its own sequence."""
    number, places = ORDER_SEQUENCES + epoch, np.arange(count + 1, dtype=np.uint64)
    block, odd = places // np.uint64(2), places % np.uint64(2) == 1
    words = philox([block, np.zeros_like(block), np.full_like(block, number & 0xFFFFFFFF), np.full_like(block, number >> 32)],
                   (SEED & 0xFFFFFFFF, SEED >> 32))
    high, low = np.where(odd, words[2], words[0]), np.where(odd, words[3], words[1])
    order = list(range(count))
    for i in range(count, 1, -1):
        j = ((int(high[i]) << 32 | int(low[i])) * i) >> 64
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


def read_images(path, part):
    """The images of `train` or `test` in the order of their names, and labels in the order of the folders'."""
    files = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            if entry.isfile() and entry.name.startswith(part + "/"):
                files[entry.name] = archive.extractfile(entry).read()
    classes = sorted({name.split("/")[1] for name in files})
    names = sorted(files)
    images = torch.stack([torchvision.io.decode_jpeg(torch.frombuffer(bytearray(files[name]), dtype=torch.uint8)) for name in names])
    return images, torch.tensor([classes.index(name.split("/")[1]) for name in names])


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    return {name: torch.frombuffer(bytearray(data[slice(*e["data_offsets"])]), dtype=torch.float32).reshape(e["shape"])
            for name, e in header.items() if name != "__metadata__"}


def stint_arguments(args):
    return [args.stint, "train", "--dataset", "cifar10", "--data-dir", args.data, "--model", "resnet20", "--epochs", "1",
            "--batch-size", str(BATCH), "--momentum", str(MOMENTUM), "--weight-decay", str(DECAY), "--sched", "constant",
            "--seed", str(SEED), "--output", args.output]


def initial_weights(args):
    """A rate of 0 leaves the initial weights as they are; the first checkpoint has them."""
    run = subprocess.Popen(stint_arguments(args) + ["--experiment", "initial", "--lr", "0", "--recovery-interval", "1"],
                           stdout=subprocess.DEVNULL)
    first = os.path.join(args.output, "initial/checkpoints/last/model.safetensors")
    while not os.path.exists(first) and run.poll() is None:
        time.sleep(0.05)
    run.terminate()
    run.wait()
    return read_safetensors(first)


class ResNet20(torchvision.models.ResNet):
    """He et al. 2016, for CIFAR: three stages of three blocks, 16, 32 and 64 channels."""

    def __init__(self):
        super().__init__(BasicBlock, [1, 1, 1, 1], num_classes=10)
        self.inplanes = 16
        self.conv1 = torch.nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(16)
        self.maxpool = torch.nn.Identity()
        self.layer1 = self._make_layer(BasicBlock, 16, 3)
        self.layer2 = self._make_layer(BasicBlock, 32, 3, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 64, 3, stride=2)
        self.layer4 = torch.nn.Identity()
        self.fc = torch.nn.Linear(64, 10)


def normalised(images):
    return (images.float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def evaluate(model, images, labels):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(normalised(part)) for part in images.split(500)])
    return (torch.nn.functional.cross_entropy(logits, labels).item(),
            100 * (logits.argmax(1) == labels).double().mean().item())


def train_torch(args, weights):
    images, labels = read_images(args.data, "train")
    model = ResNet20()
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not [name for name in missing if "running" not in name and "num_batches" not in name], missing
    assert not unexpected, unexpected
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
    optimiser = torch.optim.SGD(model.parameters(), LR, MOMENTUM, weight_decay=DECAY)
    order = order_of_epoch(len(labels), 0)
    os.makedirs(os.path.join(args.output, "torch"))
    losses, start = [], time.time()
    with open(os.path.join(args.output, "torch/metrics.jsonl"), "w") as log:
        for step in range(min(args.steps or len(labels), len(labels) // BATCH)):
            chosen = order[step * BATCH:(step + 1) * BATCH]
            loss = torch.nn.functional.cross_entropy(model(normalised(images[chosen])), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            log.write(json.dumps({"step": step + 1, "epoch": 0, "loss": loss.item(), "lr": LR}) + "\n")
        seconds = time.time() - start
        eval_loss, top1 = evaluate(model, *read_images(args.data, "test"))
        log.write(json.dumps({"step": len(losses), "epoch": 0, "eval_loss": eval_loss, "eval_top1": top1}) + "\n")
    with open(os.path.join(args.output, "torch/summary.csv"), "w") as file:
        file.write("epoch,train_loss,eval_loss,eval_top1,time_s\n0,%f,%f,%f,%f\n" % (np.mean(losses), eval_loss, top1, seconds))
    return losses


def train_stint(args):
    run = os.path.join(args.output, "stint")
    child = subprocess.Popen(stint_arguments(args) + ["--experiment", "stint", "--lr", str(LR)], stdout=subprocess.DEVNULL)

    def losses():
        if not os.path.exists(os.path.join(run, "metrics.jsonl")):
            return []
        with open(os.path.join(run, "metrics.jsonl")) as log:
            lines = [json.loads(line) for line in log if line.endswith("\n")]
        return [line["loss"] for line in lines if "loss" in line]

    while child.poll() is None:
        if args.steps and len(losses()) >= args.steps:
            child.terminate()
        time.sleep(0.2)
    return losses()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stint", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--steps", type=int, default=0, help="of the epoch; 0: all")
    args = parser.parse_args()
    os.makedirs(args.output)
    weights = initial_weights(args)
    theirs, ours = train_torch(args, weights), train_stint(args)
    count = min(len(ours), len(theirs))
    difference = np.abs(np.array(ours[:count]) - np.array(theirs[:count]))
    for step in sorted({1, 2, 5, 10, 20, 50, 100, 200, count} & set(range(1, count + 1))):
        print("step %4d  stint %.6f  torch %.6f  difference %.2e" % (step, ours[step - 1], theirs[step - 1], difference[step - 1]))
    print("mean loss  stint %.6f  torch %.6f" % (np.mean(ours[:count]), np.mean(theirs[:count])))
    picture = os.path.join(args.output, "compare")
    subprocess.run([args.stint, "compare", os.path.join(args.output, "stint"), os.path.join(args.output, "torch"),
                    "--picture", picture], check=True)


main()
