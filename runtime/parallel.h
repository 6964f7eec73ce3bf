#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>

namespace stint {

/// Number of threads that kernels of this thread use. One pool, shared with oneDNN (OpenMP).
inline int thread_count() {
  return omp_get_max_threads();
}
inline void set_thread_count(int threads) {
  omp_set_num_threads(threads);
}

/// Calls `work(begin, end)` for disjoint pieces that cover [0, count), in parallel when there are more than `grain`
/// items, in no more pieces than there would be of `grain`. The pieces depend on `count`, `grain` and the number of
/// threads alone. Throws what the first piece that failed threw, when all have ended.
template <typename Work>
void parallel_for(std::int64_t count, std::int64_t grain, const Work& work) {
  std::int64_t pieces = std::min<std::int64_t>(thread_count(), (count + grain - 1) / std::max<std::int64_t>(grain, 1));
  if (pieces <= 1) {
    if (count > 0) work(std::int64_t{0}, count);
    return;
  }
  std::exception_ptr failure;  // an exception cannot leave the region
#pragma omp parallel for num_threads(pieces) schedule(static)
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    try {
      work(count * piece / pieces, count * (piece + 1) / pieces);
    } catch (...) {
#pragma omp critical(stint_parallel_for)
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace stint
