#pragma once

#include <stint/runtime/tensor.h>

#include <cstddef>
#include <span>
#include <vector>

/// A tensor's elements in plain host memory, which no allocator counts: on their way into a file or out of one.
namespace stint {

/// The bytes of a plain tensor: where they lie if that is on the CPU, else copied into `scratch`.
std::span<const std::byte> host_bytes(const Tensor& tensor, std::vector<std::byte>& scratch);

/// The inverse. Errors: another number of bytes.
void copy_from_host(std::span<const std::byte> bytes, const Tensor& tensor);

}  // namespace stint
