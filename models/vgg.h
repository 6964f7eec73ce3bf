#pragma once

#include <stint/layers/sequential.h>
#include <stint/models/kwargs.h>

namespace stint::models {

/// VGG (Simonyan & Zisserman 2015) of 11, 13, 16 or 19 layers with torchvision's names, with or without batch
/// normalisation. Keyword arguments: `head`: `imagenet` (pool to 7x7, three linear layers) or `cifar` (mean over the
/// image, one linear layer); `dropout` (0.5) of the ImageNet head; `width` (64): channels of the first stage, and
/// `hidden` (4096): of the linear layers. Images of at least 32x32.
class Vgg : public layers::Sequential {
 public:
  Vgg(const ModelSpec& spec, Kwargs& kwargs, int layers, bool batch_norm);
};

}  // namespace stint::models
