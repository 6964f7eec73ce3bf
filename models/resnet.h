#pragma once

#include <stint/layers/sequential.h>
#include <stint/models/kwargs.h>

namespace stint::models {

enum class ResNetBlock { basic, bottleneck };

/// Deep residual network (He et al., "Deep residual learning for image recognition", CVPR 2016) with torchvision's
/// names and its "v1.5" stride (on the 3x3 of a bottleneck). Keyword argument `stem`: `imagenet` (7x7 stride 2,
/// max-pool) or `cifar` (3x3 stride 1, no pool); `width`: channels of the first stage (64).
class ResNet : public layers::Sequential {
 public:
  ResNet(const ModelSpec& spec, Kwargs& kwargs, ResNetBlock block, const std::vector<int>& depths);
};

/// Pre-activation ResNet for small images, as LIEC-SGD's and DoubleSqueeze's authors use it (their models/resnet.py): a
/// 3x3 stem, four stages, and no normalisation between the last sum and the pool. Keyword argument `width` (64):
/// channels of the first stage.
class PreActivationResNet : public layers::Sequential {
 public:
  PreActivationResNet(const ModelSpec& spec, Kwargs& kwargs, const std::vector<int>& depths);
};

/// The CIFAR network of the same paper (section 4.2): three stages of 16, 32 and 64 channels, `blocks` basic blocks
/// each, 6 * blocks + 2 layers. Where the paper's option A pads with zeros, the shortcut is a 1x1 convolution (option
/// B). Keyword argument `width`: channels of the first stage.
class CifarResNet : public layers::Sequential {
 public:
  CifarResNet(const ModelSpec& spec, Kwargs& kwargs, int blocks);
};

}  // namespace stint::models
