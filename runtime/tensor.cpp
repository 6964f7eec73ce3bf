#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/stream.h>
#include <stint/runtime/tensor.h>

#include <cstring>

namespace stint {

Storage::Storage(Device device, std::size_t bytes, Purpose purpose)
    : allocator_(allocator_of(device)), bytes_(bytes), purpose_(purpose), data_(allocator_.allocate(bytes, purpose)) {}

// A device that has failed would throw here and end the program; its error comes up again at the next thing it is
// asked.
Storage::~Storage() {
  try {
    allocator_.release(data_);
  } catch (const Error&) {
  }
}

void Storage::set_purpose(Purpose purpose) {
  if (purpose == purpose_) return;
  allocator_.relabel(data_, purpose);
  purpose_ = purpose;
}

Tensor::Tensor(TensorSpec spec)
    : spec_(spec), storage_(std::make_shared<Storage>(spec.device, spec.bytes(), current_purpose())) {}

Tensor Tensor::reshaped(Shape shape) const {
  require(shape.count() == count(), "reshape", "{} has {} elements, but {} has {}", shape, shape.count(), this->shape(),
          count());
  require(packing() == Packing::plain, "reshape", "expected a plain tensor, got one packed for the CPU kernels");
  Tensor view = *this;
  view.spec_.shape = shape;
  return view;
}

Tensor Tensor::slice(std::int64_t begin, std::int64_t count) const {
  require(begin >= 0 && count >= 0 && begin <= this->count() && count <= this->count() - begin, "slice",
          "{} elements from {} on are not inside {} elements", count, begin, this->count());
  Tensor view = reshaped({this->count()});
  view.spec_.shape = {count};
  view.offset_ += static_cast<std::size_t>(begin) * size_of(dtype());
  return view;
}

void Tensor::zero() const {
  if (bytes() == 0) return;
  if (device().type == Device::Type::cpu) std::memset(raw(), 0, bytes());
  if (device().type == Device::Type::cuda) {
    cuda_driver::zero(raw(), bytes(), device().index, Stream::current(device()).native());
  }
}

void Tensor::copy_from(const Tensor& source) const {
  require(source.count() == count() && source.dtype() == dtype() && source.packing() == packing(), "copy",
          "expected {} {} elements of the same packing, got {} {}", count(), name_of(dtype()), source.count(),
          name_of(source.dtype()));
  Device from = source.device(), to = device();
  if (from.type == Device::Type::null || to.type == Device::Type::null || bytes() == 0) return;
  if (from.type == Device::Type::cuda) {
    auto move = to.type == Device::Type::cuda ? cuda_driver::copy : cuda_driver::download;
    move(raw(), source.raw(), bytes(), from.index, Stream::current(from).native());
  } else if (to.type == Device::Type::cuda) {
    cuda_driver::upload(raw(), source.raw(), bytes(), to.index, Stream::current(to).native());
  } else {
    std::memcpy(raw(), source.raw(), bytes());
  }
}

Tensor scalar_tensor(float value, Device device) {
  Tensor tensor({1}, DType::f32, device);
  if (device.type == Device::Type::cpu) *tensor.data<float>() = value;
  if (device.type == Device::Type::cuda) tensor.copy_from(scalar_tensor(value, Device::cpu()));
  return tensor;
}

float scalar_of(const Tensor& tensor) {
  require(tensor.count() == 1, "tensor", "expected one element, got {}", tensor.shape());
  if (tensor.device().type == Device::Type::null) return 0;
  if (tensor.device().type == Device::Type::cuda) return scalar_of(tensor.copy_to(Device::cpu()));
  return *tensor.data<float>();
}

Tensor Tensor::copy_to(Device device) const {
  TensorSpec spec = spec_;
  spec.device = device;
  Tensor copy(spec);
  copy.copy_from(*this);
  return copy;
}

}  // namespace stint
