#pragma once

#include <stint/runtime/allocator.h>
#include <stint/runtime/device.h>
#include <stint/runtime/dtype.h>
#include <stint/runtime/error.h>
#include <stint/runtime/shape.h>

#include <memory>
#include <span>

namespace stint {

/// How the elements of an activation [N,H,W,C] lie in memory. `c16` is [N,C/16,H,W,16], the blocked layout in which
/// oneDNN's Winograd lives; it exists on the CPU only and never leaves the kernels: everyone else asks `plain(tensor)`.
enum class Packing : std::uint8_t { plain, c16 };

/// Everything about a tensor but its memory.
struct TensorSpec {
  Shape shape;
  DType dtype = DType::f32;
  Device device;
  Packing packing = Packing::plain;

  std::size_t bytes() const { return static_cast<std::size_t>(shape.count()) * size_of(dtype); }
  bool operator==(const TensorSpec&) const = default;
};

/// A block of an allocator, given back when the last tensor over it dies.
class Storage {
 public:
  Storage(Device device, std::size_t bytes, Purpose purpose);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Purpose purpose() const { return purpose_; }
  void set_purpose(Purpose purpose);

 private:
  Allocator& allocator_;
  std::size_t bytes_;
  Purpose purpose_;
  std::byte* data_;
};

/// A contiguous array: a handle to shared storage, cheap to copy. Copies and views see the same elements. A
/// default-constructed tensor is empty: it stands for "no tensor".
class Tensor {
 public:
  Tensor() = default;
  /// New, uninitialised memory for the current purpose.
  explicit Tensor(TensorSpec spec);
  Tensor(Shape shape, DType dtype, Device device = Device::cpu()) : Tensor(TensorSpec{shape, dtype, device}) {}
  /// A view of memory that exists, `offset` bytes into it.
  Tensor(TensorSpec spec, std::shared_ptr<Storage> storage, std::size_t offset)
      : spec_(spec), storage_(std::move(storage)), offset_(offset) {}

  explicit operator bool() const { return storage_ != nullptr; }

  const TensorSpec& spec() const { return spec_; }
  const Shape& shape() const { return spec_.shape; }
  DType dtype() const { return spec_.dtype; }
  Device device() const { return spec_.device; }
  Packing packing() const { return spec_.packing; }
  std::int64_t count() const { return spec_.shape.count(); }
  std::size_t bytes() const { return spec_.bytes(); }
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  std::size_t offset() const { return offset_; }  ///< of the first element in the storage, in bytes
  std::byte* raw() const { return storage_ ? storage_->data() + offset_ : nullptr; }

  /// The elements, as they lie in memory. Constness is of the handle, not of the elements. Errors: another dtype.
  template <typename T>
  T* data() const {
    require(dtype() == dtype_of<T>(), "tensor", "expected {} elements, got {}", name_of(dtype_of<T>()),
            name_of(dtype()));
    return reinterpret_cast<T*>(raw());
  }
  template <typename T>
  std::span<T> span() const {
    return {data<T>(), static_cast<std::size_t>(count())};
  }

  /// The same elements under another shape of the same count. Errors: another count; a `c16` tensor.
  Tensor reshaped(Shape shape) const;
  /// `count` elements from `begin` on as a one-dimensional view. Errors: out of range; a `c16` tensor.
  Tensor slice(std::int64_t begin, std::int64_t count) const;

  /// Sets every byte to zero. Does nothing on the null device.
  void zero() const;
  /// Copies the elements of `source`, which may be on another device. Returns when `source` may be reused and, on the
  /// CPU, when the values are there. Errors: another count, dtype or packing.
  void copy_from(const Tensor& source) const;
  /// A copy of its own memory on `device`.
  Tensor copy_to(Device device) const;

 private:
  TensorSpec spec_;
  std::shared_ptr<Storage> storage_;
  std::size_t offset_ = 0;  // bytes
};

/// A [1] f32 tensor. On the null device the value is nowhere.
Tensor scalar_tensor(float value, Device device);
/// The value of a tensor of one f32 element; 0 on the null device.
float scalar_of(const Tensor& tensor);

/// A CPU tensor with the given elements.
template <typename T>
Tensor tensor_of(Shape shape, std::span<const T> values) {
  Tensor tensor(shape, dtype_of<T>());
  require(tensor.count() == static_cast<std::int64_t>(values.size()), "tensor", "shape {} has {} elements, got {}",
          shape, tensor.count(), values.size());
  std::copy(values.begin(), values.end(), tensor.data<T>());
  return tensor;
}

}  // namespace stint
