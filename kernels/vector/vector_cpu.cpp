// Flat vector arithmetic: one pass, memory-bound, computed in f32. The norm sums fixed chunks so that its bits do not
// depend on the number of threads.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/lanes.h>
#include <stint/runtime/parallel.h>

#include <vector>

namespace stint::cpu {

namespace {
constexpr std::int64_t grain = 16384;
}

void add_to(const Tensor& x, const Tensor& y, bool accumulate) {
  with_float_type(x.dtype(), "add_to", [&](auto from) {
    with_float_type(y.dtype(), "add_to", [&](auto to) {
      const auto* source = x.data<decltype(from)>();
      auto* target = y.data<decltype(to)>();
      parallel_for(x.count(), grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          target[i] = accumulate ? float(target[i]) + float(source[i]) : float(source[i]);
        }
      });
    });
  });
}

void axpy(float a, const Tensor& x, const Tensor& y) {
  with_float_type(x.dtype(), "axpy", [&](auto from) {
    with_float_type(y.dtype(), "axpy", [&](auto to) {
      const auto* source = x.data<decltype(from)>();
      auto* target = y.data<decltype(to)>();
      parallel_for(x.count(), grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) target[i] = float(target[i]) + a * float(source[i]);
      });
    });
  });
}

void scale(float a, const Tensor& x) {
  with_float_type(x.dtype(), "scale", [&](auto type) {
    auto* values = x.data<decltype(type)>();
    parallel_for(x.count(), grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) values[i] = a * float(values[i]);
    });
  });
}

void scatter_add(float a, const Tensor& x, const Tensor& places, const Tensor& y) {
  const float* values = x.data<float>();
  const std::int32_t* place = places.data<std::int32_t>();
  float* target = y.data<float>();
  parallel_for(x.count(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) target[place[i]] += a * values[i];
  });
}

void squared_norm(const Tensor& x, double& result) {
  std::int64_t chunks = (x.count() + grain - 1) / grain;
  std::vector<double> sums(chunks);
  with_float_type(x.dtype(), "norm", [&](auto type) {
    const auto* values = x.data<decltype(type)>();
    parallel_for(chunks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t chunk = begin; chunk < end; ++chunk) {
        std::int64_t first = chunk * grain;
        WideLanes squares[2]{};
        for_wide_lanes(values + first, std::min(x.count() - first, grain),
                       [&](auto half, const WideLanes& v) { squares[half] += v * v; });
        sums[chunk] = sum_of_halves(squares);
      }
    });
  });
  result = 0;
  for (double sum : sums) result += sum;
}

}  // namespace stint::cpu
