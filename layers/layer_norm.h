#pragma once

#include <stint/layers/module.h>

namespace stint::layers {

/// Layer normalisation of the last axis.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(std::int64_t channels, float eps = 1e-6f);

 protected:
  Value forward(Tape& tape, const Value& x) override;

 private:
  float eps_;
  Parameter& weight_;
  Parameter& bias_;
};

}  // namespace stint::layers
