#pragma once

#include <stint/runtime/local_update.h>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace stint {

/// A tensor of a file, or on its way into one. Its elements are there when they are asked for, one tensor at a time, so
/// a model that fills an allocator can be saved and loaded: what is on its way is counted by none.
struct StoredTensor {
  std::string name;
  Shape shape;
  DType dtype = DType::f32;
  /// Where they lie, or else in `scratch`.
  std::function<std::span<const std::byte>(std::vector<std::byte>& scratch)> elements;

  std::size_t bytes() const { return static_cast<std::size_t>(shape.count()) * size_of(dtype); }
};

/// These tensors (any device, plain), live.
std::vector<StoredTensor> stored(const std::vector<NamedTensor>& tensors);

/// Writes tensors as a safetensors file: f32, bf16, i32, u8. No time stamps: equal tensors make equal files. The file
/// is synced before this returns, and only then in the place of one that was there. Errors: cannot be written.
void write_safetensors(const std::string& path, const std::vector<StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});
void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// The tensors of a safetensors file, in the order of their places in it; the file stays open and is read as their
/// elements are asked for. Errors (ErrorKind::data, naming the file): unreadable, truncated, or a header that breaks
/// the format in any way: sizes, overlaps, holes, duplicates.
std::vector<StoredTensor> open_safetensors(const std::string& path,
                                           std::map<std::string, std::string>* metadata = nullptr);

/// The same as CPU tensors.
std::vector<NamedTensor> read_safetensors(const std::string& path,
                                          std::map<std::string, std::string>* metadata = nullptr);

}  // namespace stint
