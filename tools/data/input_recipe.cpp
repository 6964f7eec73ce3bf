#include <stint/runtime/error.h>
#include <stint/tools/config/json_text.h>
#include <stint/tools/data/augment.h>
#include <stint/tools/data/input_recipe.h>
#include <stint/tools/data/normalise.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace stint {

namespace {

constexpr std::int64_t largest_side = 16384;  // of --image-size

/// Luminance as JPEG defines it (ITU-R BT.601).
Bytes grey_of(const Picture& picture) {
  Bytes grey(picture.pixels.size() / 3);
  for (std::size_t i = 0; i < grey.size(); ++i) {
    const std::uint8_t* p = picture.pixels.data() + 3 * i;
    grey[i] = static_cast<std::uint8_t>((299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000);
  }
  return grey;
}

bool makes_sense(const InputRecipe& r) {
  auto side = [](std::int64_t n) { return n >= 1 && n <= largest_side; };
  auto a_channel = [&](const auto& list) { return static_cast<std::int64_t>(list.size()) == r.channels; };
  bool finite = std::all_of(r.mean.begin(), r.mean.end(), [](float m) { return std::isfinite(m); });
  bool divides = std::all_of(r.deviation.begin(), r.deviation.end(), [](float d) { return d > 0; });
  bool pictures = a_channel(r.mean) && a_channel(r.deviation) && finite && divides;
  bool features = r.height == 1 && r.width == 1 && r.channels >= 1 && r.mean.empty() && r.deviation.empty();
  return side(r.height) && side(r.width) && r.crop_share > 0 && r.crop_share <= 1 && (pictures || features);
}

}  // namespace

double crop_share(const Config& config) {
  if (config.data.crop_pct > 0) return config.data.crop_pct;
  return config.data.scale.empty() ? 1 : 0.875;
}

InputRecipe recipe_of(const Config& config, const ImageSet& images) {
  std::int64_t size = config.data.image_size;
  return {.height = size > 0 ? size : images.height,
          .width = size > 0 ? size : images.width,
          .channels = images.channels,
          .crop_share = crop_share(config),
          .mean = images.mean,
          .deviation = images.deviation,
          .class_names = images.class_names};
}

std::string to_text(const InputRecipe& r) {
  nlohmann::ordered_json json = {{"height", r.height},          {"width", r.width}, {"channels", r.channels},
                                 {"crop_pct", r.crop_share},    {"mean", r.mean},   {"std", r.deviation},
                                 {"class_names", r.class_names}};
  return json_text(json);
}

InputRecipe parse_recipe(const std::string& text, const std::string& file) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  auto integer = [&](const char* key) {
    const auto& value = json.at(key);
    return value.is_number_integer() ? value.get<std::int64_t>() : 0;  // 0 makes no sense below
  };
  try {
    InputRecipe recipe{integer("height"), integer("width"), integer("channels"),   json.at("crop_pct"),
                       json.at("mean"),   json.at("std"),   json.at("class_names")};
    if (makes_sense(recipe)) return recipe;
  } catch (const nlohmann::json::exception&) {
    // said below
  }
  fail(ErrorKind::data, "predict", "{}: its metadata 'input' do not describe images: {:.100}", file, text);
}

std::vector<float> apply(const InputRecipe& recipe, const Picture& picture) {
  if (recipe.channels != 1 && recipe.channels != 3) {
    fail(ErrorKind::usage, "predict", "the network reads {} channels, an image file has 3 (or 1, as grey)",
         recipe.channels);
  }
  auto channels = static_cast<std::size_t>(recipe.channels);
  if (recipe.mean.size() != channels || recipe.deviation.size() != channels) {
    fail(ErrorKind::usage, "predict", "the network was trained on features, not on images");
  }
  PictureView view = picture.view();
  Bytes grey;
  if (recipe.channels == 1) {
    grey = grey_of(picture);
    view = {grey.data(), picture.height, picture.width, 1};
  }
  Bytes bytes(recipe.height * recipe.width * recipe.channels);
  test_view(view, recipe.crop_share, recipe.height, recipe.width, bytes.data());
  std::vector<float> numbers(bytes.size());
  Normaliser(recipe.mean, recipe.deviation, 255)(bytes.data(), static_cast<std::int64_t>(bytes.size()), numbers.data());
  return numbers;
}

}  // namespace stint
