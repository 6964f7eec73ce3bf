#include <stint/runtime/closest.h>
#include <stint/runtime/error.h>

#include <catch2/catch.hpp>

using namespace stint;

TEST_CASE("an error begins with its operation and keeps its kind", "[runtime]") {
  try {
    fail(ErrorKind::data, "loader", "expected {} images, got {}", 3, 2);
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "loader: expected 3 images, got 2");
    CHECK(error.kind() == ErrorKind::data);
  }
  CHECK_NOTHROW(require(true, "relu", "never seen"));
  try {
    require(false, "relu", "{} and braces {{}}", "{text}");
    FAIL("it held");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "relu: {text} and braces {}");
    CHECK(error.kind() == ErrorKind::runtime);
  }
}

TEST_CASE("suggestions are close names only", "[runtime]") {
  CHECK(did_you_mean("resnt18", {"resnet18", "vgg16"}) == ": did you mean 'resnet18'?");
  CHECK(did_you_mean("trian", {"train", "eval"}) == ": did you mean 'train'?");
  CHECK(did_you_mean("zebra", {"resnet18", "vgg16"}).empty());
  CHECK(did_you_mean(std::string(100000, 'x'), {"resnet18"}).empty());
  CHECK(did_you_mean("x", {}).empty());
}
