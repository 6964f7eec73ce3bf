#include <stint/kernels/cast/cast.h>
#include <stint/kernels/kept_weights.h>
#include <stint/kernels/vector/vector.h>
#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/predict_input.h>
#include <stint/tools/config/json_text.h>
#include <stint/tools/config/printable.h>
#include <stint/tools/data/configured.h>
#include <stint/tools/trainer/checkpoint.h>
#include <stint/tools/trainer/pretrained.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

namespace stint {

namespace {

constexpr std::size_t longest_name = 4096;  // of a file or a class, in bytes

struct Weights {
  std::string file;
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> metadata;
};

Weights read_weights(const Config& config) {
  Weights weights{.file = find_weights(config.model.pretrained).string()};
  weights.tensors = read_safetensors(weights.file, &weights.metadata);
  return weights;
}

/// What comes with the weights, else what the data set has, else what is usual for photographs; flags go over it.
InputRecipe recipe_for(const Config& config, const Weights& weights) {
  InputRecipe recipe;
  auto own = weights.metadata.find("input");
  if (own != weights.metadata.end()) {
    recipe = parse_recipe(own->second, weights.file);
  } else if (!config.data.dir.empty()) {
    recipe = recipe_of(config, load_dataset(config).test);
    recipe.crop_share = InputRecipe().crop_share;  // nobody knows how they were trained
  }
  set_mean_and_deviation(config, recipe.mean, recipe.deviation);
  const auto& d = config.data;
  if (d.image_size > 0) recipe.height = recipe.width = d.image_size;
  if (d.crop_pct > 0) recipe.crop_share = d.crop_pct;
  return recipe;
}

/// A model with weights, for images of one size.
class Classifier {
 public:
  Classifier(const Config& config, const std::vector<NamedTensor>& weights, const PredictInput& images)
      : device_(Device::parse(config.device)) {
    Config sized = config;
    sized.data.image_size = images.size;
    sized.data.channels = images.channels;
    model_ = make_model(spec_of_weights(sized, weights));
    DType compute = config.amp == "bf16" ? DType::bf16 : DType::f32;
    state_ = std::make_unique<ModelState>(*model_, device_, compute, 0);
    load_state_dict(*state_, weights);
  }

  /// [N,classes] f32 on the CPU
  Tensor logits(const Tensor& images) {
    Tape tape(Tape::Mode::inference);
    Value x = tape.constant(images.copy_to(device_));
    if (state_->compute() != DType::f32) x = tape.apply(Cast{state_->compute()}, x);
    Tensor y = (*model_)(tape, x).tensor().copy_to(Device::cpu());
    Tensor floats(y.shape(), DType::f32);
    add_to(y, floats, false);
    return floats;
  }

 private:
  Device device_;
  std::unique_ptr<Module> model_;
  std::unique_ptr<ModelState> state_;
};

Tensor classify(Classifier& classifier, const PredictInput& images, std::int64_t batch_size) {
  KeptWeights unchanged;
  Tensor all;
  for (std::int64_t begin = 0; begin < images.count(); begin += batch_size) {
    std::int64_t n = std::min(batch_size, images.count() - begin);
    Tensor logits = classifier.logits(images.batch(begin, n));
    std::int64_t classes = logits.shape()[1];
    if (!all) all = Tensor({images.count(), classes}, DType::f32);
    all.slice(begin * classes, n * classes).copy_from(logits.reshaped({n * classes}));
  }
  return all;
}

struct Ranked {
  std::int64_t cls;
  double probability;
};

/// The five most probable classes of a row, or all if there are fewer.
std::vector<Ranked> top_five(const float* row, std::int64_t classes) {
  std::vector<std::int64_t> order(classes);
  std::iota(order.begin(), order.end(), 0);
  std::int64_t count = std::min<std::int64_t>(5, classes);
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](auto a, auto b) { return row[a] > row[b] || (row[a] == row[b] && a < b); });
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(double(row[c]) - row[order[0]]);
  std::vector<Ranked> ranked;
  for (std::int64_t i = 0; i < count; ++i) {
    ranked.push_back({order[i], std::exp(double(row[order[i]]) - row[order[0]]) / sum});
  }
  return ranked;
}

/// Images, their logits, and what the classes are called: their numbers where nobody knows better.
struct Answer {
  const std::vector<std::string>& images;
  Tensor logits;
  std::vector<std::string> class_names;

  std::int64_t classes() const { return logits.shape()[1]; }
  bool named() const { return static_cast<std::int64_t>(class_names.size()) == classes(); }
  std::vector<Ranked> top_five_of(std::size_t n) const {
    return top_five(logits.data<float>() + static_cast<std::int64_t>(n) * classes(), classes());
  }
};

void print_text(const Answer& answer) {
  for (std::size_t n = 0; n < answer.images.size(); ++n) {
    fmt::print("{}:", printable(answer.images[n], longest_name));
    for (auto [cls, probability] : answer.top_five_of(n)) {
      fmt::print("  {} {:.4f}", answer.named() ? printable(answer.class_names[cls], longest_name) : std::to_string(cls),
                 probability);
    }
    fmt::print("\n");
  }
}

void print_json(const Config& config, const Answer& answer) {
  using Json = nlohmann::ordered_json;
  Json images = Json::array();
  for (std::size_t n = 0; n < answer.images.size(); ++n) {
    Json top = Json::array();
    for (auto [cls, probability] : answer.top_five_of(n)) {
      Json entry = {{"class", cls}};
      if (answer.named()) entry["name"] = answer.class_names[cls];
      entry["probability"] = probability;
      top.push_back(entry);
    }
    images.push_back({{"image", answer.images[n]}, {"top5", top}});
  }
  Json json = {{"model", config.model.name}, {"classes", answer.classes()}, {"images", images}};
  fmt::print("{}\n", json_text(json, 2));
}

}  // namespace

int run_predict(const Config& config, const std::vector<std::string>& inputs, const std::string& output) {
  bool tensor = std::any_of(inputs.begin(), inputs.end(), is_tensor_file);
  if (tensor && inputs.size() > 1) {
    fail(ErrorKind::usage, "predict", "expected one safetensors file as --input, or image files, got {} files",
         inputs.size());
  }
  Weights weights = read_weights(config);
  InputRecipe recipe = recipe_for(config, weights);
  PredictInput images = tensor ? read_tensor_input(inputs[0]) : list_pictures(inputs, recipe);
  Classifier classifier(config, weights.tensors, images);
  Answer answer{images.names, classify(classifier, images, config.data.batch_size), recipe.class_names};
  if (!output.empty()) write_safetensors(output, {{"logits", answer.logits}});
  if (config.log.json) {
    print_json(config, answer);
  } else {
    print_text(answer);
  }
  return 0;
}

}  // namespace stint
