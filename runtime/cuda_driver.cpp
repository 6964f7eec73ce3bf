// CUDA through its static runtime library, which starts without a driver. Memory is one range of addresses into which
// pieces are mapped as it grows (the driver's virtual memory interface), so that it is accounted and reused exactly as
// on the CPU.

#include <cuda.h>
#include <cuda_runtime.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/error.h>
#include <stint/runtime/profile.h>
#include <stint/runtime/stream.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

namespace stint {

namespace {

struct DeviceCount {
  int count = 0;
  cudaError_t error = cudaSuccess;

  DeviceCount() {
    error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess) count = 0;
  }
};

const DeviceCount& device_count() {
  static const DeviceCount counted;
  return counted;
}

cudaStream_t stream_of(void* stream) {
  return static_cast<cudaStream_t>(stream);
}

/// The driver's functions for virtual memory, found without linking the driver.
struct VirtualMemory {
  decltype(&cuMemAddressReserve) reserve;
  decltype(&cuMemAddressFree) free;
  decltype(&cuMemCreate) create;
  decltype(&cuMemRelease) release;
  decltype(&cuMemMap) map;
  decltype(&cuMemUnmap) unmap;
  decltype(&cuMemSetAccess) set_access;

  VirtualMemory() {
    get(reserve, "cuMemAddressReserve");
    get(free, "cuMemAddressFree");
    get(create, "cuMemCreate");
    get(release, "cuMemRelease");
    get(map, "cuMemMap");
    get(unmap, "cuMemUnmap");
    get(set_access, "cuMemSetAccess");
  }

 private:
  template <typename Function>
  static void get(Function& function, const char* name) {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult status{};
    cuda_driver::check(cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &status), name);
    require(found != nullptr, "device", "the NVIDIA driver has no {}", name);
    function = reinterpret_cast<Function>(found);
  }
};

const VirtualMemory& virtual_memory() {
  static const VirtualMemory functions;
  return functions;
}

class CudaArena : public Arena {
 public:
  explicit CudaArena(int device) : device_(device) {
    cuda_driver::use(device);
    std::size_t available = 0, total = 0;
    cuda_driver::check(cudaMemGetInfo(&available, &total), "asking for the memory's size");
    capacity_ = total / piece * piece;
    CUdeviceptr address = 0;
    expect(virtual_memory().reserve(&address, capacity_, 0, 0, 0), "reserving addresses");
    base_ = reinterpret_cast<std::byte*>(address);
  }
  ~CudaArena() override {
    if (open_ > 0) virtual_memory().unmap(address_of(base_), open_);
    for (auto handle : handles_) virtual_memory().release(handle);
    virtual_memory().free(address_of(base_), capacity_);
  }

  std::byte* base() const override { return base_; }
  std::size_t capacity() const override { return capacity_; }

  bool grow(std::size_t bytes) override {
    cuda_driver::use(device_);
    CUmemAllocationProp property{};
    property.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    property.location = {CU_MEM_LOCATION_TYPE_DEVICE, device_};
    CUmemGenericAllocationHandle handle{};
    CUresult created = virtual_memory().create(&handle, bytes - open_, &property, 0);
    if (created == CUDA_ERROR_OUT_OF_MEMORY) return false;
    expect(created, "taking memory");
    handles_.push_back(handle);
    expect(virtual_memory().map(address_of(base_ + open_), bytes - open_, 0, handle, 0), "mapping memory");
    CUmemAccessDesc access{};
    access.location = property.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    expect(virtual_memory().set_access(address_of(base_ + open_), bytes - open_, &access, 1), "opening memory");
    open_ = bytes;
    return true;
  }

  void permit(std::byte*, std::size_t) override {}
  void forbid(std::byte*, std::size_t) override {}

  void fill(std::byte* address, unsigned char value, std::size_t bytes) override {
    cuda_driver::use(device_);
    cuda_driver::check(cudaMemsetAsync(address, value, bytes, stream_of(stream())), "filling memory");
  }

  bool holds(const std::byte* address, unsigned char value, std::size_t bytes) const override {
    std::vector<std::byte> here(bytes);
    cuda_driver::download(here.data(), address, bytes, device_, stream());
    return std::all_of(here.begin(), here.end(), [value](std::byte b) { return b == std::byte{value}; });
  }

  void* stream() const override { return Stream::current(Device::cuda(device_)).native(); }
  void order(void* before, void* after) override { cuda_driver::order(device_, before, after); }

 private:
  static constexpr std::size_t piece = 2 * 1048576;  // the granularity of mapping

  static CUdeviceptr address_of(std::byte* address) { return reinterpret_cast<CUdeviceptr>(address); }

  static void expect(CUresult result, std::string_view action) {
    if (result != CUDA_SUCCESS) {
      fail(ErrorKind::runtime, "device", "CUDA error {} while {}", static_cast<int>(result), action);
    }
  }

  int device_;
  std::byte* base_ = nullptr;
  std::size_t capacity_ = 0, open_ = 0;
  std::vector<CUmemGenericAllocationHandle> handles_;
};

/// Pinned buffers that take turns: while one is being copied to the device, the next is filled.
class Staging {
 public:
  static constexpr std::size_t size = 8 * 1048576;

  explicit Staging(int device) {
    cuda_driver::use(device);
    for (Slot& slot : slots_) {
      cuda_driver::check(cudaMallocHost(&slot.data, size), "taking pinned memory");
      cuda_driver::check(cudaEventCreateWithFlags(&slot.done, cudaEventDisableTiming), "making an event");
    }
  }

  void upload(std::byte* to, const std::byte* from, std::size_t bytes, cudaStream_t stream) {
    std::lock_guard lock(mutex_);
    for (std::size_t at = 0; at < bytes; at += size) {
      Slot& slot = slots_[next_++ % std::size(slots_)];
      std::size_t part = std::min(size, bytes - at);
      cuda_driver::check(cudaEventSynchronize(slot.done), "waiting for a copy");
      std::memcpy(slot.data, from + at, part);
      cuda_driver::check(cudaMemcpyAsync(to + at, slot.data, part, cudaMemcpyHostToDevice, stream), "copying");
      cuda_driver::check(cudaEventRecord(slot.done, stream), "recording an event");
    }
  }

 private:
  struct Slot {
    void* data = nullptr;
    cudaEvent_t done = nullptr;
  };
  std::mutex mutex_;
  Slot slots_[2];
  std::size_t next_ = 0;
};

/// Streams that nobody holds. They are never destroyed: released memory still names the stream that used it.
class IdleStreams {
 public:
  explicit IdleStreams(int device) : device_(device) {}

  std::shared_ptr<void> take() {
    std::lock_guard lock(mutex_);
    void* stream = nullptr;
    if (idle_.empty()) {
      cuda_driver::use(device_);
      cudaStream_t made = nullptr;
      cuda_driver::check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "making a stream");
      stream = made;
    } else {
      stream = idle_.back();
      idle_.pop_back();
    }
    return {stream, [this](void* s) { put_back(s); }};
  }

 private:
  void put_back(void* stream) {
    std::lock_guard lock(mutex_);
    idle_.push_back(stream);
  }

  int device_;
  std::mutex mutex_;
  std::vector<void*> idle_;
};

/// What there is one of a device; it lives as long as the program, like its device.
template <typename T>
T& of_device(int device) {
  static std::mutex mutex;
  static auto& all = *new std::map<int, T>();
  std::lock_guard lock(mutex);
  return all.try_emplace(device, device).first->second;
}

}  // namespace

int cuda_device_count() {
  return device_count().count;
}

std::string cuda_absence() {
  const DeviceCount& counted = device_count();
  if (counted.error == cudaErrorInsufficientDriver) {
    return "this machine has no NVIDIA driver, or one too old for CUDA " + std::to_string(CUDART_VERSION / 1000);
  }
  if (counted.error == cudaErrorNoDevice || counted.error == cudaSuccess) {
    return "this machine has " + std::to_string(counted.count) + " CUDA device(s)";
  }
  return std::string("CUDA says: ") + cudaGetErrorString(counted.error);
}

namespace cuda_driver {

void use(int device) {
  check(cudaSetDevice(device), "choosing the device");
}

void check(int code, std::string_view action) {
  auto error = static_cast<cudaError_t>(code);
  if (error == cudaSuccess) return;
  std::string_view running = ProfileRange::current();
  ErrorKind kind = error == cudaErrorMemoryAllocation ? ErrorKind::memory : ErrorKind::runtime;
  fail(kind, running.empty() ? "device" : running,
       "CUDA error while {}: {} (the fault may be an earlier operator's: STINT_CUDA_SYNC=1 finds it)", action,
       cudaGetErrorString(error));
}

std::unique_ptr<Arena> make_arena(int device) {
  return std::make_unique<CudaArena>(device);
}

void upload(void* to, const void* from, std::size_t bytes, int device, void* stream) {
  use(device);
  of_device<Staging>(device).upload(static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes,
                                    stream_of(stream));
}

void download(void* to, const void* from, std::size_t bytes, int device, void* stream) {
  use(device);
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_of(stream)), "copying to the host");
  synchronize(device, stream);
}

void copy(void* to, const void* from, std::size_t bytes, int device, void* stream) {
  use(device);
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_of(stream)), "copying");
}

void zero(void* at, std::size_t bytes, int device, void* stream) {
  use(device);
  check(cudaMemsetAsync(at, 0, bytes, stream_of(stream)), "setting to zero");
}

std::shared_ptr<void> make_stream(int device) {
  return of_device<IdleStreams>(device).take();
}

void synchronize(int device, void* stream) {
  use(device);
  check(cudaStreamSynchronize(stream_of(stream)), "waiting for the device");
}

void order(int device, void* before, void* after) {
  auto event = make_event(device);
  record(device, event.get(), before);
  wait(device, after, event.get());
}

void wait(int device, void* stream, void* event) {
  use(device);
  check(cudaStreamWaitEvent(stream_of(stream), static_cast<cudaEvent_t>(event), 0), "ordering streams");
}

std::shared_ptr<void> make_event(int device) {
  use(device);
  cudaEvent_t event = nullptr;
  check(cudaEventCreate(&event), "making an event");
  return {event, [](void* e) { cudaEventDestroy(static_cast<cudaEvent_t>(e)); }};
}

void record(int device, void* event, void* stream) {
  use(device);
  check(cudaEventRecord(static_cast<cudaEvent_t>(event), stream_of(stream)), "recording an event");
}

void synchronize_event(int device, void* event) {
  use(device);
  check(cudaEventSynchronize(static_cast<cudaEvent_t>(event)), "waiting for an event");
}

bool is_done(int device, void* event) {
  use(device);
  cudaError_t state = cudaEventQuery(static_cast<cudaEvent_t>(event));
  if (state == cudaErrorNotReady) return false;
  check(state, "asking for an event");
  return true;
}

double seconds_between(int device, void* earlier, void* later) {
  use(device);
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(earlier), static_cast<cudaEvent_t>(later)),
        "reading the time between events");
  return milliseconds * 1e-3;
}

}  // namespace cuda_driver

}  // namespace stint
