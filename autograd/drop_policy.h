#pragma once

#include <stint/autograd/save_policy.h>
#include <stint/kernels/drop/drop.h>

#include <map>
#include <optional>
#include <vector>

namespace stint {

/// What is dropped, and where.
struct DropRules {
  DropStrategy strategy = DropStrategy::mink;
  std::optional<DropIndex> index = {};        ///< empty: the smaller one, tensor by tensor
  std::vector<std::string> operators = {};    ///< names of those whose inputs are dropped; empty: all
  std::vector<std::string> excluded = {};     ///< layers, each with what is below it
  std::map<std::string, double> gammas = {};  ///< of layers, each with what is below it; the longest path wins
  std::uint64_t seed = 0;                     ///< of `random`
  int worker = 0;                             ///< of several, each of which draws places of its own
};

/// What became of one tensor.
struct DropRecord {
  std::vector<std::string> layers;  ///< whose saved inputs it is
  double gamma = 0;
  std::int64_t elements = 0;
  std::int64_t capacity = 0;
  DropCounts counts;
  double kept_energy = 0;  ///< sum of squares of what is kept, over that of the tensor; with `Recording::energy`
};

/// What is noted of every tensor that is packed. All but `off` wait for the device; energies are one more read.
enum class Recording { off, counts, energy };

/// DropIT (Chen et al., ICLR 2023): where a saved tensor serves weight gradients only, what is held is its kept
/// elements. A tensor of several layers is dropped as the most careful of them asks, and stays whole if one of them is
/// not chosen.
class DropPolicy : public SavePolicy {
 public:
  explicit DropPolicy(DropRules rules) : rules_(std::move(rules)) {}

  /// The share that is dropped from now on where no layer's own is given; `step` is the random numbers'. Batches that
  /// are accumulated in one step go on in its numbers.
  void start_step(std::int64_t step, double gamma);
  void set_worker(int rank) { rules_.worker = rank; }

  /// From now on; the records of a step begin with `start_step`.
  void set_recording(Recording recording) { recording_ = recording; }
  const std::vector<DropRecord>& records() const { return records_; }

  std::string_view name() const override { return "drop"; }
  std::unique_ptr<PackedTensor> pack(const Tensor& dense, std::span<const Slot> slots) override;

 private:
  double gamma_of(const Slot& slot) const;
  void record(const Tensor& dense, std::span<const Slot> slots, double gamma, const KeptElements& kept);

  DropRules rules_;
  double gamma_ = 0;
  std::int64_t step_ = 0;
  std::uint64_t packed_ = 0;  // in this step
  Recording recording_ = Recording::off;
  std::vector<DropRecord> records_;
};

/// "mink", "random", "nsigma", "sampled".
std::string_view name_of(DropStrategy strategy);

/// True for a layer `path` that is `root` or below it: `layer1.0.conv1` is below `layer1`.
bool is_below(std::string_view path, std::string_view root);

}  // namespace stint
