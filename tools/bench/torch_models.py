"""PyTorch's twins of stint's models, by stint's names and keyword arguments: torchvision's, changed where stint's differ."""

import re

import torch
import torchvision
from torchvision.models.resnet import BasicBlock
from torchvision.models.vision_transformer import VisionTransformer

VIT_SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}


def make_model(name, kwargs, image_size, classes):
    """`kwargs`: a dictionary of strings, as `--model-kwargs` has them. Raises ValueError for what has no twin."""
    kwargs = dict(kwargs)
    if match := re.fullmatch(r"(?:vit|deit)_(tiny|small|base|large)_patch16_224", name):
        model = make_vit(kwargs, *VIT_SIZES[match[1]], image_size, classes)
    elif name in ("resnet20", "resnet56"):
        model = CifarResNet((int(name[6:]) - 2) // 6, classes)
    else:
        model = getattr(torchvision.models, name)(num_classes=classes)
        if kwargs.pop("stem", "imagenet") == "cifar":  # 3x3, no pooling
            model.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
            model.maxpool = torch.nn.Identity()
        if kwargs.pop("head", "imagenet") == "cifar":  # VGG: a mean over positions, one linear layer
            model.avgpool, model.classifier = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Linear(512, classes)
    if kwargs:
        raise ValueError(f"{name} has no twin with {', '.join(kwargs)}")
    return model


def make_vit(kwargs, dim, depth, heads, image_size, classes):
    dim = int(kwargs.pop("dim", dim))
    return VisionTransformer(image_size=int(kwargs.pop("image_size", image_size)), patch_size=int(kwargs.pop("patch", 16)),
                             num_layers=int(kwargs.pop("depth", depth)), num_heads=int(kwargs.pop("heads", heads)),
                             hidden_dim=dim, mlp_dim=int(dim * float(kwargs.pop("mlp_ratio", 4))), num_classes=classes)


class CifarResNet(torchvision.models.ResNet):
    """He et al. 2016, for CIFAR: three stages of 16, 32 and 64 channels."""

    def __init__(self, blocks, classes):
        super().__init__(BasicBlock, [1, 1, 1, 1], num_classes=classes)
        self.inplanes = 16
        self.conv1 = torch.nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(16)
        self.maxpool = torch.nn.Identity()
        self.layer1 = self._make_layer(BasicBlock, 16, blocks)
        self.layer2 = self._make_layer(BasicBlock, 32, blocks, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 64, blocks, stride=2)
        self.layer4 = torch.nn.Identity()
        self.fc = torch.nn.Linear(64, classes)
