#pragma once

#include <stint/layers/module.h>

namespace stint::layers {

/// Batch normalisation of the last axis, with the ReLU (and the residual sum in front of it) that usually follows.
class BatchNorm : public Module {
 public:
  enum class Activation { none, relu };

  explicit BatchNorm(std::int64_t channels, Activation activation = Activation::none);

  using Module::operator();
  /// act(norm(x) + residual)
  Value operator()(Tape& tape, const Value& x, const Value& residual);

 protected:
  Value forward(Tape& tape, const Value& x) override { return normalise(tape, x, {}); }

 private:
  Value normalise(Tape& tape, const Value& x, const Value& residual);

  Parameter& weight_;
  Parameter& bias_;
  Buffer& running_mean_;
  Buffer& running_var_;
  bool relu_;
};

}  // namespace stint::layers
