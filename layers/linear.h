#pragma once

#include <stint/layers/module.h>

namespace stint::layers {

struct LinearOptions {
  Initialiser weight = {};  ///< empty: as PyTorch draws it, uniform within 1 / sqrt(in); the bias alike
  Initialiser bias = {};
  std::string prefix = "";  ///< of the parameters' names: "in_proj_" makes them "in_proj_weight", "in_proj_bias"
  std::int64_t places = 1;  ///< pixels of the image that was flattened in front; see `Parameter::places`
};

/// [...,in] to [...,out] with a bias.
class Linear : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out, const LinearOptions& options = {});

 protected:
  Value forward(Tape& tape, const Value& x) override;

 private:
  Parameter& weight_;
  Parameter& bias_;
};

}  // namespace stint::layers
