#include <stint/kernels/vector/vector.h>
#include <stint/layers/safetensors.h>
#include <stint/tests/cli/run_program.h>
#include <stint/tests/temporary_directory.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <sstream>

using namespace stint;
using namespace stint::test;

namespace {

const std::string small_vit = " --image-size 16 --model-kwargs patch=4 dim=24 depth=2 heads=3 mlp_ratio=2 ";

/// A directory with `weights.safetensors` and `images.safetensors` of a golden file, and the logits PyTorch gives.
struct GoldenFolder {
  TemporaryDirectory directory;
  Tensor logits;

  explicit GoldenFolder(const std::string& name) {
    std::vector<NamedTensor> weights, images;
    for (auto& [key, tensor] : read_safetensors(STINT_GOLDEN "/" + name + ".safetensors")) {
      if (key.starts_with("start.")) weights.push_back({key.substr(6), tensor});
      if (key == "eval_logits") logits = tensor;
      if (key != "images") continue;
      Tensor floats(tensor.shape(), DType::f32);
      add_to(tensor, floats, false);
      images.push_back({"input", floats});
    }
    write_safetensors(path("weights.safetensors"), weights);
    write_safetensors(path("images.safetensors"), images);
  }

  std::string path(const std::string& name) const { return directory.path() / name; }
  Outcome run(const std::string& arguments) const { return run_program(arguments, directory.path()); }
};

std::string bytes_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("predict gives PyTorch's logits, and the five most probable classes") {
  GoldenFolder golden("vit_b_16");
  Outcome outcome =
      golden.run("predict --model vit_b_16" + small_vit +
                 "--pretrained weights.safetensors --input images.safetensors --output logits.safetensors "
                 "--batch-size 3");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(std::count(outcome.out.begin(), outcome.out.end(), '\n') == golden.logits.shape()[0]);
  auto written = read_safetensors(golden.path("logits.safetensors"));
  REQUIRE(written.size() == 1);
  CHECK(written[0].name == "logits");
  REQUIRE(written[0].tensor.shape() == golden.logits.shape());
  auto got = written[0].tensor.span<float>(), expected = golden.logits.span<float>();
  std::int64_t best = std::max_element(expected.begin(), expected.begin() + 7) - expected.begin();
  CHECK(outcome.out.starts_with("0:  " + std::to_string(best) + " 0."));
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).margin(1e-4));
}

TEST_CASE("convert carries a vision transformer to the other zoo's names and back, bit by bit") {
  GoldenFolder golden("vit_b_16");
  Outcome there = golden.run("convert --model vit_b_16" + small_vit +
                             "--pretrained weights.safetensors --to vit_tiny_patch16_224 --output timm.safetensors");
  CAPTURE(there.err);
  REQUIRE(there.code == 0);
  CHECK(there.out == "timm.safetensors: 32 tensors, 11575 parameters of vit_tiny_patch16_224\n");
  Outcome back = golden.run("convert --model vit_tiny_patch16_224" + small_vit +
                            "--pretrained timm.safetensors --to vit_b_16 --output back.safetensors");
  REQUIRE(back.code == 0);
  REQUIRE(
      golden.run("convert --model vit_b_16" + small_vit + "--pretrained weights.safetensors --output same.safetensors")
          .code == 0);
  CHECK(bytes_of(golden.path("back.safetensors")) == bytes_of(golden.path("same.safetensors")));
  CHECK(golden
            .run("convert --model vit_b_16" + small_vit +
                 "--pretrained weights.safetensors --to resnet18 --output x.safetensors")
            .err == "stint: resnet18: takes no keyword argument 'depth'\n");
}

TEST_CASE("convert knows the images of a run's weights, and changes none of them") {
  TemporaryDirectory directory;
  auto run = [&](const std::string& arguments) { return run_program(arguments, directory.path()); };
  const std::string shape = " --dataset synthetic --image-size 12 --channels 2 --num-classes 3 --samples 8 ";
  REQUIRE(run("train --model logistic --epochs 1 --experiment digits").code == 0);
  REQUIRE(
      run("train --model resnet20 --model-kwargs width=4 --batch-size 4 --epochs 1 --experiment made" + shape).code ==
      0);
  for (const std::string name : {"digits", "made"}) {
    std::string trained = "runs/" + name + "/checkpoints/last/model.safetensors";
    Outcome whole = run("convert --pretrained runs/" + name + " --output whole.safetensors");
    INFO(whole.err << whole.out);
    REQUIRE(whole.code == 0);
    CHECK(whole.out.starts_with("whole.safetensors: "));
    CHECK(bytes_of(directory.path() / "whole.safetensors") == bytes_of(directory.path() / trained));
  }
  REQUIRE(run("convert --model logistic --pretrained runs/digits/checkpoints/last/model.safetensors "
              "--output alone.safetensors && cmp alone.safetensors runs/digits/checkpoints/last/model.safetensors")
              .code == 0);
  Outcome other = run("convert --pretrained runs/digits --image-size 16 --output other.safetensors");
  CHECK(other.code == 4);
  CHECK_THAT(other.err, Catch::Contains("fc.weight: expected [10,256] f32, got [10,64] f32"));
  Outcome larger = run("train --model logistic --pretrained runs/digits --epochs 1 --image-size 16");
  CHECK(larger.code == 4);
  CHECK_THAT(larger.err, Catch::Contains("fc.weight: expected [10,256] f32, got [10,64] f32"));
  Outcome fewer = run("convert --pretrained runs/digits --num-classes 4 --output four.safetensors");
  CHECK(fewer.code == 0);
  CHECK_THAT(fewer.out, Catch::StartsWith("fc.weight has other classes and gets initial values\n"));
}

TEST_CASE("weights of another model are refused by name, another number of classes renews the head") {
  GoldenFolder golden("preact_resnet18");
  Outcome other = golden.run("convert --model resnet20 --pretrained weights.safetensors --output x.safetensors");
  CHECK(other.code == 4);
  CHECK_THAT(other.err, Catch::Matches("stint: state dict: does not fit the model, [0-9]+ missing, [0-9]+ not in it, "
                                       "[0-9]+ of another shape or type: [^\n]+\n.*"));
  CHECK(other.err.find("bn1.weight is missing") != std::string::npos);
  Outcome renewed = golden.run(
      "convert --model preact_resnet18 --model-kwargs width=3 --num-classes 4 "
      "--pretrained weights.safetensors --output four.safetensors");
  CHECK(renewed.code == 0);
  CHECK(
      renewed.out.starts_with("linear.weight has other classes and gets initial values\n"
                              "linear.bias has other classes and gets initial values\n"));
  Outcome train = golden.run(
      "train --model preact_resnet18 --model-kwargs width=3 --dataset synthetic --image-size 8 "
      "--samples 8 --batch-size 4 --epochs 1 --pretrained weights.safetensors");
  CHECK(train.code == 0);
  CHECK(
      train.out.find("weights.safetensors: other classes, so linear.weight, linear.bias keep their initial values\n") !=
      std::string::npos);
}

TEST_CASE("predict and convert say what they need") {
  auto error = [](const std::string& line) { return run_program(line, "/").err; };
  CHECK(error("predict") == "stint: predict: expected --pretrained FILE: weights as safetensors\n");
  CHECK(error("predict --pretrained w") ==
        "stint: predict: expected --input: image files, a folder or FILE.safetensors\n");
  CHECK(error("convert --pretrained w") == "stint: convert: expected --output FILE.safetensors\n");
  GoldenFolder golden("preact_resnet18");
  CHECK(golden
            .run("predict --model preact_resnet18 --model-kwargs width=3 --pretrained weights.safetensors "
                 "--input weights.safetensors")
            .err == "stint: predict: weights.safetensors has no tensor named 'input'\n");
}
