#pragma once

#include <stint/layers/module.h>
#include <stint/models/kwargs.h>

namespace stint::models {

/// Whose names the state dict has.
enum class VitNames { torchvision, timm };

struct VitSize {
  std::int64_t patch, dim, depth, heads;
};

/// Vision transformer (Dosovitskiy et al. 2021; DeiT, Touvron et al. 2021, is the same network): patches as tokens, a
/// class token, blocks of attention and MLP with normalisation in front, a linear head on the class token. Keyword
/// arguments: `image_size`, `patch`, `dim`, `depth`, `heads`, `mlp_ratio` (4), and `drop_path` (0): the rate of
/// stochastic depth in the last block, growing linearly from 0 in the first. Initial weights as in timm.
class Vit : public Module {
 public:
  Vit(const ModelSpec& spec, Kwargs& kwargs, VitNames names, VitSize size);

 protected:
  Value forward(Tape& tape, const Value& x) override;

 private:
  std::vector<Module*> order_;
};

}  // namespace stint::models
