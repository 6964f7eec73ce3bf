#include <stint/layers/batch_norm.h>
#include <stint/layers/conv2d.h>
#include <stint/layers/linear.h>
#include <stint/layers/simple.h>
#include <stint/models/vgg.h>

namespace stint::models {

namespace {

/// Convolutions in each of the five stages; a max-pool ends a stage.
std::vector<int> stage_depths(int layers) {
  switch (layers) {
    case 11:
      return {1, 1, 2, 2, 2};
    case 13:
      return {2, 2, 2, 2, 2};
    case 16:
      return {2, 2, 3, 3, 3};
    default:
      return {2, 2, 4, 4, 4};
  }
}

/// Named by position, as torchvision counts, where ReLU stands behind the normalisation. Ours is inside the
/// normalisation, and at the end of a stage behind the pooling: the maximum's ReLU is the maximum of ReLUs, their
/// gradients are the same too, and a quarter of the elements needs a quarter of the mask.
class Features : public layers::Sequential {
 public:
  Features(std::int64_t channels, std::int64_t width, const std::vector<int>& depths, bool batch_norm) {
    for (std::size_t stage = 0; stage < depths.size(); ++stage) {
      std::int64_t out = width << std::min<std::size_t>(stage, 3);
      for (int i = 1; i < depths[stage]; ++i, channels = out) append_convolution(channels, out, batch_norm, true);
      append_convolution(channels, out, batch_norm, false);
      channels = out;
      next<layers::MaxPool>(Window{.kernel = 2, .stride = 2, .padding = 0});
      next<layers::Relu>();
    }
  }

 private:
  void append_convolution(std::int64_t in, std::int64_t out, bool batch_norm, bool relu) {
    using Activation = layers::BatchNorm::Activation;
    next<layers::Conv2d>(in, out, Window{.kernel = 3, .stride = 1, .padding = 1}, true, Initialiser(), constant(0));
    if (batch_norm) next<layers::BatchNorm>(out, relu ? Activation::relu : Activation::none);
    if (!relu) return;
    if (batch_norm) {
      ++position_;
    } else {
      next<layers::Relu>();
    }
  }

  template <typename M, typename... Args>
  void next(Args&&... args) {
    append_named<M>(std::to_string(position_++), std::forward<Args>(args)...);
  }

  int position_ = 0;
};

}  // namespace

Vgg::Vgg(const ModelSpec& spec, Kwargs& kwargs, int layers, bool batch_norm) {
  bool cifar = kwargs.choice("head", {"imagenet", "cifar"}) == "cifar";
  std::int64_t width = kwargs.integer("width", 64), features = 8 * width;
  if (spec.image_size < 32) {
    fail(ErrorKind::usage, spec.name, "expected images of at least 32x32, got {0}x{0}", spec.image_size);
  }
  append_named<Features>("features", spec.channels, width, stage_depths(layers), batch_norm);
  layers::LinearOptions start{.weight = normal(0.01f), .bias = constant(0)};
  if (cifar) {
    append_named<layers::GlobalPool>("avgpool");
    append_named<layers::Linear>("classifier", features, spec.num_classes, start);
    return;
  }
  constexpr std::int64_t pooled = 7;
  std::int64_t hidden = kwargs.integer("hidden", 4096);
  float rate = kwargs.rate("dropout", 0.5f);
  append_named<layers::AdaptivePool>("avgpool", pooled);
  append_named<layers::Flatten>("flatten");
  auto& classifier = append_named<layers::Sequential>("classifier");
  layers::LinearOptions behind_flatten = start;
  behind_flatten.places = pooled * pooled;
  classifier.append<layers::Linear>(features * pooled * pooled, hidden, behind_flatten);
  classifier.append<layers::Relu>();
  classifier.append<layers::Dropout>(rate);
  classifier.append<layers::Linear>(hidden, hidden, start);
  classifier.append<layers::Relu>();
  classifier.append<layers::Dropout>(rate);
  classifier.append<layers::Linear>(hidden, spec.num_classes, start);
}

}  // namespace stint::models
