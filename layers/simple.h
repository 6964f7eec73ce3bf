#pragma once

#include <stint/kernels/adaptive_pool/adaptive_pool.h>
#include <stint/kernels/drop_path/drop_path.h>
#include <stint/kernels/dropout/dropout.h>
#include <stint/kernels/gelu/gelu.h>
#include <stint/kernels/global_pool/global_pool.h>
#include <stint/kernels/max_pool/max_pool.h>
#include <stint/kernels/relu/relu.h>
#include <stint/kernels/reshape/reshape.h>
#include <stint/kernels/softmax/softmax.h>
#include <stint/layers/module.h>

/// Layers without parameters.
namespace stint::layers {

class Relu : public Module {
 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::Relu{}, x); }
};

class Gelu : public Module {
 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::Gelu{}, x); }
};

/// Along the last axis of tokens [N,T,C] or features [N,C].
class Softmax : public Module {
 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::Softmax{}, x); }
};

class MaxPool : public Module {
 public:
  explicit MaxPool(Window window) : window_(window) {}

 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::MaxPool{window_}, x); }

 private:
  Window window_;
};

/// Averages an image to `size` x `size`; nothing where it has that size.
class AdaptivePool : public Module {
 public:
  explicit AdaptivePool(std::int64_t size) : size_(size) {}

 protected:
  Value forward(Tape& tape, const Value& x) override {
    if (x.shape()[1] == size_ && x.shape()[2] == size_) return x;
    return tape.apply(stint::AdaptivePool{size_, size_}, x);
  }

 private:
  std::int64_t size_;
};

/// The mean over an image [N,H,W,C], or over tokens [N,T,C], which are an image one pixel wide: [N,C].
class GlobalPool : public Module {
 protected:
  Value forward(Tape& tape, const Value& x) override {
    const Shape& s = x.shape();
    Value image = s.rank() == 3 ? tape.apply(stint::Reshape{{s[0], s[1], 1, s[2]}}, x) : x;
    return tape.apply(stint::GlobalPool{}, image);
  }
};

/// [N,...] to [N,everything else], in our order: H, W, C.
class Flatten : public Module {
 protected:
  Value forward(Tape& tape, const Value& x) override {
    std::int64_t rows = x.shape()[0];
    return tape.apply(stint::Reshape{{rows, x.shape().count() / std::max<std::int64_t>(rows, 1)}}, x);
  }
};

/// What is dropped at random, in training only; draws from the tape's random state. `Op`: Dropout or DropPath.
template <typename Op>
class RandomDrop : public Module {
 public:
  explicit RandomDrop(float rate) : rate_(rate) {}

 protected:
  Value forward(Tape& tape, const Value& x) override {
    if (!tape.training() || rate_ == 0) return x;
    require(tape.random != nullptr, Op::name, "the tape has no source of randomness");
    return tape.apply(Op{rate_, tape.random->take()}, x);
  }

 private:
  float rate_;
};

using Dropout = RandomDrop<stint::Dropout>;
using DropPath = RandomDrop<stint::DropPath>;

}  // namespace stint::layers
