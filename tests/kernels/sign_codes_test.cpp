#include <stint/kernels/sign_codes/sign_codes.h>
#include <stint/kernels/top_k/top_k.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

/// Normal-ish numbers with zeros of both signs among them.
Reals numbers(std::int64_t count) {
  Reals values = random_reals(count, 11);
  for (std::int64_t i = 0; i < count; i += 7) values[i] = i % 2 ? 0.0 : -0.0;
  return values;
}

Tensor on(Device device, const Reals& values) {
  return to_tensor(values, {{static_cast<std::int64_t>(values.size())}, DType::f32, device});
}

std::vector<std::int32_t> integers(const Tensor& tensor) {
  Tensor here = tensor.copy_to(Device::cpu());
  return {here.data<std::int32_t>(), here.data<std::int32_t>() + here.count()};
}

}  // namespace

TEST_CASE("signs are a bit an element, zeros positive, nothing behind the last", "[op]") {
  for (Device device : devices()) {
    for (std::int64_t count : {1, 31, 32, 33, 257, 5130, 70000}) {
      INFO(device.name() << ", " << count);
      Reals values = numbers(count);
      Tensor x = on(device, values), codes({(count + 31) / 32}, DType::i32, device);
      pack_signs(x, codes);
      auto words = integers(codes);
      bool right = true;
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(words.size()) * 32; ++i) {
        bool bit = (static_cast<std::uint32_t>(words[i / 32]) >> (i % 32)) & 1;
        right = right && bit == (i < count && values[i] < 0);
      }
      CHECK(right);
      Tensor y = on(device, Reals(count, 10));
      unpack_signs(codes, 0.5f, y, true);
      unpack_signs(codes, 0.25f, x, false);
      Reals sums = to_reals(y), alone = to_reals(x);
      for (std::int64_t i = 0; i < count; ++i) {
        right = right && sums[i] == (values[i] < 0 ? 9.5 : 10.5) && alone[i] == (values[i] < 0 ? -0.25 : 0.25);
      }
      CHECK(right);
    }
  }
}

TEST_CASE("chunk sums are those of magnitudes", "[op]") {
  for (Device device : devices()) {
    for (std::int64_t count : {1, 1000, 1024, 5000}) {
      Reals values = numbers(count);
      Tensor sums({(count + 1023) / 1024}, DType::f32, device);
      l1_of_chunks(on(device, values), 1024, sums);
      Reals found = to_reals(sums);
      for (std::size_t c = 0; c < found.size(); ++c) {
        double sum = 0;
        for (std::int64_t i = c * 1024; i < std::min<std::int64_t>(count, (c + 1) * 1024); ++i)
          sum += std::abs(float(values[i]));
        CHECK(found[c] == Approx(sum).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("top_k takes the largest magnitudes, of equal ones the first, in order", "[op]") {
  for (Device device : devices()) {
    for (std::int64_t count : {1, 100, 1000, 3000}) {
      for (std::int64_t k : {std::int64_t{0}, std::int64_t{1}, count / 10, count}) {
        INFO(device.name() << ", " << k << " of " << count);
        Reals values = numbers(count);
        for (double& value : values) value = std::round(value * 40) / 40;  // many ties
        if (count > 10) values[7] = std::numeric_limits<double>::infinity();
        std::vector<std::int32_t> order(count);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](int a, int b) { return std::abs(values[a]) > std::abs(values[b]); });
        order.resize(k);
        std::sort(order.begin(), order.end());
        Tensor x = on(device, values), kept({k}, DType::f32, device), places({k}, DType::i32, device);
        top_k(x, kept, places);
        CHECK(integers(places) == order);
        bool right = true;
        Reals found = to_reals(kept);
        for (std::int64_t i = 0; i < k; ++i) right = right && found[i] == float(values[order[i]]);
        CHECK(right);
        Tensor y = on(device, Reals(count, 1));
        scatter_add(kept, places, 2, y);
        Reals sums = to_reals(y), expected(count, 1);
        for (std::int32_t place : order) expected[place] += 2.0f * float(values[place]);
        for (std::int64_t i = 0; i < count; ++i)
          right = right && (sums[i] == expected[i] || std::abs(sums[i] - expected[i]) < 1e-6);
        CHECK(right);
      }
    }
  }
}
