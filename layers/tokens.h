#pragma once

#include <stint/kernels/attention/attention.h>
#include <stint/kernels/embed_tokens/embed_tokens.h>
#include <stint/kernels/reshape/reshape.h>
#include <stint/kernels/select_token/select_token.h>
#include <stint/layers/module.h>

/// Layers on tokens [N,T,C].
namespace stint::layers {

/// An image [N,H,W,C], seen as patches, to tokens [N,1+H*W,C]: a class token in front, a position added to each. The
/// two parameters are the surrounding module's, because of their names.
class EmbedTokens : public Module {
 public:
  EmbedTokens(Parameter& class_token, Parameter& position) : class_token_(class_token), position_(position) {}

 protected:
  Value forward(Tape& tape, const Value& x) override {
    const Shape& s = x.shape();
    Value patches = s.rank() == 4 ? tape.apply(stint::Reshape{{s[0], s[1] * s[2], s[3]}}, x) : x;
    return tape.apply(stint::EmbedTokens{}, patches, tape.leaf(class_token_.leaf), tape.leaf(position_.leaf));
  }

 private:
  Parameter& class_token_;
  Parameter& position_;
};

/// Packed queries, keys and values [N,T,3*C] to [N,T,C].
class Attention : public Module {
 public:
  explicit Attention(std::int64_t heads) : heads_(heads) {}

 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::Attention{heads_}, x); }

 private:
  std::int64_t heads_;
};

/// [N,T,C] to the token [N,C] of that index.
class SelectToken : public Module {
 public:
  explicit SelectToken(std::int64_t index) : index_(index) {}

 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::SelectToken{index_}, x); }

 private:
  std::int64_t index_;
};

}  // namespace stint::layers
