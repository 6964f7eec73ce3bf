#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace stint {

/// Number of threads that kernels of this thread use. One pool, shared with oneDNN (OpenMP).
inline int thread_count() {
  return omp_get_max_threads();
}
inline void set_thread_count(int threads) {
  omp_set_num_threads(threads);
}

/// Calls `work(begin, end)` for disjoint pieces that cover [0, count), in parallel when there are at least two pieces
/// of `grain` items. The pieces depend on `count`, `grain` and the number of threads alone.
template <typename Work>
void parallel_for(std::int64_t count, std::int64_t grain, const Work& work) {
  std::int64_t pieces = std::min<std::int64_t>(thread_count(), (count + grain - 1) / std::max<std::int64_t>(grain, 1));
  if (pieces <= 1) {
    if (count > 0) work(std::int64_t{0}, count);
    return;
  }
#pragma omp parallel for num_threads(pieces) schedule(static)
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    work(count * piece / pieces, count * (piece + 1) / pieces);
  }
}

}  // namespace stint
