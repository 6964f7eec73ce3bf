#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/device.h>
#include <stint/runtime/error.h>

#include <charconv>

namespace stint {

Device Device::parse(std::string_view text) {
  if (text == "cpu") return cpu();
  if (text == "null") return null();
  if (text == "auto") return cuda_device_count() > 0 ? cuda() : cpu();
  if (text == "cuda") text = "cuda:0";
  int index = 0;
  std::string_view digits = text.starts_with("cuda:") ? text.substr(5) : "";
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || index < 0) {
    fail(ErrorKind::usage, "device", "expected auto, cpu, cuda, cuda:N or null, got '{}'", text);
  }
  if (index >= cuda_device_count()) fail(ErrorKind::usage, "device", "'{}' cannot be used: {}", text, cuda_absence());
  return cuda(index);
}

std::string Device::name() const {
  switch (type) {
    case Type::cpu:
      return "cpu";
    case Type::null:
      return "null";
    case Type::cuda:
      return fmt::format("cuda:{}", index);
  }
  return "?";
}

}  // namespace stint
