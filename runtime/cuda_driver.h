#pragma once

#include <stint/runtime/arena.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

/// All that the runtime asks of CUDA. A build without CUDA has an implementation that finds no device; the tests have
/// one that runs kernels on the CPU. Streams and events are CUDA's handles as void*; a null stream is the default one.
namespace stint {

/// Number of CUDA devices that this build can use on this machine: 0 without CUDA support or without a driver.
int cuda_device_count();

/// Why there is no (further) CUDA device, as the end of a sentence.
std::string cuda_absence();

namespace cuda_driver {

/// Throws, naming the operator that runs, unless `code` (a cudaError_t) is success. `action`: what was being done.
void check(int code, std::string_view action);

/// Makes a device the calling thread's own, for libraries that ask which one it is.
void use(int device);

std::unique_ptr<Arena> make_arena(int device);

/// Host to device: `from` may be reused at once (it goes through pinned memory), the copy is queued on `stream`.
void upload(void* to, const void* from, std::size_t bytes, int device, void* stream);
/// Device to host: returns when the bytes are there.
void download(void* to, const void* from, std::size_t bytes, int device, void* stream);
/// Between devices or on one; queued on `stream`.
void copy(void* to, const void* from, std::size_t bytes, int device, void* stream);
void zero(void* at, std::size_t bytes, int device, void* stream);

/// A stream that is used again, not destroyed, once nobody holds it: the allocator orders memory by streams.
std::shared_ptr<void> make_stream(int device);
void synchronize(int device, void* stream);
/// Work queued on `after` from now on waits for what is queued on `before` so far.
void order(int device, void* before, void* after);

std::shared_ptr<void> make_event(int device);
void record(int device, void* event, void* stream);
void synchronize_event(int device, void* event);
/// Whether the work behind which the event was recorded is done.
bool is_done(int device, void* event);
/// Work queued on `stream` from now on waits for the work behind which the event was recorded.
void wait(int device, void* stream, void* event);
double seconds_between(int device, void* earlier, void* later);

}  // namespace cuda_driver

}  // namespace stint
