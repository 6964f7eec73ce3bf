#pragma once

#include <string>
#include <string_view>

namespace stint {

/// Where tensors live and kernels run. `null` runs the allocator and skips the kernels: it predicts memory.
struct Device {
  enum class Type { cpu, cuda, null };

  Type type = Type::cpu;
  int index = 0;

  static Device cpu() { return {Type::cpu, 0}; }
  static Device cuda(int index = 0) { return {Type::cuda, index}; }
  static Device null() { return {Type::null, 0}; }

  /// `auto` (the first CUDA device if this build and machine have one, else the CPU), `cpu`, `cuda`, `cuda:1`, `null`.
  /// Anything else, or a CUDA device that is not there, is a usage error.
  static Device parse(std::string_view text);

  /// The inverse of `parse`.
  std::string name() const;

  bool operator==(const Device&) const = default;
};

}  // namespace stint
