#include <stint/layers/model_state.h>
#include <stint/models/model.h>

#include <catch2/catch.hpp>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

std::int64_t parameters(const ModelSpec& spec) {
  auto model = make_model(spec);
  return ModelState(*model, Device::null(), DType::f32, 1).parameter_table().dimension();
}

std::int64_t imagenet(const std::string& name) {
  return parameters({name, {}, 3, 224, 1000});
}

/// The shape that a model gives for images like these, on the null device.
Shape output(const ModelSpec& spec) {
  auto model = make_model(spec);
  ModelState state(*model, Device::null(), DType::f32, 1);
  Tape tape(Tape::Mode::inference);
  Tensor images({2, spec.image_size, spec.image_size, spec.channels}, DType::f32, Device::null());
  return (*model)(tape, tape.constant(images)).shape();
}

std::string refusal(const ModelSpec& spec) {
  try {
    make_model(spec);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("convolutional networks have the parameter counts of the literature", "[models]") {
  CHECK(imagenet("resnet34") == 21797672);
  CHECK(imagenet("resnet50") == 25557032);
  CHECK(imagenet("resnet101") == 44549160);
  CHECK(imagenet("resnet152") == 60192808);
  CHECK(imagenet("vgg11") == 132863336);
  CHECK(imagenet("vgg11_bn") == 132868840);
  CHECK(imagenet("vgg13") == 133047848);
  CHECK(imagenet("vgg13_bn") == 133053736);
  CHECK(imagenet("vgg16") == 138357544);
  CHECK(imagenet("vgg16_bn") == 138365992);
  CHECK(imagenet("vgg19") == 143667240);
  CHECK(imagenet("vgg19_bn") == 143678248);
  CHECK(parameters({"vgg16_bn", {{"head", "cifar"}}, 3, 32, 10}) == 14728266);
  CHECK(parameters({"preact_resnet18", {}, 3, 32, 10}) == 11171146);   // LIEC-SGD's table of blocks
  CHECK(parameters({"preact_resnet34", {}, 3, 32, 100}) == 21325476);  // the same
  CHECK(parameters({"lenet5", {}, 1, 28, 10}) == 61706);
  CHECK(parameters({"logistic", {}, 1, 8, 10}) == 650);
}

TEST_CASE("vision transformers have the parameter counts of torchvision and timm", "[models]") {
  CHECK(imagenet("vit_b_16") == 86567656);
  CHECK(imagenet("vit_b_32") == 88224232);
  CHECK(imagenet("vit_l_16") == 304326632);
  CHECK(imagenet("vit_l_32") == 306535400);
  CHECK(imagenet("vit_tiny_patch16_224") == 5717416);
  CHECK(imagenet("vit_small_patch16_224") == 22050664);
  CHECK(imagenet("vit_base_patch16_224") == 86567656);
  CHECK(imagenet("vit_large_patch16_224") == 304326632);
  CHECK(imagenet("deit_tiny_patch16_224") == 5717416);
}

TEST_CASE("every model maps images to logits", "[models]") {
  for (const std::string& name : model_names()) {
    INFO(name);
    ModelSpec spec{name, {}, 3, 32, 7};
    if (name.find("vit_") != std::string::npos || name.find("deit") != std::string::npos) {
      spec.kwargs = {{"patch", "8"}, {"dim", "24"}, {"depth", "2"}, {"heads", "3"}, {"mlp_ratio", "2.5"}};
    }
    CHECK(output(spec) == Shape{2, 7});
  }
  CHECK(output({"vgg11", {}, 3, 70, 5}) == Shape{2, 5});  // features of 2x2, pooled to 7x7
  CHECK(output({"vgg11", {{"head", "cifar"}}, 3, 64, 5}) == Shape{2, 5});
}

TEST_CASE("vision transformers carry either zoo's names", "[models]") {
  std::map<std::string, std::string> small = {{"dim", "8"}, {"depth", "1"}, {"heads", "2"}};
  auto torchvision = make_model({"vit_b_16", small, 3, 32, 2}),
       timm = make_model({"vit_tiny_patch16_224", small, 3, 32, 2});
  ModelState a(*torchvision, Device::null(), DType::f32, 1), b(*timm, Device::null(), DType::f32, 1);
  for (const char* name :
       {"class_token", "encoder.pos_embedding", "conv_proj.weight", "encoder.layers.encoder_layer_0.ln_1.weight",
        "encoder.layers.encoder_layer_0.self_attention.in_proj_weight",
        "encoder.layers.encoder_layer_0.self_attention.in_proj_bias",
        "encoder.layers.encoder_layer_0.self_attention.out_proj.weight", "encoder.layers.encoder_layer_0.mlp.0.weight",
        "encoder.layers.encoder_layer_0.mlp.3.bias", "encoder.ln.bias", "heads.head.weight"}) {
    INFO(name);
    CHECK(a.parameter_table().find(name) != nullptr);
  }
  for (const char* name : {"cls_token", "pos_embed", "patch_embed.proj.bias", "blocks.0.norm1.weight",
                           "blocks.0.attn.qkv.weight", "blocks.0.attn.proj.bias", "blocks.0.norm2.bias",
                           "blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.bias", "norm.weight", "head.bias"}) {
    INFO(name);
    CHECK(b.parameter_table().find(name) != nullptr);
  }
  CHECK(a.parameter_table().size() == b.parameter_table().size());
}

TEST_CASE("models refuse sizes that do not fit", "[models]") {
  CHECK_THAT(refusal({"vit_b_16", {}, 3, 40, 10}),
             Catch::Contains("expected an image size that is a multiple of patch=16"));
  CHECK_THAT(refusal({"vit_b_16", {{"image_size", "32"}}, 3, 224, 10}), Catch::Contains("expected images of 32x32"));
  CHECK_THAT(refusal({"vit_b_16", {{"heads", "7"}}, 3, 224, 10}), Catch::Contains("multiple of heads=7"));
  CHECK_THAT(refusal({"vit_b_16", {{"mlp_ratio", "-1"}}, 3, 224, 10}), Catch::Contains("a positive number"));
  CHECK_THAT(refusal({"vgg16", {}, 3, 31, 10}), Catch::Contains("at least 32x32"));
  CHECK_THAT(refusal({"vgg16", {{"head", "cifer"}}, 3, 32, 10}), Catch::Contains("did you mean 'cifar'?"));
}
