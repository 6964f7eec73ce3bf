#pragma once

#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

/// Calls body(first channel, number of channels) for this lane's packs of a row that a warp works on.
template <typename Body>
__device__ void for_lane_packs(int channels, const Body& body) {
  int lane = static_cast<int>(threadIdx.x) % warp_size;
  for (int c = lane * Pack::size; c < channels; c += warp_size * Pack::size) {
    body(c, channels - c < Pack::size ? channels - c : Pack::size);
  }
}

}  // namespace stint::cuda
