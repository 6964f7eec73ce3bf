#include <fmt/format.h>
#include <stint/runtime/profile.h>

#include <algorithm>
#include <chrono>

#include "op_case_tensors.h"

namespace stint::test {

namespace {

struct Entry {
  std::string op;
  AnyCase c;
};

using MakeEntry = std::function<std::pair<std::string, AnyCase>()>;

std::vector<MakeEntry>& makers() {
  static std::vector<MakeEntry> all;
  return all;
}

Entry made(const MakeEntry& make) {
  auto [op, c] = make();
  return {std::move(op), std::move(c)};
}

/// Median seconds of a call, and what it says it does.
template <typename Body>
std::pair<double, Work> measure(const Body& body) {
  body();
  Work before = work_done();
  body();
  Work work{work_done().flops - before.flops, work_done().bytes - before.bytes};
  std::vector<double> seconds;
  for (int i = 0; i < 9; ++i) {
    auto start = std::chrono::steady_clock::now();
    body();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + 4, seconds.end());
  return {seconds[4], work};
}

void print_row(const Entry& e, const char* pass, DType dtype, std::pair<double, Work> measured) {
  auto [seconds, work] = measured;
  fmt::print("{:<24}{:<30}{:<10}{:<6}{:>10.3f}{:>10.1f}{:>10.1f}\n", e.op, e.c.name, pass, name_of(dtype),
             seconds * 1e3, work.bytes / seconds * 1e-9, work.flops / seconds * 1e-9);
}

void measure_case(const Entry& e, DType dtype, Device device) {
  auto inputs = make_inputs(e.c, dtype, packings_of(e.c, device).back(), device);
  SaveNothing nothing;
  print_row(e, "forward", dtype, measure([&] { e.c.forward(nothing, inputs); }));
  RecordingSaver saver;
  Tensor y = e.c.forward(saver, inputs);
  Tensor dy = to_tensor(random_reals(y.count(), 5), y.spec());
  ReplayedSaved saved(saver);
  print_row(e, "backward", dtype, measure([&] {
              std::vector<Tensor> out(inputs.size());
              std::vector<Grad> grads;
              for (std::size_t i = 0; i < inputs.size(); ++i) {
                auto kind = e.c.inputs[i].kind;
                TensorSpec spec = inputs[i].spec();
                if (kind != Input::Kind::activation) spec.dtype = DType::f32;
                bool none = kind == Input::Kind::absent || kind == Input::Kind::labels;
                grads.emplace_back(none ? GradMode::ignore : GradMode::overwrite, out[i], spec);
              }
              e.c.backward(saved, dy, grads);
            }));
}

}  // namespace

void Registered::add(MakeEntry make) {
  makers().push_back(std::move(make));
}

void print_performance() {
  fmt::print("{:<24}{:<30}{:<10}{:<6}{:>10}{:>10}{:>10}\n", "operator", "case", "pass", "dtype", "ms", "GB/s",
             "GFLOP/s");
  for (Device device : devices()) {
    for (const MakeEntry& make : makers()) {
      Entry e = made(make);
      for (DType dtype : {DType::f32, DType::bf16}) measure_case(e, dtype, device);
    }
  }
}

void print_support() {
  fmt::print("{:<24}{:<14}{}\n", "operator", "dtypes", "devices");
  std::string names;
  for (Device device : devices()) names += device.name() + " ";
  for (const MakeEntry& make : makers()) fmt::print("{:<24}{:<14}{}\n", made(make).op, "f32 bf16", names + "null");
}

}  // namespace stint::test
