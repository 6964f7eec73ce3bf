#pragma once

#include <cstdint>
#include <vector>

namespace stint {

/// (byte / white - mean) / deviation, channel by channel, as one table look-up a byte.
class Normaliser {
 public:
  /// `mean`, `deviation`: one number a channel, of byte / `white`.
  Normaliser(const std::vector<float>& mean, const std::vector<float>& deviation, float white);

  /// `elements` bytes [...,channels] to as many numbers.
  void operator()(const std::uint8_t* bytes, std::int64_t elements, float* to) const;

 private:
  std::int64_t channels_;
  std::vector<float> levels_;  // [channels,256]
};

}  // namespace stint
