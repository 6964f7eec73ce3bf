#pragma once

#include <stint/kernels/op.h>

#include <memory>
#include <span>
#include <string>

namespace stint {

/// One save of one operator application.
struct Slot {
  std::string_view op;
  std::string layer;  ///< path of the layer it was made in; empty outside of layers
  int index = 0;      ///< the how-manieth save of that application
  Fidelity fidelity = Fidelity::exact;
  TensorSpec spec;
};

/// A tensor in another form than its dense memory.
class PackedTensor {
 public:
  virtual ~PackedTensor() = default;
  /// A dense tensor of the packed one's spec, of its own memory, which the caller alone holds.
  virtual Tensor unpack() const = 0;
  virtual std::size_t bytes() const = 0;
  virtual std::string_view encoding() const = 0;
};

/// Decides how a saved tensor is held until backward.
class SavePolicy {
 public:
  virtual ~SavePolicy() = default;
  virtual std::string_view name() const = 0;
  /// Asked once a storage, when nobody but the slots holds it any more and every slot is `parameter_gradient_only`.
  /// Returns the packed form, which then replaces the dense memory for all of them, or null to keep it dense.
  virtual std::unique_ptr<PackedTensor> pack(const Tensor& dense, std::span<const Slot> slots) = 0;
};

/// The policy that holds every saved tensor as it is.
SavePolicy& keep_dense();

}  // namespace stint
