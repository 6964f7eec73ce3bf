#pragma once

#include <stint/runtime/tensor.h>

#include <map>
#include <utility>

/// Weights in the layouts that kernels want, kept for as long as this lives. Nobody can tell a tensor's writers from
/// its readers, so it is not found out here whether weights change: whoever knows that they do not, as in an
/// evaluation, says so with a scope that holds one of these. Outside of all, every pass reorders for itself.
namespace stint {

class KeptWeights {
 public:
  /// A weight in one layout.
  struct Place {
    Tensor weight;  // held, so that its address stays its own
    Tensor memory;
    bool filled = false;  ///< set by who reorders into it
  };

  KeptWeights();
  ~KeptWeights();
  KeptWeights(const KeptWeights&) = delete;
  KeptWeights& operator=(const KeptWeights&) = delete;

  /// The place of `weight` in the layout of this number, which takes `bytes`: memory of `Purpose::workspace`, new when
  /// it is asked for first.
  Place& place(const Tensor& weight, int layout, std::size_t bytes);

  /// This thread's innermost; null outside of all.
  static KeptWeights* current();

 private:
  std::map<std::pair<std::byte*, int>, Place> places_;
  KeptWeights* before_;
};

}  // namespace stint
