#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/models/model.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "../op_case_tensors.h"
#include "../temporary_directory.h"

using namespace stint;
using namespace stint::test;

namespace {

std::string file_with(const TemporaryDirectory& directory, const std::string& header, const std::string& data) {
  std::string path = directory.path() / "made.safetensors";
  std::ofstream file(path, std::ios::binary);
  std::uint64_t length = header.size();
  file.write(reinterpret_cast<const char*>(&length), 8);
  file << header << data;
  return path;
}

}  // namespace

TEST_CASE("safetensors come back as they were written, and equal tensors make equal files", "[layers]") {
  TemporaryDirectory directory;
  std::string path = directory.path() / "a.safetensors", again = directory.path() / "b.safetensors";
  std::vector<NamedTensor> tensors = {{"w", to_tensor(random_reals(6, 1), {{2, 3}})},
                                      {"half", to_tensor({1, 2}, {{2}, DType::bf16})},
                                      {"empty", Tensor({0, 4}, DType::f32)},
                                      {"labels", to_tensor({3, -4}, {{2}, DType::i32})}};
  write_safetensors(path, tensors, {{"format", "pt"}});
  write_safetensors(again, tensors, {{"format", "pt"}});
  std::map<std::string, std::string> metadata;
  auto read = read_safetensors(path, &metadata);
  REQUIRE(read.size() == tensors.size());
  CHECK(metadata["format"] == "pt");
  for (const auto& [name, tensor] : tensors) {
    auto found = std::find_if(read.begin(), read.end(), [&, n = name](const NamedTensor& t) { return t.name == n; });
    REQUIRE(found != read.end());
    CHECK(same_bits(found->tensor, tensor));
  }
  auto bytes = [](const std::string& p) {
    std::ifstream file(p, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  CHECK(bytes(path) == bytes(again));
}

TEST_CASE("safetensors headers that break the format are refused", "[layers]") {
  TemporaryDirectory directory;
  const std::string four(4, 'x'), eight(8, 'x');
  auto entry = [](const std::string& name, const std::string& rest) { return "\"" + name + "\":{" + rest + "}"; };
  const std::string good = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  CHECK_NOTHROW(read_safetensors(file_with(directory, "{" + entry("a", good) + "}", four)));
  struct Bad {
    const char* what;
    std::string header, data;
  };
  const Bad cases[] = {
      {"data too short", "{" + entry("a", good) + "}", "xx"},
      {"data too long", "{" + entry("a", good) + "}", eight},
      {"duplicate names", "{" + entry("a", good) + "," + entry("a", good) + "}", four},
      {"overlap", "{" + entry("a", good) + "," + entry("b", good) + "}", four},
      {"hole", "{" + entry("a", R"("dtype":"F32","shape":[1],"data_offsets":[4,8])") + "}", eight},
      {"offsets reversed", "{" + entry("a", R"("dtype":"F32","shape":[1],"data_offsets":[4,0])") + "}", four},
      {"negative offset", "{" + entry("a", R"("dtype":"F32","shape":[1],"data_offsets":[-4,0])") + "}", four},
      {"shape and size differ", "{" + entry("a", R"("dtype":"F32","shape":[2],"data_offsets":[0,4])") + "}", four},
      {"huge shape",
       "{" + entry("a", R"("dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4])") + "}",
       four},
      {"unknown dtype", "{" + entry("a", R"("dtype":"F99","shape":[1],"data_offsets":[0,4])") + "}", four},
      {"missing shape", "{" + entry("a", R"("dtype":"F32","data_offsets":[0,4])") + "}", four},
      {"six dimensions", "{" + entry("a", R"("dtype":"F32","shape":[1,1,1,1,1,1],"data_offsets":[0,4])") + "}", four},
      {"offset beyond the data", "{" + entry("a", R"("dtype":"F32","shape":[2],"data_offsets":[0,8])") + "}", four},
      {"offsets that wrap around",
       "{" + entry("a", R"("dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,0])") + "}", four},
      {"offset of more than 64 bits",
       "{" + entry("a", R"("dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551620])") + "}", four},
      {"fractional offset", "{" + entry("a", R"("dtype":"F32","shape":[1],"data_offsets":[0,4.0])") + "}", four},
      {"one offset", "{" + entry("a", R"("dtype":"F32","shape":[1],"data_offsets":[4])") + "}", four},
      {"half overlap",
       "{" + entry("a", R"("dtype":"U8","shape":[3],"data_offsets":[0,3])") + "," +
           entry("b", R"("dtype":"U8","shape":[2],"data_offsets":[2,4])") + "}",
       four},
      {"hole between two",
       "{" + entry("a", R"("dtype":"U8","shape":[1],"data_offsets":[0,1])") + "," +
           entry("b", R"("dtype":"U8","shape":[2],"data_offsets":[2,4])") + "}",
       four},
      {"hole at the end", "{" + entry("a", R"("dtype":"U8","shape":[3],"data_offsets":[0,3])") + "}", four},
      {"dtype of another size", "{" + entry("a", R"("dtype":"BF16","shape":[1],"data_offsets":[0,4])") + "}", four},
      {"dtype that is no text", "{" + entry("a", R"("dtype":1,"shape":[1],"data_offsets":[0,4])") + "}", four},
      {"missing dtype", "{" + entry("a", R"("shape":[1],"data_offsets":[0,4])") + "}", four},
      {"negative dimension", "{" + entry("a", R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])") + "}", four},
      {"a fourth key", "{" + entry("a", good + R"(,"strides":[1])") + "}", four},
      {"the same key twice", "{" + entry("a", R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])") + "}",
       four},
      {"a tensor that is a number", R"({"a":4})", four},
      {"metadata that are a list", R"({"__metadata__":["pt"],)" + entry("a", good) + "}", four},
      {"metadata that are no texts", R"({"__metadata__":{"epoch":3},)" + entry("a", good) + "}", four},
      {"text behind the header", "{" + entry("a", good) + "} x", four},
      {"not UTF-8", "{" + entry("\xff", good) + "}", four},
      {"no header", "", four},
      {"not an object", "[1,2]", ""},
      {"not JSON", "{\"a\":", ""},
      {"deep nesting", std::string(10000, '['), ""},
  };
  for (const Bad& bad : cases) {
    INFO(bad.what);
    std::string path = file_with(directory, bad.header, bad.data);
    CHECK_THROWS_WITH(read_safetensors(path), Catch::Contains("made.safetensors"));
  }
}

TEST_CASE("a dtype that is not read is named, with those that are", "[layers]") {
  TemporaryDirectory directory;
  std::string half = R"({"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})";
  CHECK_THROWS_WITH(read_safetensors(file_with(directory, half, "xxxx")),
                    Catch::EndsWith("made.safetensors: tensor 'w' is F16, expected one of F32, BF16, I32, U8, I64"));
}

TEST_CASE("a file that cannot be written leaves the one that was there", "[layers]") {
  TemporaryDirectory directory;
  std::string path = directory.path() / "w.safetensors", link = directory.path() / "link.safetensors";
  Tensor kept = to_tensor(random_reals(6, 1), {{2, 3}}), other = to_tensor(random_reals(6, 2), {{2, 3}});
  write_safetensors(path, {{"w", kept}});
  std::vector<StoredTensor> broken = stored({{"w", other}, {"v", other}});
  broken[1].elements = [](std::vector<std::byte>&) -> std::span<const std::byte> {
    fail(ErrorKind::runtime, "test", "no elements");
  };
  CHECK_THROWS_WITH(write_safetensors(path, broken), Catch::Contains("no elements"));
  CHECK(same_bits(read_safetensors(path)[0].tensor, kept));
  CHECK(!std::filesystem::exists(path + ".new"));
  std::filesystem::create_symlink("w.safetensors", link);
  write_safetensors(link, {{"w", other}});
  CHECK(std::filesystem::is_symlink(link));
  CHECK(same_bits(read_safetensors(path)[0].tensor, other));
  std::filesystem::create_symlink("/dev/null", directory.path() / "nowhere");
  CHECK_NOTHROW(write_safetensors(directory.path() / "nowhere", {{"w", kept}}));
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("a safetensors file that is cut anywhere is refused", "[layers]") {
  TemporaryDirectory directory;
  std::string path = directory.path() / "whole.safetensors";
  write_safetensors(path, {{"w", to_tensor(random_reals(6, 1), {{2, 3}})}});
  auto size = std::filesystem::file_size(path);
  for (std::uintmax_t cut = 0; cut < size; ++cut) {
    std::filesystem::resize_file(path, size);  // grown again with zeros, then cut: any tail is wrong
    std::filesystem::resize_file(path, size - 1 - cut);
    INFO("cut to " << size - 1 - cut << " bytes");
    REQUIRE_THROWS_AS(read_safetensors(path), Error);
  }
  CHECK_THROWS_AS(read_safetensors(directory.path() / "none.safetensors"), Error);
}

TEST_CASE("a state dict has torchvision's layouts and loads back to the same bits", "[layers]") {
  auto model = make_model({"resnet20", {}, 1, 8, 10});
  ModelState state(*model, Device::cpu(), DType::f32, 3);
  auto tensors = state_dict(state);
  CHECK(tensors[0].name == "conv1.weight");
  CHECK(tensors[0].tensor.shape() == Shape{16, 1, 3, 3});
  auto other = make_model({"resnet20", {}, 1, 8, 10});
  ModelState loaded(*other, Device::cpu(), DType::f32, 4);
  load_state_dict(loaded, tensors);
  CHECK(same_bits(loaded.parameters(), state.parameters()));
  CHECK(same_bits(loaded.buffers(), state.buffers()));
  // element [o,i,kh,kw] of what is written is [o,kh,kw,i] of ours
  const Block* block = state.parameter_table().find("layer1.0.conv1.weight");
  auto found = std::find_if(tensors.begin(), tensors.end(), [](auto& t) { return t.name == "layer1.0.conv1.weight"; });
  CHECK(found->tensor.data<float>()[((2 * 16 + 5) * 3 + 1) * 3 + 2] ==
        state.parameters().data<float>()[block->offset + ((2 * 3 + 1) * 3 + 2) * 16 + 5]);
}

TEST_CASE("a linear layer behind a flatten is written in PyTorch's order of its inputs", "[layers]") {
  auto model = make_model({"lenet5", {}, 1, 28, 10});
  ModelState state(*model, Device::cpu(), DType::f32, 3);
  auto tensors = state_dict(state);
  auto found = std::find_if(tensors.begin(), tensors.end(), [](auto& t) { return t.name == "fc1.weight"; });
  const Block* block = state.parameter_table().find("fc1.weight");
  // images of 5x5x16: element [o, (c*5 + h)*5 + w] of what is written is [o, (h*5 + w)*16 + c] of ours
  CHECK(found->tensor.data<float>()[3 * 400 + (7 * 5 + 2) * 5 + 4] ==
        state.parameters().data<float>()[block->offset + 3 * 400 + (2 * 5 + 4) * 16 + 7]);
  auto other = make_model({"lenet5", {}, 1, 28, 10});
  ModelState loaded(*other, Device::cpu(), DType::f32, 4);
  load_state_dict(loaded, tensors);
  CHECK(same_bits(loaded.parameters(), state.parameters()));
}

TEST_CASE("PyTorch's batch counters may be there, a head of other classes may be renewed", "[layers]") {
  auto ten = make_model({"resnet20", {}, 1, 8, 10}), three = make_model({"resnet20", {}, 1, 8, 3});
  ModelState from(*ten, Device::cpu(), DType::f32, 3), to(*three, Device::cpu(), DType::f32, 4);
  auto tensors = state_dict(from);
  tensors.push_back({"bn1.num_batches_tracked", Tensor(Shape{}, DType::i64)});
  CHECK_THROWS_WITH(load_state_dict(to, tensors), Catch::Contains("fc.weight: expected [3,64] f32, got [10,64] f32"));
  CHECK(load_state_dict(to, tensors, Head::renew_if_other) == std::vector<std::string>{"fc.weight", "fc.bias"});
  CHECK(same_bits(state_dict(to)[0].tensor, tensors[0].tensor));
  CHECK(load_state_dict(from, tensors, Head::renew_if_other).empty());
  auto small = make_model({"logistic", {}, 1, 8, 10}), large = make_model({"logistic", {}, 1, 16, 3});
  ModelState trained(*small, Device::cpu(), DType::f32, 3), wider(*large, Device::cpu(), DType::f32, 4);
  CHECK_THROWS_WITH(load_state_dict(wider, state_dict(trained), Head::renew_if_other),
                    Catch::Contains("fc.weight: expected [3,256] f32, got [10,64] f32"));
}

TEST_CASE("a state dict that does not fit is refused by name, and nothing is changed", "[layers]") {
  auto model = make_model({"logistic", {}, 1, 4, 3});
  ModelState state(*model, Device::cpu(), DType::f32, 3);
  Tensor before = state.parameters().copy_to(Device::cpu());
  auto tensors = state_dict(state);
  tensors[0].tensor = Tensor({3, 15}, DType::f32);
  tensors.push_back({"stranger", Tensor({1}, DType::f32)});
  CHECK_THROWS_WITH(
      load_state_dict(state, tensors),
      Catch::StartsWith("state dict: does not fit the model, 0 missing, 1 not in it, 1 of another shape") &&
          Catch::Contains("fc.weight: expected [3,16] f32, got [3,15] f32") &&
          Catch::Contains("stranger is not in the model"));
  tensors.clear();
  CHECK_THROWS_WITH(load_state_dict(state, tensors), Catch::Contains("model, 2 missing, 0 not in it, 0 of another") &&
                                                         Catch::Contains("fc.bias is missing"));
  CHECK(same_bits(state.parameters(), before));
}
