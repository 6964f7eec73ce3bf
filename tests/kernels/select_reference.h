#pragma once

#include <stint/kernels/select/keys.h>

#include <numeric>

#include "../op_case_tensors.h"

/// Tensors to select from, and selection by sorting.
namespace stint::test {

/// Distributions in which selection may go wrong.
enum class Content { normal, behind_relu, few_values, equal, zero, not_finite };
inline constexpr Content contents[] = {Content::normal, Content::behind_relu, Content::few_values,
                                       Content::equal,  Content::zero,        Content::not_finite};

inline Tensor make_content(Content content, const TensorSpec& spec) {
  Reals values(spec.shape.count());
  RandomSequence random{7, static_cast<std::uint64_t>(values.size())};
  for (std::size_t i = 0; i < values.size(); ++i) {
    double normal = random.normal(i);
    switch (content) {
      case Content::normal:
        values[i] = normal;
        break;
      case Content::behind_relu:
        values[i] = normal > 0 ? normal : 0;
        break;
      case Content::few_values:
        values[i] = std::round(normal * 2);
        break;
      case Content::equal:
        values[i] = i % 2 ? -0.75 : 0.75;
        break;
      case Content::zero:
        values[i] = i % 3 ? 0.0 : -0.0;
        break;
      case Content::not_finite:
        values[i] = i % 5 == 2 ? NAN : i % 7 == 3 ? -INFINITY : normal;
        break;
    }
  }
  return to_tensor(values, spec);
}

/// Keys of magnitude in storage order.
inline std::vector<std::uint32_t> keys_of(const Tensor& tensor) {
  Tensor here = tensor.copy_to(Device::cpu());
  std::vector<std::uint32_t> keys(here.count());
  for (std::int64_t i = 0; i < here.count(); ++i) {
    float value = here.dtype() == DType::f32 ? here.data<float>()[i] : float(here.data<bfloat16>()[i]);
    keys[i] = std::isnan(value) ? nan_key : std::bit_cast<std::uint32_t>(std::fabs(value));
  }
  return keys;
}

/// The elements, in ascending order, that are the `keep` largest; of equals those of lower index.
inline std::vector<std::int64_t> largest(const std::vector<std::uint32_t>& keys, std::int64_t keep) {
  std::vector<std::int64_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return keys[a] > keys[b]; });
  order.resize(keep);
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace stint::test
