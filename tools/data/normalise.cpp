#include <stint/tools/data/normalise.h>

namespace stint {

Normaliser::Normaliser(const std::vector<float>& mean, const std::vector<float>& deviation, float white)
    : channels_(static_cast<std::int64_t>(mean.size())) {
  for (std::size_t c = 0; c < mean.size(); ++c) {
    float gain = 1 / (white * deviation[c]), offset = -mean[c] / deviation[c];
    for (int byte = 0; byte < 256; ++byte) levels_.push_back(static_cast<float>(byte) * gain + offset);
  }
}

void Normaliser::operator()(const std::uint8_t* bytes, std::int64_t elements, float* to) const {
  for (std::int64_t i = 0, c = 0; i < elements; ++i, c = c + 1 == channels_ ? 0 : c + 1) {
    to[i] = levels_[c * 256 + bytes[i]];
  }
}

}  // namespace stint
