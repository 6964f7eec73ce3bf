#include <stint/kernels/add/add.h>
#include <stint/layers/batch_norm.h>
#include <stint/layers/conv2d.h>
#include <stint/layers/linear.h>
#include <stint/layers/simple.h>
#include <stint/models/resnet.h>

namespace stint::models {

using layers::BatchNorm;
using layers::Conv2d;
using enum BatchNorm::Activation;

namespace {

constexpr Window window_1x1(int stride) {
  return {.kernel = 1, .stride = stride, .padding = 0};
}
constexpr Window window_3x3(int stride) {
  return {.kernel = 3, .stride = stride, .padding = 1};
}

/// What both blocks share: y = relu(bn(last conv) + shortcut(x)).
class Residual : public Module {
 protected:
  /// A 1x1 convolution where the shape changes, nothing otherwise.
  void add_shortcut(std::int64_t in, std::int64_t out, int stride) {
    if (in == out && stride == 1) return;
    shortcut_ = &add<layers::Sequential>("downsample");
    shortcut_->append<Conv2d>(in, out, window_1x1(stride));
    shortcut_->append<BatchNorm>(out);
  }
  Value shortcut(Tape& tape, const Value& x) { return shortcut_ ? (*shortcut_)(tape, x) : x; }

 private:
  layers::Sequential* shortcut_ = nullptr;
};

class BasicBlock : public Residual {
 public:
  static constexpr int expansion = 1;

  BasicBlock(std::int64_t in, std::int64_t width, int stride)
      : conv1_(add<Conv2d>("conv1", in, width, window_3x3(stride))),
        bn1_(add<BatchNorm>("bn1", width, relu)),
        conv2_(add<Conv2d>("conv2", width, width, window_3x3(1))),
        bn2_(add<BatchNorm>("bn2", width, relu)) {
    add_shortcut(in, width, stride);
  }

 protected:
  Value forward(Tape& tape, const Value& x) override {
    Value y = bn1_(tape, conv1_(tape, x));
    y = conv2_(tape, y);
    return bn2_(tape, y, shortcut(tape, x));
  }

 private:
  Conv2d& conv1_;
  BatchNorm& bn1_;
  Conv2d& conv2_;
  BatchNorm& bn2_;
};

class Bottleneck : public Residual {
 public:
  static constexpr int expansion = 4;

  Bottleneck(std::int64_t in, std::int64_t width, int stride)
      : conv1_(add<Conv2d>("conv1", in, width, window_1x1(1))),
        bn1_(add<BatchNorm>("bn1", width, relu)),
        conv2_(add<Conv2d>("conv2", width, width, window_3x3(stride))),
        bn2_(add<BatchNorm>("bn2", width, relu)),
        conv3_(add<Conv2d>("conv3", width, width * expansion, window_1x1(1))),
        bn3_(add<BatchNorm>("bn3", width * expansion, relu)) {
    add_shortcut(in, width * expansion, stride);
  }

 protected:
  Value forward(Tape& tape, const Value& x) override {
    Value y = bn1_(tape, conv1_(tape, x));
    y = bn2_(tape, conv2_(tape, y));
    y = conv3_(tape, y);
    return bn3_(tape, y, shortcut(tape, x));
  }

 private:
  Conv2d& conv1_;
  BatchNorm& bn1_;
  Conv2d& conv2_;
  BatchNorm& bn2_;
  Conv2d& conv3_;
  BatchNorm& bn3_;
};

/// Pre-activation (He et al. 2016b): normalisation and ReLU in front of each convolution, nothing behind the sum.
class PreActivationBlock : public Module {
 public:
  static constexpr int expansion = 1;

  PreActivationBlock(std::int64_t in, std::int64_t width, int stride)
      : bn1_(add<BatchNorm>("bn1", in, relu)),
        conv1_(add<Conv2d>("conv1", in, width, window_3x3(stride))),
        bn2_(add<BatchNorm>("bn2", width, relu)),
        conv2_(add<Conv2d>("conv2", width, width, window_3x3(1))) {
    if (in != width || stride != 1) shortcut_ = &add<Conv2d>("shortcut.0", in, width, window_1x1(stride));
  }

 protected:
  Value forward(Tape& tape, const Value& x) override {
    Value active = bn1_(tape, x);
    Value shortcut = shortcut_ ? (*shortcut_)(tape, active) : x;
    Value y = conv1_(tape, active);
    y = conv2_(tape, bn2_(tape, y));
    return tape.apply(Add{}, y, shortcut);
  }

 private:
  BatchNorm& bn1_;
  Conv2d& conv1_;
  BatchNorm& bn2_;
  Conv2d& conv2_;
  Conv2d* shortcut_ = nullptr;
};

/// A stage: `depth` blocks, the first of which changes the shape. Returns the channels it puts out.
template <typename Block>
std::int64_t append_stage(layers::Sequential& net, int number, std::int64_t in, std::int64_t width, int depth) {
  auto& stage = net.append_named<layers::Sequential>(fmt::format("layer{}", number));
  std::int64_t out = width * Block::expansion;
  for (int i = 0; i < depth; ++i) {
    bool shrinks = i == 0 && number > 1;
    stage.append<Block>(i == 0 ? in : out, width, shrinks ? 2 : 1);
  }
  return out;
}

/// Stages of twice as many channels each, from `width` on; `width` comes in.
template <typename Block>
std::int64_t append_stages(layers::Sequential& net, std::int64_t width, const std::vector<int>& depths) {
  std::int64_t channels = width;
  for (std::size_t i = 0; i < depths.size(); ++i) {
    channels = append_stage<Block>(net, static_cast<int>(i) + 1, channels, width << i, depths[i]);
  }
  return channels;
}

void append_head(layers::Sequential& net, std::int64_t channels, std::int64_t classes, const char* name = "fc") {
  net.append_named<layers::GlobalPool>("avgpool");
  net.append_named<layers::Linear>(name, channels, classes);
}

}  // namespace

ResNet::ResNet(const ModelSpec& spec, Kwargs& kwargs, ResNetBlock block, const std::vector<int>& depths) {
  bool cifar = kwargs.choice("stem", {"imagenet", "cifar"}) == "cifar";
  Window stem = cifar ? window_3x3(1) : Window{.kernel = 7, .stride = 2, .padding = 3};
  std::int64_t width = kwargs.integer("width", 64);
  append_named<Conv2d>("conv1", spec.channels, width, stem);
  append_named<BatchNorm>("bn1", width, relu);
  if (!cifar) append_named<layers::MaxPool>("maxpool", Window{.kernel = 3, .stride = 2, .padding = 1});
  std::int64_t channels = block == ResNetBlock::basic ? append_stages<BasicBlock>(*this, width, depths)
                                                      : append_stages<Bottleneck>(*this, width, depths);
  append_head(*this, channels, spec.num_classes);
}

PreActivationResNet::PreActivationResNet(const ModelSpec& spec, Kwargs& kwargs, const std::vector<int>& depths) {
  std::int64_t width = kwargs.integer("width", 64);
  append_named<Conv2d>("conv1", spec.channels, width, window_3x3(1));
  append_head(*this, append_stages<PreActivationBlock>(*this, width, depths), spec.num_classes, "linear");
}

CifarResNet::CifarResNet(const ModelSpec& spec, Kwargs& kwargs, int blocks) {
  std::int64_t width = kwargs.integer("width", 16);
  append_named<Conv2d>("conv1", spec.channels, width, window_3x3(1));
  append_named<BatchNorm>("bn1", width, relu);
  append_head(*this, append_stages<BasicBlock>(*this, width, {blocks, blocks, blocks}), spec.num_classes);
}

}  // namespace stint::models
