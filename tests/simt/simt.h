#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <set>
#include <source_location>
#include <string>

/// Runs CUDA kernels on the CPU: blocks one after the other, the threads of a block as fibers that stop at barriers and
/// warp exchanges. It is a judge and not a simulator: it fails (with an exception out of the launch) where threads of a
/// block wait at different barriers, or for a thread that has ended; shared memory starts as NaN and ends where the
/// launch said; and the host may touch device memory in copies only.
namespace stint::simt {

struct Dim3 {
  unsigned x, y, z;
  constexpr Dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}  // NOLINT: as CUDA's
};

/// Of the running thread.
inline Dim3 threadIdx, blockIdx, blockDim, gridDim;

/// In which order the threads of a block take their turns between two barriers. Shuffled: also, half of the warps run
/// as far ahead of the others as barriers let them.
enum class Order { forward, reverse, shuffled };
/// From the environment variable STINT_SIMT_ORDER; forward without it.
Order order_from_environment();
void set_order(Order order);

/// Bytes of shared memory that a block can have without asking; that it can ask for; and the most that tests raise this
/// to. By default it is little, so that kernels that take what they find are quick here.
inline constexpr std::size_t shared_by_default = 48 * 1024, most_shared = 227 * 1024;
inline std::size_t shared_on_demand = 8 * 1024;

/// Runs `thread` once for every thread of the grid. `kernel`: its address, by which it is remembered as launched.
void run(const void* kernel, Dim3 grid, Dim3 block, std::size_t shared, const std::function<void()>& thread);

/// Kernels launched so far, as demangled names.
std::set<std::string> launched();

using Where = std::source_location;

/// Every thread of the block must come here, from the same place.
void barrier(Where where);

/// Number of the running thread in its warp.
int lane();

/// Gives `bytes` bytes to the warp and takes those of lane `source`. Every lane of the warp must come here.
void exchange_bytes(unsigned mask, const void* mine, void* theirs, std::size_t bytes, int source, Where where);

template <typename T>
T exchange(unsigned mask, T value, int source, Where where) {
  T result;
  exchange_bytes(mask, &value, &result, sizeof(T), source, where);
  return result;
}

/// Device memory can be touched while one of these lives. Elsewhere a touch is a fault, as it is with a real device.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace stint::simt
