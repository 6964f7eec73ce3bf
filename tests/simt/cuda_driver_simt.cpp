// One "CUDA device" made of host memory. Outside kernels and copies its memory is closed, so that host code which
// touches a device tensor fails here as it would on a GPU.

#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/error.h>
#include <sys/mman.h>
#include <stint/kernels/cuda.cuh>

#include <cstring>
#include <mutex>
#include <thread>

#include "simt_stream.h"

namespace stint {

namespace {

class SimtArena;
SimtArena* opened = nullptr;  // the one device's
std::mutex access_mutex;      // ranks of a group are threads
int accesses = 0;

class SimtArena : public Arena {
 public:
  SimtArena() : host_(stint::make_arena(Device::cpu())) { opened = this; }
  ~SimtArena() override { opened = nullptr; }

  std::byte* base() const override { return host_->base(); }
  std::size_t capacity() const override { return host_->capacity(); }
  bool grow(std::size_t bytes) override {
    if (!host_->grow(bytes)) return false;
    std::lock_guard lock(access_mutex);
    size_ = bytes;
    protect(accesses > 0);
    return true;
  }
  void permit(std::byte* address, std::size_t bytes) override { host_->permit(address, bytes); }
  void forbid(std::byte* address, std::size_t bytes) override { host_->forbid(address, bytes); }
  void fill(std::byte* address, unsigned char value, std::size_t bytes) override {
    simt::DeviceAccess access;
    host_->fill(address, value, bytes);
  }
  bool holds(const std::byte* address, unsigned char value, std::size_t bytes) const override {
    simt::DeviceAccess access;
    return host_->holds(address, value, bytes);
  }

  void protect(bool open) const {
    if (size_ > 0) mprotect(base(), size_, open ? PROT_READ | PROT_WRITE : PROT_NONE);
  }

 private:
  std::unique_ptr<Arena> host_;
  std::size_t size_ = 0;
};

}  // namespace

simt::DeviceAccess::DeviceAccess() {
  std::lock_guard lock(access_mutex);
  if (accesses++ == 0 && opened) opened->protect(true);
}

simt::DeviceAccess::~DeviceAccess() {
  std::lock_guard lock(access_mutex);
  if (--accesses == 0 && opened) opened->protect(false);
}

int cuda_device_count() {
  return 1;
}

std::string cuda_absence() {
  return "there is one simulated device";
}

namespace cuda_driver {

void check(int, std::string_view) {}

void use(int) {}

std::unique_ptr<Arena> make_arena(int) {
  return std::make_unique<SimtArena>();
}

void upload(void* to, const void* from, std::size_t bytes, int, void*) {
  simt::DeviceAccess access;
  std::memcpy(to, from, bytes);
}

void download(void* to, const void* from, std::size_t bytes, int, void*) {
  simt::DeviceAccess access;
  std::memcpy(to, from, bytes);
}

void copy(void* to, const void* from, std::size_t bytes, int, void*) {
  simt::DeviceAccess access;
  std::memcpy(to, from, bytes);
}

void zero(void* at, std::size_t bytes, int, void*) {
  simt::DeviceAccess access;
  std::memset(at, 0, bytes);
}

// Kernels and copies are done when they return; only the simulated NCCL works behind its callers' backs.

std::shared_ptr<void> make_stream(int) {
  return std::make_shared<simt::Stream>();
}
void synchronize(int, void* stream) {
  while (stream && !static_cast<simt::Stream*>(stream)->idle()) std::this_thread::yield();
}
void order(int, void*, void*) {}  // what is queued on another stream than NCCL's is done at once
void wait(int, void*, void*) {}

std::shared_ptr<void> make_event(int) {
  return std::make_shared<simt::Event>();
}
void record(int, void* event, void* stream) {
  static_cast<simt::Event*>(event)->record(static_cast<simt::Stream*>(stream));
}
bool is_done(int, void* event) {
  return static_cast<simt::Event*>(event)->is_done();
}
void synchronize_event(int device, void* event) {
  while (!is_done(device, event)) std::this_thread::yield();
}
double seconds_between(int, void* earlier, void* later) {
  auto time = [](void* event) { return static_cast<simt::Event*>(event)->time; };
  return std::chrono::duration<double>(time(later) - time(earlier)).count();
}

}  // namespace cuda_driver

namespace cuda {

void check_launch(cudaStream_t) {}

}  // namespace cuda

}  // namespace stint
