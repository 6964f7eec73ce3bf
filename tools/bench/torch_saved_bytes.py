#!/usr/bin/env python3
"""What eager PyTorch saves for backward: `torch_saved_bytes.py MODEL [--batch N] [--image-size S] [--stem cifar]`.

Every tensor that autograd saves in one forward pass is caught by its saved-tensor hooks. A storage counts once, in whole,
and not at all where it is a parameter's or a buffer's. Prints bytes, as JSON."""

import argparse
import json

import torch
import torchvision


def make_model(name, stem, classes, image_size):
    if name == "vit_tiny_patch16":  # torchvision has no tiny one
        return torchvision.models.VisionTransformer(image_size, 16, 12, 3, 192, 768, num_classes=classes).train()
    model = torchvision.models.get_model(name, num_classes=classes)
    if stem == "cifar":  # as stint's stem=cifar: 3x3, no pooling
        model.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
        model.maxpool = torch.nn.Identity()
    return model.train()


def saved_bytes(model, images, labels):
    owned = {t.storage().data_ptr() for t in [*model.parameters(), *model.buffers()]}
    storages = {}

    def pack(tensor):
        storage = tensor.storage()
        if storage.data_ptr() not in owned:
            # Kept alive until the end, so that no address is used twice.
            storages[storage.data_ptr()] = (storage, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = torch.nn.functional.cross_entropy(model(images), labels)
    total = sum(size for _, size in storages.values())
    loss.backward()
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--stem", choices=["imagenet", "cifar"], default="imagenet")
    args = parser.parse_args()
    torch.manual_seed(1)
    model = make_model(args.model, args.stem, args.classes, args.image_size)
    images = torch.randn(args.batch, 3, args.image_size, args.image_size)
    labels = torch.randint(args.classes, (args.batch,))
    print(json.dumps({"model": args.model, "batch": args.batch, "image_size": args.image_size,
                      "torch": torch.__version__, "saved_bytes": saved_bytes(model, images, labels)}))


if __name__ == "__main__":
    main()
