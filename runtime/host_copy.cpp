#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/host_copy.h>
#include <stint/runtime/stream.h>

#include <cstring>

namespace stint {

namespace {

void expect_plain(const Tensor& tensor) {
  require(tensor.packing() == Packing::plain, "copy", "expected a plain tensor, got one packed for the CPU kernels");
}

}  // namespace

std::span<const std::byte> host_bytes(const Tensor& tensor, std::vector<std::byte>& scratch) {
  expect_plain(tensor);
  Device device = tensor.device();
  if (device.type == Device::Type::cpu) return {tensor.raw(), tensor.bytes()};
  scratch.resize(tensor.bytes());
  if (device.type == Device::Type::cuda && !scratch.empty()) {
    cuda_driver::download(scratch.data(), tensor.raw(), scratch.size(), device.index, Stream::current(device).native());
  }
  return scratch;
}

void copy_from_host(std::span<const std::byte> bytes, const Tensor& tensor) {
  expect_plain(tensor);
  require(bytes.size() == tensor.bytes(), "copy", "expected {} bytes, got {}", tensor.bytes(), bytes.size());
  if (bytes.empty()) return;
  Device device = tensor.device();
  if (device.type == Device::Type::cpu) std::memcpy(tensor.raw(), bytes.data(), bytes.size());
  if (device.type == Device::Type::cuda) {
    cuda_driver::upload(tensor.raw(), bytes.data(), bytes.size(), device.index, Stream::current(device).native());
  }
}

}  // namespace stint
