#include "op_case.h"

#include <stint/runtime/allocator.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "op_case_tensors.h"
#include "op_case_trial.h"

namespace stint::test {

namespace {

/// Poison and guards for the length of a scope; not with STINT_TEST_CHECKS=0, for tools that watch memory themselves.
class Checks {
 public:
  explicit Checks(Device device) : allocator_(allocator_of(device)) {
    const char* wanted = std::getenv("STINT_TEST_CHECKS");
    allocator_.set_checks(!wanted || std::string_view(wanted) != "0");
  }
  ~Checks() { allocator_.set_checks(false); }

 private:
  Allocator& allocator_;
};

/// What a forward and a backward ask of a device's allocator.
struct Footprint {
  std::size_t allocations = 0;
  PurposeBytes peak;  // above the inputs
  std::vector<std::size_t> saved;
};

Footprint footprint_of(const AnyCase& c, DType dtype, const Packings& packings, Device device) {
  auto inputs = make_inputs(c, dtype, packings, device);
  Allocator& allocator = allocator_of(device);
  allocator.reset_peak();
  MemoryStats before = allocator.stats();
  Footprint footprint;
  {
    RecordingSaver saver;
    Tensor y = c.forward(saver, inputs);
    Tensor dy(y.spec());
    dy.zero();
    run_backward(c, inputs, ReplayedSaved(saver), dy);
    for (const auto& slot : saver.slots) footprint.saved.push_back(slot.tensor.bytes());
  }
  MemoryStats after = allocator.stats();
  footprint.allocations = after.allocations - before.allocations;
  for (int i = 0; i < purpose_count; ++i) footprint.peak.bytes[i] = after.peak.bytes[i] - before.requested.bytes[i];
  REQUIRE(after.requested == before.requested);
  return footprint;
}

void null_device_asks_for_the_same_memory(const AnyCase& c, DType dtype, const Packings& packings) {
  INFO("the null device accounts for other memory than the CPU");
  Footprint cpu = footprint_of(c, dtype, packings, Device::cpu());
  Footprint null = footprint_of(c, dtype, packings, Device::null());
  REQUIRE(null.allocations == cpu.allocations);
  REQUIRE(null.saved == cpu.saved);
  REQUIRE(null.peak.bytes == cpu.peak.bytes);
}

std::string text_of(const Packings& packings) {
  std::string text;
  for (Packing packing : packings) text += packing == Packing::c16 ? " c16" : " plain";
  return text;
}

}  // namespace

void check_case(const AnyCase& c) {
  for (Device device : devices()) {
    Checks checks(device);
    for (DType dtype : dtypes) {
      for (const Packings& packings : packings_of(c, device)) {
        INFO(c.name << " on " << device.name() << " in " << name_of(dtype) << ", inputs" << text_of(packings));
        Trial(c, dtype, packings, device).run();
        if (device == Device::cpu()) null_device_asks_for_the_same_memory(c, dtype, packings);
      }
    }
  }
}

}  // namespace stint::test
