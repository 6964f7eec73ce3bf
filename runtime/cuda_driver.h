#pragma once

#include <string>

namespace stint {

/// Number of CUDA devices that this build can use on this machine: 0 without CUDA support or without a driver.
int cuda_device_count();

/// Why there is no (further) CUDA device, as the end of a sentence.
std::string cuda_absence();

}  // namespace stint
