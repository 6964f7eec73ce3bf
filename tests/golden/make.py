#!/usr/bin/env python3
"""Writes the golden files beside it: `/usr/bin/python3 tests/golden/make.py` (Debian: python3-torch, python3-torchvision).

Each is a slim network of torchvision (or, of the pre-activation ResNet, of the definition below) with every parameter
and running statistic drawn at random, and what PyTorch computes with it: logits, loss, gradients, batch-norm statistics,
the state after ten steps of SGD and after three of AdamW. Values are those of float64, rounded; the metadata give, tensor
by tensor, the norm of the difference between PyTorch's float32 and them. Layouts are PyTorch's."""

import json
import pathlib
import struct

import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models
from torchvision.models import VisionTransformer
from torchvision.models.vgg import VGG, cfgs, make_layers

CLASSES = 7


def slim_resnet(name, width):
    net = getattr(models, name)(num_classes=CLASSES)
    block = type(net.layer1[0])
    net.inplanes = width
    net.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
    net.bn1 = nn.BatchNorm2d(width)
    for i in range(4):
        depth = len(getattr(net, f"layer{i + 1}"))
        setattr(net, f"layer{i + 1}", net._make_layer(block, width << i, depth, stride=1 if i == 0 else 2))
    net.fc = nn.Linear(8 * width * block.expansion, CLASSES)
    return net


def slim_vgg(layers, batch_norm, width, hidden):
    plan = [v if v == "M" else v * width // 64 for v in cfgs[{11: "A", 16: "D"}[layers]]]
    net = VGG(make_layers(plan, batch_norm=batch_norm), num_classes=CLASSES)
    net.classifier = nn.Sequential(nn.Linear(8 * width * 49, hidden), nn.ReLU(), nn.Dropout(0),
                                   nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0), nn.Linear(hidden, CLASSES))
    return net


class PreActivationBlock(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inside), nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(outside), nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        changes = inside != outside or stride != 1
        self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False)) if changes else None

    def forward(self, x):
        active = F.relu(self.bn1(x))
        straight = x if self.shortcut is None else self.shortcut(active)
        return straight + self.conv2(F.relu(self.bn2(self.conv1(active))))


class PreActivationResNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        inside = width
        for i in range(4):
            blocks = []
            for j in range(2):
                blocks.append(PreActivationBlock(inside, width << i, 2 if i > 0 and j == 0 else 1))
                inside = width << i
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(inside, CLASSES)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        return self.linear(x.mean((2, 3)))


def randomise(net):
    """Every parameter, so that no gradient is zero by construction; variances stay positive."""
    for name, value in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        scale = (1.5 / value[0].numel()) ** 0.5 if value.dim() > 1 and value.shape[0] > 1 else 0.3
        drawn = scale * torch.randn(value.shape, dtype=torch.float32)
        is_gain = value.dim() == 1 and name.endswith("weight")
        if name.endswith("running_var") or is_gain:
            drawn = 1 + drawn.clamp(-0.9, 0.9)
        value.copy_(drawn)


def state_of(net, prefix):
    return {f"{prefix}.{name}": value.detach().clone() for name, value in net.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def steps(net, start, images, labels, optimiser, count):
    net.load_state_dict(start)
    net.train()
    for _ in range(count):
        optimiser.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        optimiser.step()


def results(net, images, labels):
    start = {name: value.clone() for name, value in net.state_dict().items()}
    found = {}
    net.eval()
    found["eval_logits"] = net(images).detach()
    net.train()
    net.zero_grad()
    logits = net(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    found["logits"], found["loss"] = logits.detach(), loss.detach().reshape(1)
    found.update({f"gradient.{name}": p.grad.clone() for name, p in net.named_parameters()})
    found.update({name: v for name, v in state_of(net, "buffer").items() if "running_" in name})
    steps(net, start, images, labels, torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=1e-3), 10)
    found.update(state_of(net, "sgd"))
    steps(net, start, images, labels, torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.01), 3)
    found.update(state_of(net, "adamw"))
    return found


def write(path, tensors, metadata):
    names = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int32: "I32", torch.int64: "I64"}
    header, data = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().view(torch.int16 if tensor.dtype == torch.bfloat16 else tensor.dtype).numpy().tobytes()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def make(name, net, size, batch):
    torch.manual_seed(len(name))
    with torch.no_grad():
        randomise(net)
    images = torch.randn(batch, 3, size, size).bfloat16()
    labels = torch.arange(batch) % CLASSES
    start = {key: value.clone() for key, value in net.state_dict().items()}
    single = results(net, images.float(), labels)
    net.load_state_dict(start)
    exact = results(net.double(), images.double(), labels)
    net.load_state_dict(start)
    errors = {key: f"{(single[key].double() - value).norm().item():.3e}" for key, value in exact.items()}
    tensors = {"images": images, "labels": labels.int(), **state_of(net.float(), "start")}
    tensors.update({key: value.float() for key, value in exact.items()})
    path = pathlib.Path(__file__).with_name(f"{name}.safetensors")
    write(path, tensors, errors)
    print(f"{path.name}: {path.stat().st_size} bytes, {sum(p.numel() for p in net.parameters())} parameters, "
          f"loss {exact['loss'].item():.4f}")


VGG_KEYWORDS = ["width=2", "hidden=8", "dropout=0"]
VIT_KEYWORDS = ["patch=4", "dim=24", "depth=2", "heads=3", "mlp_ratio=2"]
# name, network, image size, keyword arguments of ours
NETWORKS = [
    ("resnet18", lambda: slim_resnet("resnet18", 4), 64, ["width=4"]),
    ("vgg11", lambda: slim_vgg(11, False, 2, 8), 64, VGG_KEYWORDS),
    ("vgg16_bn", lambda: slim_vgg(16, True, 2, 8), 48, VGG_KEYWORDS),
    ("vit_b_16", lambda: VisionTransformer(image_size=16, patch_size=4, num_layers=2, num_heads=3, hidden_dim=24,
                                           mlp_dim=48, num_classes=CLASSES), 16,
     VIT_KEYWORDS),
    ("preact_resnet18", lambda: PreActivationResNet(3), 32, ["width=3"]),
]

if __name__ == "__main__":
    torch.set_num_threads(1)
    for file, network, side, _ in NETWORKS:
        make(file, network(), side, 3 if file == "vgg11" else 4)
