#include <stint/kernels/bits.h>
#include <stint/kernels/drop/drop.h>
#include <stint/kernels/drop/drop_kernels.h>

#include <cmath>
#include <limits>

namespace stint {

namespace {

constexpr auto name = "drop";

/// How many standard deviations around the mean hold a share `gamma` of a normal distribution: the root of erf by
/// bisection, to the last bit.
double sigmas_of(double gamma) {
  double low = 0, high = 8;
  for (int i = 0; i < 64; ++i) {
    double middle = (low + high) / 2;
    (std::erf(middle) < gamma ? low : high) = middle;
  }
  return std::numbers::sqrt2 * low;
}

Tensor workspace_for(const TensorSpec& spec) {
  return make_workspace(STINT_WORKSPACE(spec.device, drop_workspace(spec.shape.count())), spec.device);
}

DropBorder find_border(const Tensor& x, const DropRule& rule, std::int64_t capacity) {
  if (rule.strategy == DropStrategy::random) {
    double below = std::min(std::ceil(rule.gamma * 0x1p32), 0x1p32 - 1);
    return {.sequence = rule.sequence, .key = static_cast<std::uint32_t>(below)};
  }
  DropBorder border{.cut = make_cut(x.device())};
  switch (rule.strategy) {
    case DropStrategy::nsigma:
      cut_outside(x, sigmas_of(rule.gamma), border.cut);
      break;
    case DropStrategy::sampled:
      cut_sampled(x, capacity, border.cut);
      break;
    default:
      cut_largest(x, capacity, border.cut);
  }
  return border;
}

Tensor memory_for_counts(Device device) {
  return Tensor({sizeof(DropCounts)}, DType::u8, device);
}

void check_int32(std::int64_t count) {
  require(count <= std::numeric_limits<std::int32_t>::max(), name,
          "an int32 index reaches 2^31 - 1 elements, got {}: use index=bitmask", count);
}

void pack(const Tensor& x, const DropBorder& border, const KeptElements& kept) {
  Tensor workspace = workspace_for(x.spec());
  STINT_RUN(name, traffic(x, kept.values, kept.index), x.device(), drop_pack(x, border, kept, workspace));
}

}  // namespace

std::int64_t drop_capacity(std::int64_t count, double gamma) {
  require(gamma >= 0 && gamma < 1, name, "expected gamma from 0 to below 1, got {}", gamma);
  return static_cast<std::int64_t>(std::floor(static_cast<double>(count) * (1.0 - gamma)));
}

std::size_t index_bytes(DropIndex index, std::int64_t count, std::int64_t capacity) {
  return static_cast<std::size_t>(index == DropIndex::bitmask ? mask_bytes(count) : 4 * capacity);
}

DropIndex smaller_index(std::int64_t count, std::int64_t capacity) {
  if (count > std::numeric_limits<std::int32_t>::max()) return DropIndex::bitmask;
  bool int32 = index_bytes(DropIndex::int32, count, capacity) < index_bytes(DropIndex::bitmask, count, capacity);
  return int32 ? DropIndex::int32 : DropIndex::bitmask;
}

KeptElements drop(const Tensor& x, const DropRule& rule) {
  require(x && (x.dtype() == DType::f32 || x.dtype() == DType::bf16), name, "expected an f32 or bf16 tensor");
  std::int64_t capacity = drop_capacity(x.count(), rule.gamma);
  bool bitmask = rule.index == DropIndex::bitmask;
  if (!bitmask) check_int32(x.count());
  auto index = static_cast<std::int64_t>(index_bytes(rule.index, x.count(), capacity));
  KeptElements kept{
      .spec = x.spec(),
      .form = rule.index,
      .values = Tensor({capacity}, x.dtype(), x.device()),
      .index = bitmask ? Tensor({index}, DType::u8, x.device()) : Tensor({capacity}, DType::i32, x.device()),
      .counts = memory_for_counts(x.device())};
  pack(x, find_border(x, rule, capacity), kept);
  return kept;
}

void top_k(const Tensor& x, const Tensor& values, const Tensor& places) {
  check_int32(x.count());
  require(values.count() == places.count() && values.dtype() == x.dtype(), "top_k", "expected {} {} values, got {} {}",
          places.count(), name_of(x.dtype()), values.count(), name_of(values.dtype()));
  PurposeScope scope(Purpose::workspace);
  KeptElements kept{.spec = x.spec(),
                    .form = DropIndex::int32,
                    .values = values,
                    .index = places,
                    .counts = memory_for_counts(x.device())};
  DropBorder border{.cut = make_cut(x.device())};
  cut_largest(x, values.count(), border.cut);
  pack(x, border, kept);
}

Tensor restore(const KeptElements& kept) {
  Tensor x(kept.spec);
  Tensor workspace = workspace_for(kept.spec);
  STINT_RUN("drop_restore", traffic(x, kept.values, kept.index), x.device(), drop_restore(kept, x, workspace));
  return x;
}

DropCounts counts_of(const KeptElements& kept) {
  if (kept.counts.device().type == Device::Type::null) return {};
  Tensor here = kept.counts.copy_to(Device::cpu());
  return *reinterpret_cast<const DropCounts*>(here.raw());
}

}  // namespace stint
