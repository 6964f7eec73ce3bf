#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stint {

/// What a piece of memory is for. Every allocation has exactly one purpose at a time, so the purposes sum to the total.
enum class Purpose : std::uint8_t { parameter, gradient, optimiser, saved, workspace, communication, other };

inline constexpr int purpose_count = 7;

inline constexpr std::array<std::string_view, purpose_count> purpose_names = {
    "parameter", "gradient", "optimiser", "saved", "workspace", "communication", "other"};

/// Bytes by purpose.
struct PurposeBytes {
  std::array<std::size_t, purpose_count> bytes{};

  std::size_t& operator[](Purpose purpose) { return bytes[static_cast<int>(purpose)]; }
  std::size_t operator[](Purpose purpose) const { return bytes[static_cast<int>(purpose)]; }

  std::size_t total() const {
    std::size_t sum = 0;
    for (std::size_t part : bytes) sum += part;
    return sum;
  }

  bool operator==(const PurposeBytes&) const = default;
};

/// The purpose of what this thread allocates now; `other` (live activations, inputs) unless a scope says otherwise.
Purpose current_purpose();

/// Sets the purpose for the allocations of its scope.
class PurposeScope {
 public:
  explicit PurposeScope(Purpose purpose);
  ~PurposeScope();
  PurposeScope(const PurposeScope&) = delete;
  PurposeScope& operator=(const PurposeScope&) = delete;

 private:
  Purpose before_;
};

}  // namespace stint
