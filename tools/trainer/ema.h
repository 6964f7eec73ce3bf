#pragma once

#include <stint/layers/model_state.h>

namespace stint {

/// Exponential moving average of a model's parameters and buffers (Polyak averaging, as timm's ModelEmaV2):
/// average <- decay * average + (1 - decay) * model, after every step, from the initial weights on.
class Ema {
 public:
  Ema(ModelState& state, double decay);

  void update();
  /// From these weights on, as from initial ones.
  void restart();
  /// Exchanges the average with the model's weights; twice leaves everything as it was.
  void swap();

  /// The averages of parameters and buffers; live.
  const Tensor& parameters() const { return parameters_; }
  const Tensor& buffers() const { return buffers_; }

 private:
  ModelState& state_;
  float decay_;
  Tensor parameters_, buffers_;
};

/// Puts the average in the model's place for a scope. Without an average it does nothing.
class EmaScope {
 public:
  explicit EmaScope(Ema* ema) : ema_(ema) {
    if (ema_) ema_->swap();
  }
  ~EmaScope() {
    if (ema_) ema_->swap();
  }
  EmaScope(const EmaScope&) = delete;
  EmaScope& operator=(const EmaScope&) = delete;

 private:
  Ema* ema_;
};

}  // namespace stint
