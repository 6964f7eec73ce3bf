#pragma once

#include <stint/runtime/tensor.h>

#include <concepts>
#include <string_view>
#include <utility>

/// The operator contract. An operator is a value whose attributes are its fields:
///
///   struct Scale {
///     static constexpr std::string_view name = "scale";
///     float factor = 1;
///     Tensor forward(Saver&, const Tensor& x) const;                           // one Tensor an input, one output
///     void backward(const Saved&, const Tensor& dy, const Grad& dx) const;     // one Grad an input, in that order
///   };
///
/// What backward needs goes through `Saver::save` and comes back through `Saved`, by the order of the saves. The saver
/// decides how it is held in between; an operator keeps nothing itself.
namespace stint {

/// What an error in a saved value may touch. `parameter_gradient_only`: the gradients of the other inputs do not depend
/// on it (the input of a convolution or a linear layer), so a policy may hold it approximately.
enum class Fidelity { exact, parameter_gradient_only };

class Saver {
 public:
  virtual ~Saver() = default;
  /// False when there will be no backward: masks and copies made only for it can be skipped.
  virtual bool enabled() const = 0;
  virtual void save(const Tensor& tensor, Fidelity fidelity = Fidelity::exact) = 0;
};

/// The saver of inference.
class SaveNothing : public Saver {
 public:
  bool enabled() const override { return false; }
  void save(const Tensor&, Fidelity) override {}
};

class Saved {
 public:
  virtual ~Saved() = default;
  /// What the slot-th `save` of this application was given.
  virtual Tensor operator[](int slot) const = 0;
};

enum class GradMode { ignore, overwrite, accumulate };

/// Where the gradient of one input goes. It has the input's shape, device and packing; of a parameter it is f32.
class Grad {
 public:
  Grad() = default;
  /// `target` may be empty: then its memory comes from here, and may be shared with other gradients until it is added
  /// to. `fixed`: it is a place in somebody's buffer that has to be written.
  Grad(GradMode mode, Tensor& target, const TensorSpec& spec, bool fixed = false)
      : mode_(mode), target_(&target), spec_(spec), fixed_(fixed) {}

  GradMode mode() const { return mode_; }
  bool wanted() const { return mode_ != GradMode::ignore; }
  bool accumulates() const { return mode_ == GradMode::accumulate; }
  const TensorSpec& spec() const { return spec_; }

  /// The memory to overwrite or to add to; allocated here if it was not yet.
  const Tensor& out() const;

  /// Says that the gradient equals `value`: adds it, or shares its memory instead of copying where nobody overwrites.
  void share(const Tensor& value) const;

 private:
  GradMode mode_ = GradMode::ignore;
  Tensor* target_ = nullptr;
  TensorSpec spec_;
  bool fixed_ = false;
};

namespace detail {

template <typename T>
struct ForwardOf;
template <typename Op, typename... Inputs>
struct ForwardOf<Tensor (Op::*)(Saver&, Inputs...) const> {
  static constexpr int inputs = sizeof...(Inputs);
};

template <int>
using GradOf = const Grad&;

template <typename Op, int... I>
constexpr bool has_backward(std::integer_sequence<int, I...>) {
  return requires(const Op& op, const Saved& saved, const Tensor& dy, GradOf<I>... grads) {
    { op.backward(saved, dy, grads...) } -> std::same_as<void>;
  };
}

}  // namespace detail

/// Number of inputs of an operator.
template <typename Op>
inline constexpr int input_count = detail::ForwardOf<decltype(&Op::forward)>::inputs;

/// The inputs that must be there; the ones behind may be empty. All of them, unless the operator says otherwise.
template <typename Op>
constexpr int required_inputs() {
  if constexpr (requires { Op::required; }) {
    return Op::required;
  } else {
    return input_count<Op>;
  }
}

/// An operator with a gradient: a name, a forward, and a backward that takes one `Grad` an input.
template <typename T>
concept Op = requires {
  { T::name } -> std::convertible_to<std::string_view>;
  &T::forward;
}
&&detail::has_backward<T>(std::make_integer_sequence<int, input_count<T>>{});

}  // namespace stint
