#pragma once

#include <stint/kernels/op.h>
#include <stint/runtime/philox.h>

#include <array>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <vector>

/// One case proves everything about an operator: see `check`.
namespace stint::test {

using Reals = std::vector<double>;

/// One input of a case. What it is decides its dtype when the case runs in bf16, and the packings it is tried in.
struct Input {
  enum class Kind {
    activation,  ///< in the compute dtype, as is its gradient; tried in every packing
    weight,      ///< in the compute dtype, its gradient f32
    vector,      ///< f32 always: biases, normalisation parameters
    labels,      ///< i32, without a gradient
    absent,
  };

  Kind kind = Kind::absent;
  Shape shape;
  Reals values;
};

/// Uniform in [-1, 1), from a sequence of its own for every `number`.
Reals random_reals(std::int64_t count, std::uint64_t number);
/// All different by at least 0.01 and none within 0.005 of zero: away from the kinks of ReLU and of maxima.
Reals spaced_reals(std::int64_t count, std::uint64_t number);

Input activation(Shape shape, std::uint64_t number = 1);
Input spaced_activation(Shape shape, std::uint64_t number = 1);
Input weight(Shape shape, std::uint64_t number = 2);
Input vector(std::int64_t count, std::uint64_t number = 3);
Input labels(std::vector<int> classes);
inline Input absent() {
  return {};
}

/// The operator's formula in plain double precision, in plain element order.
using Reference = std::function<Reals(const std::vector<Reals>& inputs)>;

/// Bytes of each saved slot, in order, for a compute dtype of so many bytes an element.
using SlotBytes = std::function<std::vector<std::size_t>(std::size_t element)>;
inline const SlotBytes saves_nothing = [](std::size_t) { return std::vector<std::size_t>{}; };

template <Op O>
struct OpCase {
  std::string name;
  O op;
  std::vector<Input> inputs;
  Reference reference;
  SlotBytes slots;
  bool library = false;                 ///< a library computes it: its bits may depend on the number of threads
  std::function<O(O, Device)> on = {};  ///< gives the operator what it has of its own on a device
};

/// A case with the operator's type erased: what the harness runs on.
struct AnyCase {
  std::string name;
  std::vector<Input> inputs;
  Reference reference;
  SlotBytes slots;
  bool library;
  std::function<Tensor(Saver&, const std::vector<Tensor>&)> forward;
  std::function<void(const Saved&, const Tensor&, const std::vector<Grad>&)> backward;
};

template <Op O>
AnyCase erase(const OpCase<O>& c) {
  constexpr auto indices = std::make_index_sequence<input_count<O>>{};
  AnyCase any{c.name, c.inputs, c.reference, c.slots, c.library, {}, {}};
  any.forward = [c](Saver& saver, const std::vector<Tensor>& x) {
    O op = c.on ? c.on(c.op, x[0].device()) : c.op;
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return op.forward(saver, x[I]...);
    }
    (indices);
  };
  any.backward = [op = c.op](const Saved& saved, const Tensor& dy, const std::vector<Grad>& grads) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      op.backward(saved, dy, grads[I]...);
    }
    (indices);
  };
  return any;
}

/// Runs a case on every device of this machine, in f32 and bf16, in every combination of packings, and fails the
/// running test unless:
///   forward equals the reference, and backward its central differences (each within a tolerance of the dtype);
///   accumulating equals overwriting plus the old value; a gradient is the same when it alone is wanted;
///   every element of outputs and gradients is written: new memory is poisoned with NaN;
///   nothing else is: guard bytes around every block, inputs, dy and saved tensors stay as they were;
///   the saved bytes are those declared, slot by slot, and inference gives the same output bits;
///   perturbing a slot declared `parameter_gradient_only` changes a weight gradient and leaves all others bit-equal;
///   the bits do not depend on the number of threads (of oneDNN: the same call gives the same bits again);
///   the null device asks for the same memory as the CPU, in number, purposes and peak.
void check_case(const AnyCase& c);

template <Op O>
void check(const OpCase<O>& c) {
  check_case(erase(c));
}

/// Makes a case known to `--perf` and `--support`. It is made by a function, and only when asked for: such cases are
/// large.
struct Registered {
  template <typename Make>
  explicit Registered(const Make& make) {
    using O = decltype(make().op);
    add(std::string(O::name), [make] { return erase(make()); });
  }

 private:
  static void add(std::string op, std::function<AnyCase()> make);
};

/// Makes known to `--perf` what has no gradient: updates, selection, codes, vectors.
struct RegisteredCall {
  /// Prepares a call on a device, with tensors of the dtype that the network computes in; an empty one where it would
  /// be the same as in f32.
  using Make = std::function<std::function<void()>(Device, DType)>;
  RegisteredCall(std::string op, std::string name, Make make);
};

/// The operators that `--perf` measures, by the names of their folders.
std::set<std::string> measured_operators();

/// `--perf`: time, GB/s and GFLOP/s of every registered case; `--support`: operators, dtypes and devices.
void print_performance();
void print_support();

}  // namespace stint::test
