#include <stint/layers/linear.h>
#include <stint/layers/model_state.h>
#include <stint/layers/optimiser.h>
#include <stint/layers/schedule.h>
#include <stint/layers/sequential.h>
#include <stint/layers/simple.h>
#include <stint/models/model.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

std::unique_ptr<Module> small_resnet() {
  return make_model({"resnet20", {}, 1, 8, 10});
}

}  // namespace

TEST_CASE("parameters, gradients and buffers are views of flat vectors under torchvision's names", "[layers]") {
  auto model = make_model({"resnet18", {}, 3, 224, 1000});
  ModelState state(*model, Device::null(), DType::f32, 1);
  const BlockTable& table = state.parameter_table();
  CHECK(table.dimension() == 11689512);  // torchvision's resnet18
  for (const char* name : {"conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight",
                           "layer2.0.downsample.1.bias", "layer4.1.bn2.bias", "fc.weight", "fc.bias"}) {
    INFO(name);
    CHECK(table.find(name) != nullptr);
  }
  CHECK(state.buffer_table().find("layer1.0.bn1.running_mean") != nullptr);
  CHECK(table.find("conv1.weight")->shape == Shape{64, 7, 7, 3});
}

TEST_CASE("initial weights are a function of the seed alone", "[layers]") {
  auto a = small_resnet(), b = small_resnet(), c = small_resnet();
  ModelState one(*a, Device::cpu(), DType::f32, 5), same(*b, Device::cpu(), DType::f32, 5);
  ModelState other(*c, Device::cpu(), DType::f32, 6);
  CHECK(same_bits(one.parameters(), same.parameters()));
  CHECK_FALSE(same_bits(one.parameters(), other.parameters()));
  // kaiming_normal of the fan out: deviation sqrt(2 / (16 * 9)) for the 16x16 3x3 convolutions
  const Block* block = one.parameter_table().find("layer1.0.conv1.weight");
  Reals values = to_reals(one.parameters().slice(block->offset, block->count));
  double square = 0;
  for (double value : values) square += value * value;
  CHECK(std::sqrt(square / static_cast<double>(values.size())) == Approx(std::sqrt(2.0 / 144)).epsilon(0.05));
}

TEST_CASE("the bf16 twin follows the parameters and normalisation stays f32", "[layers]") {
  auto model = small_resnet();
  ModelState state(*model, Device::cpu(), DType::bf16, 1);
  bool mixed = false, kept = false;
  model->visit([&](Module& module) {
    for (auto& p : module.parameters()) {
      (p->mixed ? mixed : kept) = true;
      CHECK(p->leaf.value.dtype() == (p->mixed ? DType::bf16 : DType::f32));
      CHECK(p->leaf.gradient.dtype() == DType::f32);
    }
  });
  CHECK((mixed && kept));
  SgdOptimiser optimiser(state, {});
  Tensor direction(state.parameters().shape(), DType::f32);
  for (float& value : direction.span<float>()) value = 1;
  optimiser.apply(state.parameters(), direction, 0.5f);
  auto twin = state.twin().span<bfloat16>();
  CHECK(std::equal(twin.begin(), twin.end(), state.parameters().span<float>().begin(),
                   [](bfloat16 half, float full) { return half.bits == bfloat16(full).bits; }));
}

TEST_CASE("gradients that no backward reached are zeroed, others are kept", "[layers]") {
  layers::Sequential net;
  net.append<layers::Linear>(3, 2);
  ModelState state(net, Device::cpu(), DType::f32, 1);
  for (float& value : state.gradients().span<float>()) value = 7;
  state.forget_gradients();
  state.complete_gradients();
  for (const Block& block : state.parameter_table().blocks()) {
    for (double value : to_reals(state.gradients().slice(block.offset, block.count))) CHECK(value == 0);
  }
}

TEST_CASE("models refuse unknown names, keyword arguments and values, and suggest", "[models]") {
  auto message = [](ModelSpec spec) -> std::string {
    try {
      make_model(spec);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      return error.what();
    }
    return "accepted";
  };
  CHECK(message({"resnet8", {}}) == "model: there is no model 'resnet8': did you mean 'resnet18'?");
  CHECK_THAT(message({"resnet18", {{"stm", "cifar"}}}), Catch::Contains("did you mean 'stem'?"));
  CHECK_THAT(message({"resnet18", {{"stem", "cifer"}}}), Catch::Contains("did you mean 'cifar'?"));
  CHECK_THAT(message({"mlp", {{"hidden", "-1"}}}), Catch::Contains("positive integer"));
  CHECK_THAT(message({"mlp", {{"dropout", "1"}}}), Catch::Contains("[0, 1)"));
  CHECK_THAT(message({"lenet5", {}, 1, 8, 10}), Catch::Contains("12x12"));
}

TEST_CASE("schedules start, warm up, decay and end where they should", "[layers]") {
  Schedule cosine{
      .kind = Schedule::Kind::cosine, .lr = 1, .total_steps = 100, .warmup_steps = 10, .warmup_lr = 0.1, .min_lr = 0.2};
  CHECK(cosine.at(0) == Approx(0.1));
  CHECK(cosine.at(5) == Approx(0.55));
  CHECK(cosine.at(50) == Approx(0.6));
  CHECK(cosine.at(100) == Approx(0.2));
  CHECK(cosine.at(1000) == Approx(0.2));
  Schedule step{.kind = Schedule::Kind::step, .lr = 1, .decay_steps = 10, .decay_rate = 0.5};
  CHECK(step.at(9) == 1);
  CHECK(step.at(10) == 0.5);
  CHECK(step.at(25) == 0.25);
  CHECK((Schedule{.lr = 3}.at(1000) == 3));
}
