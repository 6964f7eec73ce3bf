#include <fmt/format.h>
#include <stint/runtime/profile.h>

#include <algorithm>
#include <chrono>

#include "op_case_tensors.h"

namespace stint::test {

namespace {

struct Entry {
  std::string op;
  std::function<AnyCase()> make;
};

std::vector<Entry>& entries() {
  static std::vector<Entry> all;
  return all;
}

struct CallEntry {
  std::string op, name;
  RegisteredCall::Make make;
};

std::vector<CallEntry>& calls() {
  static std::vector<CallEntry> all;
  return all;
}

void print_row(const std::string& op, const std::string& name, const char* pass, DType dtype, Device device,
               std::pair<double, Work> measured) {
  auto [seconds, work] = measured;
  fmt::print("{:<24}{:<30}{:<10}{:<6}{:<8}{:>10.3f}{:>10.1f}{:>10.1f}\n", op, name, pass, name_of(dtype), device.name(),
             seconds * 1e3, work.bytes / seconds * 1e-9, work.flops / seconds * 1e-9);
}

/// Seconds of the fastest of several calls, the one that other programs disturbed least, and what it says it does.
template <typename Body>
std::pair<double, Work> measure(Device device, const Body& call) {
  auto body = [&] {
    call();
    Stream::current(device).synchronize();
  };
  body();
  Work before = work_done();
  body();
  Work work{work_done().flops - before.flops, work_done().bytes - before.bytes};
  double fastest = 1e9;
  for (int i = 0; i < 15; ++i) {
    auto start = std::chrono::steady_clock::now();
    body();
    fastest = std::min(fastest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return {fastest, work};
}

/// A case at its size for `--perf`.
class Measured {
 public:
  explicit Measured(const Entry& entry) : op_(entry.op), c_(entry.make()) {}

  void measure_on(Device device, DType dtype) {
    auto inputs = make_inputs(c_, dtype, packings_of(c_, device).back(), device);
    SaveNothing nothing;
    print_row(op_, c_.name, "forward", dtype, device, measure(device, [&] { c_.forward(nothing, inputs); }));
    RecordingSaver saver;
    Tensor y = c_.forward(saver, inputs);
    Tensor dy = to_tensor(random_reals(y.count(), 5), y.spec());
    ReplayedSaved saved(saver);
    print_row(op_, c_.name, "backward", dtype, device, measure(device, [&] { run_backward(c_, inputs, saved, dy); }));
  }

 private:
  std::string op_;
  AnyCase c_;
};

}  // namespace

void Registered::add(std::string op, std::function<AnyCase()> make) {
  entries().push_back({std::move(op), std::move(make)});
}

RegisteredCall::RegisteredCall(std::string op, std::string name, Make make) {
  calls().push_back({std::move(op), std::move(name), std::move(make)});
}

std::set<std::string> measured_operators() {
  std::set<std::string> names;
  for (const Entry& entry : entries()) names.insert(entry.op);
  for (const CallEntry& call : calls()) names.insert(call.op);
  return names;
}

void print_performance() {
  fmt::print("{:<24}{:<30}{:<10}{:<6}{:<8}{:>10}{:>10}{:>10}\n", "operator", "case", "pass", "dtype", "device", "ms",
             "GB/s", "GFLOP/s");
  for (Device device : devices()) {
    for (const Entry& entry : entries()) {
      Measured measured(entry);
      for (DType dtype : dtypes) measured.measure_on(device, dtype);
    }
    for (const CallEntry& entry : calls()) {
      for (DType dtype : dtypes) {
        if (auto call = entry.make(device, dtype)) {
          print_row(entry.op, entry.name, "call", dtype, device, measure(device, call));
        }
      }
    }
  }
}

void print_support() {
  fmt::print("{:<24}{:<14}{}\n", "operator", "dtypes", "devices");
  std::string names, types;
  for (Device device : devices()) names += device.name() + " ";
  for (DType dtype : dtypes) types += std::string(name_of(dtype)) + " ";
  std::string_view last;  // an operator may have several cases
  for (const Entry& e : entries()) {
    if (e.op != std::exchange(last, e.op)) fmt::print("{:<24}{:<14}{}null (accounting)\n", e.op, types, names);
  }
}

}  // namespace stint::test
