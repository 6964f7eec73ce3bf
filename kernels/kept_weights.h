#pragma once

#include <stint/runtime/tensor.h>

#include <map>
#include <utility>

/// Weights in the layouts that kernels want, kept for as long as the weights do not change. Nobody can tell a tensor's
/// writers from its readers, so it is not found out here: whoever knows that nobody writes weights, as in an evaluation
/// and between the batches of one update, says so with a scope. Outside of one, every pass reorders for itself.
namespace stint {

class KeptWeights {
 public:
  /// A weight in one layout.
  struct Place {
    Tensor weight;  // held, so that its address stays its own
    Tensor memory;
    bool filled = false;  ///< set by who reorders into it
  };

  /// The place of `weight` in the layout of this number, which takes `bytes`: memory of `Purpose::workspace`, new when
  /// it is asked for first.
  Place& place(const Tensor& weight, int layout, std::size_t bytes);

  /// To be called before weights change.
  void forget() { places_.clear(); }

  /// Those of this thread's innermost scope; null outside of all.
  static KeptWeights* current();

 private:
  std::map<std::pair<std::byte*, int>, Place> places_;
};

/// Until it ends, weights that this thread's kernels read do not change, or `forget` is called before they do.
class KeptWeightsScope {
 public:
  explicit KeptWeightsScope(KeptWeights* kept);  ///< null: as outside of all scopes
  ~KeptWeightsScope();
  KeptWeightsScope(const KeptWeightsScope&) = delete;
  KeptWeightsScope& operator=(const KeptWeightsScope&) = delete;

 private:
  KeptWeights* before_;
};

}  // namespace stint
