#pragma once

#include <stint/kernels/dropout/dropout.h>
#include <stint/kernels/global_pool/global_pool.h>
#include <stint/kernels/max_pool/max_pool.h>
#include <stint/kernels/relu/relu.h>
#include <stint/kernels/reshape/reshape.h>
#include <stint/layers/module.h>

/// Layers without parameters.
namespace stint::layers {

class Relu : public Module {
 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::Relu{}, x); }
};

class MaxPool : public Module {
 public:
  explicit MaxPool(Window window) : window_(window) {}

 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::MaxPool{window_}, x); }

 private:
  Window window_;
};

/// [N,H,W,C] to [N,C].
class GlobalPool : public Module {
 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::GlobalPool{}, x); }
};

/// [N,...] to [N,everything else], in our order: H, W, C.
class Flatten : public Module {
 protected:
  Value forward(Tape& tape, const Value& x) override {
    std::int64_t rows = x.shape()[0];
    return tape.apply(stint::Reshape{{rows, x.shape().count() / std::max<std::int64_t>(rows, 1)}}, x);
  }
};

/// Active in training only; draws from the tape's random state.
class Dropout : public Module {
 public:
  explicit Dropout(float rate) : rate_(rate) {}

 protected:
  Value forward(Tape& tape, const Value& x) override {
    if (!tape.training() || rate_ == 0) return x;
    require(tape.random != nullptr, "dropout", "the tape has no source of randomness");
    return tape.apply(stint::Dropout{rate_, tape.random->take()}, x);
  }

 private:
  float rate_;
};

}  // namespace stint::layers
