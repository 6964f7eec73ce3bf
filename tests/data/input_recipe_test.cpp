#include <stint/runtime/error.h>
#include <stint/tools/data/configured.h>
#include <stint/tools/data/input_recipe.h>

#include <catch2/catch.hpp>

using namespace stint;

namespace {

/// Two pictures of 9x9 in colour.
ImageSet two_pictures() {
  ImageSet set{.height = 9,
               .width = 9,
               .channels = 3,
               .classes = 2,
               .mean = {0.1f, 0.2f, 0.3f},
               .deviation = {0.5f, 0.25f, 2},
               .labels = {0, 1},
               .class_names = {"cat", "dog"}};
  for (int i = 0; i < 2 * 9 * 9 * 3; ++i) set.pixels.push_back(static_cast<std::uint8_t>(i * 37));
  return set;
}

Picture picture_of(const ImageSet& set, std::int64_t index) {
  auto begin = set.pixels.begin() + index * set.image_elements();
  return {set.height, set.width, Bytes(begin, begin + set.image_elements())};
}

}  // namespace

TEST_CASE("a picture becomes what evaluation makes of it, bit by bit", "[data]") {
  ImageSet set = two_pictures();
  for (std::int64_t size : {0, 6, 20}) {
    CAPTURE(size);
    Config config;
    config.data.image_size = size;
    config.data.crop_pct = 0.8;
    Loader loader(set, test_options(config));
    Batch batch = loader.batch(0, 0, Device::cpu());
    InputRecipe recipe = recipe_of(config, set);
    for (std::int64_t n = 0; n < 2; ++n) {
      std::vector<float> numbers = apply(recipe, picture_of(set, n));
      auto expected = batch.images.span<float>().subspan(n * numbers.size(), numbers.size());
      CHECK(std::equal(numbers.begin(), numbers.end(), expected.begin(), expected.end()));
    }
  }
}

TEST_CASE("a network of one channel sees a picture's luminance", "[data]") {
  InputRecipe recipe{.height = 1, .width = 2, .channels = 1, .mean = {0}, .deviation = {1}};
  Picture picture{1, 2, {200, 200, 200, 255, 0, 0}};
  std::vector<float> grey = apply(recipe, picture);
  CHECK(grey[0] == Approx(200 / 255.0));
  CHECK(grey[1] == Approx(76 / 255.0));
  recipe.channels = 4;
  CHECK_THROWS_WITH(apply(recipe, picture), Catch::Contains("the network reads 4 channels"));
  ImageSet three_features{.height = 1, .width = 1, .channels = 3, .classes = 2};
  CHECK_THROWS_WITH(apply(recipe_of(Config(), three_features), picture), Catch::Contains("trained on features"));
}

TEST_CASE("a recipe travels as text, and another text is refused", "[data]") {
  Config config;
  config.data.crop_pct = 0.875;
  InputRecipe recipe = recipe_of(config, two_pictures());
  CHECK(parse_recipe(to_text(recipe), "w") == recipe);
  ImageSet features{.height = 1, .width = 1, .channels = 123, .classes = 2};
  CHECK(parse_recipe(to_text(recipe_of(config, features)), "w").channels == 123);
  std::string good = to_text(recipe);
  auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string(), std::string("[]"), with("\"height\":9", "\"height\":0"), with("\"width\":9", "\"width\":99999"),
        with("\"channels\":3", "\"channels\":2"), with("\"std\":[0.5", "\"std\":[0"),
        with("\"mean\":[", "\"mean\":[1,"), with("\"crop_pct\":0.875", "\"crop_pct\":2"), with("\"cat\"", "1"),
        with("\"height\":9", "\"height\":\"9\"")}) {
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_recipe(text, "the-file"), Catch::StartsWith("predict: the-file: its metadata"));
  }
}
