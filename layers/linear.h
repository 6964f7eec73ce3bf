#pragma once

#include <stint/layers/module.h>

namespace stint::layers {

/// [...,in] to [...,out] with a bias, drawn as PyTorch draws it: uniform within 1 / sqrt(in).
class Linear : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out);

 protected:
  Value forward(Tape& tape, const Value& x) override;

 private:
  Parameter& weight_;
  Parameter& bias_;
};

}  // namespace stint::layers
