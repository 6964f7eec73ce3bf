// What `--perf` measures beside operators with a gradient, and that it leaves none out.

#include <stint/kernels/adamw/adamw.h>
#include <stint/kernels/drop/drop.h>
#include <stint/kernels/reorder/reorder.h>
#include <stint/kernels/select/select.h>
#include <stint/kernels/sgd/sgd.h>
#include <stint/kernels/sign_codes/sign_codes.h>
#include <stint/kernels/vector/vector.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "select_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

using Call = std::function<void()>;

constexpr std::int64_t parameters = 11'173'952;  // of ResNet-18
const Shape activation_shape = {64, 32, 32, 64};

Tensor numbers(std::int64_t count, Device device, DType dtype = DType::f32) {
  return to_tensor(random_reals(count, 1), {{count}, dtype, device});
}

Tensor make_activation(Device device, DType dtype) {
  return make_content(Content::normal, {activation_shape, dtype, device});
}

DecayRuns decay_of_all() {
  BlockTable table;
  table.add("all", {parameters}, true);
  return decay_runs(table);
}

// With a twin where the network computes in bf16.
Tensor make_twin(Device device, DType dtype) {
  return dtype == DType::bf16 ? numbers(parameters, device, dtype) : Tensor();
}

const RegisteredCall sgd("sgd", "momentum, 11 M parameters", [](Device device, DType dtype) -> Call {
  Tensor x = numbers(parameters, device), g = numbers(parameters, device), v = numbers(parameters, device);
  return [=, twin = make_twin(device, dtype), runs = decay_of_all()] {
    Sgd{.momentum = 0.9f, .weight_decay = 1e-4f}.update(x, g, v, twin, runs, 0.01f);
  };
});

const RegisteredCall adamw("adamw", "11 M parameters", [](Device device, DType dtype) -> Call {
  Tensor x = numbers(parameters, device), g = numbers(parameters, device);
  Tensor m = numbers(parameters, device), v = numbers(parameters, device);
  scale(0, v);
  return
      [=, twin = make_twin(device, dtype), runs = decay_of_all()] { AdamW{}.update(x, g, m, v, twin, runs, 0.01f, 5); };
});

/// `call(x, cut)` on an activation, for a tenth of it.
template <typename Body>
RegisteredCall::Make on_activation(const Body& body) {
  return [body](Device device, DType dtype) -> Call {
    return [body, x = make_activation(device, dtype), cut = make_cut(device)] { body(x, cut); };
  };
}

const std::int64_t tenth = drop_capacity(activation_shape.count(), 0.9);
const RegisteredCall selections[] = {
    {"select", "largest 10 % of 4 M", on_activation([](auto& x, auto& cut) { cut_largest(x, tenth, cut); })},
    {"select", "sampled 10 % of 4 M", on_activation([](auto& x, auto& cut) { cut_sampled(x, tenth, cut); })},
    {"select", "outside 1.64 sigma of 4 M", on_activation([](auto& x, auto& cut) { cut_outside(x, 1.64, cut); })},
};

RegisteredCall::Make dropping(DropStrategy strategy) {
  return on_activation([strategy](auto& x, auto&) { drop(x, {.strategy = strategy}); });
}

RegisteredCall::Make restoring(DropIndex index) {
  return [index](Device device, DType dtype) -> Call {
    return [kept = drop(make_activation(device, dtype), {.index = index})] { restore(kept); };
  };
}

// Selection and packing, but for `random`, which packs alone.
const RegisteredCall drops[] = {
    {"drop", "mink, keeps 10 % of 4 M", dropping(DropStrategy::mink)},
    {"drop", "sampled, keeps 10 % of 4 M", dropping(DropStrategy::sampled)},
    {"drop", "nsigma, keeps 10 % of 4 M", dropping(DropStrategy::nsigma)},
    {"drop", "random, keeps 10 % of 4 M", dropping(DropStrategy::random)},
    {"drop", "restore from a mask", restoring(DropIndex::bitmask)},
    {"drop", "restore from int32", restoring(DropIndex::int32)},
};

const RegisteredCall reorders[] = {
    {"reorder", "64x32x32x64 to blocks", on_activation([](auto& x, auto&) { packed(x, Packing::c16); })},
    {"reorder", "64x32x32x64 from blocks",
     [](Device device, DType dtype) -> Call {
       return [x = packed(make_activation(device, dtype), Packing::c16)] { plain(x); };
     }},
};

/// Of what works on f32 vectors alone.
template <typename Body>
RegisteredCall::Make on_vector(const Body& body) {
  return [body](Device device, DType dtype) -> Call {
    if (dtype != DType::f32) return {};
    Tensor codes({(parameters + sign_bits - 1) / sign_bits}, DType::i32, device);
    Tensor sums({(parameters + 1023) / 1024}, DType::f32, device);
    return [=, x = numbers(parameters, device)] { body(x, codes, sums); };
  };
}

const RegisteredCall sign_calls[] = {
    {"sign_codes", "pack_signs 11 M", on_vector([](auto& x, auto& codes, auto&) { pack_signs(x, codes); })},
    {"sign_codes", "unpack_signs 11 M",
     on_vector([](auto& x, auto& codes, auto&) { unpack_signs(codes, 0.5f, x, false); })},
    {"sign_codes", "l1_of_chunks 11 M", on_vector([](auto& x, auto&, auto& sums) { l1_of_chunks(x, 1024, sums); })},
};

/// `body(x, y)` on two flat vectors of the dtype.
template <typename Body>
RegisteredCall::Make on_two(const Body& body) {
  return [body](Device device, DType dtype) -> Call {
    return [body, x = numbers(parameters, device, dtype), y = numbers(parameters, device, dtype)] { body(x, y); };
  };
}

Call scatter_a_tenth(Device device, DType dtype) {
  if (dtype != DType::f32) return {};
  std::vector<std::int32_t> places(parameters / 10);
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<std::int32_t>(10 * i + i % 7);
  std::int64_t count = std::ssize(places);
  return [x = numbers(count, device), y = numbers(parameters, device),
          at = tensor_of<std::int32_t>({count}, places).copy_to(device)] { scatter_add(1, x, at, y); };
}

const RegisteredCall vectors[] = {
    {"vector", "add_to 11 M", on_two([](auto& x, auto& y) { add_to(x, y, true); })},
    {"vector", "axpy 11 M", on_two([](auto& x, auto& y) { axpy(0.01f, x, y); })},
    {"vector", "scale 11 M", on_two([](auto& x, auto&) { scale(-1, x); })},
    {"vector", "squared_norm 11 M", on_two([](auto& x, auto&) { squared_norm(x); })},
    {"vector", "scatter_add 1 M to 11 M", scatter_a_tenth},
};

}  // namespace

TEST_CASE("--perf measures every operator", "[op]") {
  auto measured = measured_operators();
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(STINT_SOURCE) / "kernels")) {
    if (!entry.is_directory()) continue;
    INFO("kernels/" << entry.path().filename());
    CHECK(measured.count(entry.path().filename()) == 1);
  }
}
