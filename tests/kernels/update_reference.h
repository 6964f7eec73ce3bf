#pragma once

#include <stint/kernels/decay_runs.h>

#include <catch2/catch.hpp>

#include "../op_case_tensors.h"

/// Flat vectors for the tests of the optimiser kernels.
namespace stint::test {

/// Blocks with decay, without, and with again; ragged counts, so that there is padding; the last spans several threads.
inline BlockTable make_table() {
  BlockTable table;
  table.add("a", {70}, true);
  table.add("b", {3}, false);
  table.add("c", {40001}, true);
  return table;
}

/// Random values in the blocks, zeros in the padding.
inline Tensor make_flat(const BlockTable& table, std::uint64_t number, Device device = Device::cpu()) {
  Reals values(table.extent(), 0.0), random = random_reals(table.extent(), number);
  for (const Block& block : table.blocks()) {
    for (std::int64_t i = block.offset; i < block.offset + block.count; ++i) values[i] = random[i];
  }
  return to_tensor(values, {{table.extent()}, DType::f32, device});
}

inline Tensor make_zeros(const BlockTable& table, Device device = Device::cpu()) {
  return to_tensor(Reals(table.extent(), 0.0), {{table.extent()}, DType::f32, device});
}

/// The weight decay of each element.
inline Reals decay_of(const BlockTable& table, float weight_decay) {
  Reals decays(table.extent(), 0.0);
  for (const Block& block : table.blocks()) {
    for (std::int64_t i = block.offset; block.decay && i < block.offset + block.count; ++i) decays[i] = weight_decay;
  }
  return decays;
}

/// Every element is the expected one within rounding; where that is 0 (padding), exactly.
inline void require_same(const Tensor& got, const Reals& expected) {
  Reals values = to_reals(got);
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    double allowed = expected[i] == 0 ? 0 : 2e-6 * std::abs(expected[i]) + 2e-7;
    if (std::abs(values[i] - expected[i]) <= allowed) continue;
    FAIL("element " << i << " is " << values[i] << ", expected " << expected[i]);
  }
}

/// The twin is x rounded to bf16, element by element.
inline void require_twin(const Tensor& twin, const Tensor& x) {
  Reals expected;
  for (double value : to_reals(x)) expected.push_back(bfloat16(static_cast<float>(value)));
  REQUIRE(to_reals(twin) == expected);
}

}  // namespace stint::test
