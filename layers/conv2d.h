#pragma once

#include <stint/kernels/window.h>
#include <stint/layers/module.h>

namespace stint::layers {

/// Convolution [N,H,W,in] to [N,OH,OW,out]. Weights are drawn by `kaiming_normal` of the fan out (torchvision's
/// ResNet), the bias, if there is one, as PyTorch draws it, unless others are given.
class Conv2d : public Module {
 public:
  Conv2d(std::int64_t in, std::int64_t out, Window window, bool bias = false, Initialiser weight_start = {},
         Initialiser bias_start = {});

 protected:
  Value forward(Tape& tape, const Value& x) override;

 private:
  Window window_;
  Parameter& weight_;
  Parameter* bias_ = nullptr;
};

}  // namespace stint::layers
