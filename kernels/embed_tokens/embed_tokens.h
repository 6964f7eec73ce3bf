#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// What a vision transformer does with its patches: a class token in front of them, and a position added to every token
/// (Dosovitskiy et al. 2021, equation 1).
///   y[n,0] = class_token + position[0],  y[n,1+t] = x[n,t] + position[1+t]
/// x: [N,T,C]; class_token: C and position: (1+T)*C values f32, of any shape; y: [N,1+T,C]. Saves nothing.
struct EmbedTokens {
  static constexpr std::string_view name = "embed_tokens";

  Tensor forward(Saver& saver, const Tensor& x, const Tensor& class_token, const Tensor& position) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx, const Grad& dclass_token,
                const Grad& dposition) const;
};

}  // namespace stint
