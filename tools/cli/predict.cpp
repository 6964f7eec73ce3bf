#include <stint/kernels/cast/cast.h>
#include <stint/kernels/reorder/reorder.h>
#include <stint/kernels/vector/vector.h>
#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/trainer/checkpoint.h>
#include <stint/tools/trainer/pretrained.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

namespace stint {

namespace {

/// The tensor `input` [N,C,H,W] of a file, as [N,H,W,C].
Tensor read_images(const std::string& path) {
  for (const auto& [name, tensor] : read_safetensors(path)) {
    if (name != "input") continue;
    const Shape& s = tensor.shape();
    if (s.rank() != 4 || s.count() == 0 || s[2] != s[3] || tensor.dtype() != DType::f32) {
      fail(ErrorKind::data, "predict", "{}: expected a non-empty input [N,C,H,H] f32, got {} {}", path, s.text(),
           name_of(tensor.dtype()));
    }
    return channels_last(tensor);
  }
  fail(ErrorKind::data, "predict", "{} has no tensor named 'input'", path);
}

/// A model with weights, for images of one size.
class Classifier {
 public:
  Classifier(const Config& config, const Shape& images)
      : device_(Device::parse(config.device)), weights_(read_safetensors(find_weights(config.model.pretrained))) {
    Config sized = config;
    sized.data.image_size = images[1];
    sized.data.channels = images[3];
    model_ = make_model(spec_of_weights(sized, weights_));
    DType compute = config.amp == "bf16" ? DType::bf16 : DType::f32;
    state_ = std::make_unique<ModelState>(*model_, device_, compute, 0);
    load_state_dict(*state_, weights_);
    weights_.clear();
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
  std::vector<NamedTensor> weights_;
  std::unique_ptr<Module> model_;
  std::unique_ptr<ModelState> state_;
};

Tensor classify(Classifier& classifier, const Tensor& images, std::int64_t batch_size) {
  std::int64_t count = images.shape()[0], size = images.count() / count;
  Tensor all;
  for (std::int64_t begin = 0; begin < count; begin += batch_size) {
    std::int64_t n = std::min(batch_size, count - begin);
    Shape shape = {n, images.shape()[1], images.shape()[2], images.shape()[3]};
    Tensor logits = classifier.logits(images.slice(begin * size, n * size).reshaped(shape));
    std::int64_t classes = logits.shape()[1];
    if (!all) all = Tensor({count, classes}, DType::f32);
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

void print_text(const Tensor& logits) {
  std::int64_t classes = logits.shape()[1];
  for (std::int64_t n = 0; n < logits.shape()[0]; ++n) {
    fmt::print("{}:", n);
    for (auto [cls, probability] : top_five(logits.data<float>() + n * classes, classes)) {
      fmt::print("  {} {:.4f}", cls, probability);
    }
    fmt::print("\n");
  }
}

void print_json(const Config& config, const Tensor& logits) {
  std::int64_t classes = logits.shape()[1];
  auto images = nlohmann::ordered_json::array();
  for (std::int64_t n = 0; n < logits.shape()[0]; ++n) {
    auto top = nlohmann::ordered_json::array();
    for (auto [cls, probability] : top_five(logits.data<float>() + n * classes, classes)) {
      top.push_back({{"class", cls}, {"probability", probability}});
    }
    images.push_back({{"image", n}, {"top5", top}});
  }
  nlohmann::ordered_json json = {{"model", config.model.name}, {"classes", classes}, {"images", images}};
  fmt::print("{}\n", json.dump(2));
}

}  // namespace

int run_predict(const Config& config, const std::string& input, const std::string& output) {
  Tensor images = read_images(input);
  Classifier classifier(config, images.shape());
  Tensor logits = classify(classifier, images, config.data.batch_size);
  if (!output.empty()) write_safetensors(output, {{"logits", logits}});
  if (config.log.json) {
    print_json(config, logits);
  } else {
    print_text(logits);
  }
  return 0;
}

}  // namespace stint
