#include <fmt/format.h>
#include <stint/autograd/drop_policy.h>
#include <stint/kernels/vector/vector.h>

#include <algorithm>
#include <array>

namespace stint {

namespace {

class DroppedTensor : public PackedTensor {
 public:
  DroppedTensor(KeptElements kept, std::string encoding) : kept_(std::move(kept)), encoding_(std::move(encoding)) {}

  Tensor unpack() const override {
    PurposeScope scope(Purpose::workspace);  // for as long as a weight gradient is computed
    return restore(kept_);
  }
  std::size_t bytes() const override { return kept_.bytes(); }
  std::string_view encoding() const override { return encoding_; }

 private:
  KeptElements kept_;
  std::string encoding_;
};

/// Numbers of sequences that nobody else draws from: a run's other random numbers count up from 0. 2^11 workers, 2^32
/// steps, 2^20 tensors a step.
RandomSequence sequence_of(const DropRules& rules, std::int64_t step, std::uint64_t number) {
  auto worker = static_cast<std::uint64_t>(rules.worker) << 52;
  return {rules.seed, std::uint64_t{1} << 63 | worker | static_cast<std::uint64_t>(step) << 20 | number};
}

}  // namespace

std::string_view name_of(DropStrategy strategy) {
  constexpr std::array<std::string_view, 4> names = {"mink", "random", "nsigma", "sampled"};
  return names[static_cast<int>(strategy)];
}

bool is_below(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || root.empty() || path[root.size()] == '.');
}

void DropPolicy::start_step(std::int64_t step, double gamma) {
  step_ = step;
  gamma_ = gamma;
  packed_ = 0;
  records_.clear();
}

double DropPolicy::gamma_of(const Slot& slot) const {
  auto here = [&](const std::string& root) { return is_below(slot.layer, root); };
  const auto& operators = rules_.operators;
  if (!operators.empty() && std::find(operators.begin(), operators.end(), slot.op) == operators.end()) return 0;
  if (std::any_of(rules_.excluded.begin(), rules_.excluded.end(), here)) return 0;
  double gamma = gamma_;
  for (const auto& [root, own] : rules_.gammas) {  // in order, so that a path comes behind what it is below
    if (here(root)) gamma = own;
  }
  return gamma;
}

std::unique_ptr<PackedTensor> DropPolicy::pack(const Tensor& dense, std::span<const Slot> slots) {
  double gamma = 1;
  for (const Slot& slot : slots) gamma = std::min(gamma, gamma_of(slot));
  bool real = dense.dtype() == DType::f32 || dense.dtype() == DType::bf16;
  if (gamma == 0 || !real) return nullptr;
  DropIndex index = rules_.index.value_or(smaller_index(dense.count(), drop_capacity(dense.count(), gamma)));
  DropRule rule{
      .strategy = rules_.strategy, .gamma = gamma, .index = index, .sequence = sequence_of(rules_, step_, packed_++)};
  KeptElements kept = drop(dense, rule);
  if (recording_ != Recording::off) record(dense, slots, gamma, kept);
  std::string_view form = index == DropIndex::bitmask ? "bitmask" : "int32";
  return std::make_unique<DroppedTensor>(std::move(kept),
                                         fmt::format("{} {:g} {}", name_of(rule.strategy), gamma, form));
}

void DropPolicy::record(const Tensor& dense, std::span<const Slot> slots, double gamma, const KeptElements& kept) {
  DropRecord record{.layers = {},
                    .gamma = gamma,
                    .elements = dense.count(),
                    .capacity = kept.values.count(),
                    .counts = counts_of(kept)};
  if (recording_ == Recording::energy) {
    double energy = squared_norm(dense);
    record.kept_energy = energy == 0 ? 1 : squared_norm(kept.values.slice(0, record.counts.kept)) / energy;
  }
  for (const Slot& slot : slots) record.layers.push_back(slot.layer);
  records_.push_back(std::move(record));
}

}  // namespace stint
