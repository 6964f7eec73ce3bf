#include <stint/kernels/add/add.h>
#include <stint/kernels/avg_pool/avg_pool.h>
#include <stint/kernels/max_pool/max_pool.h>
#include <stint/kernels/window.h>
#include <stint/layers/batch_norm.h>
#include <stint/layers/conv2d.h>
#include <stint/layers/layer_norm.h>
#include <stint/layers/linear.h>
#include <stint/layers/simple.h>
#include <stint/layers/tokens.h>
#include <stint/models/definition/kinds.h>
#include <stint/runtime/closest.h>

namespace stint::models {

namespace {

class AvgPool : public Module {
 public:
  explicit AvgPool(Window window) : window_(window) {}

 protected:
  Value forward(Tape& tape, const Value& x) override { return tape.apply(stint::AvgPool{window_}, x); }

 private:
  Window window_;
};

/// Takes two inputs; a module for the sake of its name.
class Sum : public Module {
 public:
  Value operator()(Tape& tape, const Value& a, const Value& b) {
    LayerScope scope(tape, *this);
    return tape.apply(stint::Add{}, a, b);
  }

 protected:
  Value forward(Tape&, const Value& x) override { return x; }
};

/// What a kind is made from: the keys in the file and the shapes that come in.
struct Making {
  DefinedLayer& layer;
  const std::vector<LayerInput>& inputs;
  const MakeParameter& parameter;

  LayerText& text() const { return layer.text; }
  const Shape& in() const { return inputs[0].shape; }

  void expect(bool good, const std::string& wanted) const {
    if (good) return;
    std::string got;
    for (const LayerInput& input : inputs) got += (got.empty() ? "" : " and ") + input.shape.text();
    layer.text.place().refuse("{} expected {}, got {}", layer.kind, wanted, got);
  }
  void expect_image() const { expect(in().rank() == 3, "an image [H,W,C]"); }
  void expect_tokens() const { expect(in().rank() == 2, "tokens [T,C]"); }

  /// Of a kind with a weight for each feature: behind a flatten these would be in our order, H,W,C, and not in
  /// PyTorch's.
  void expect_unflattened() const {
    for (const LayerInput& input : inputs) {
      if (input.places == 1) continue;
      layer.text.place().refuse(
          "{} behind a flatten would have its weights in another order than PyTorch's: expected it in front of the "
          "flatten, or behind a linear layer",
          layer.kind);
    }
  }

  /// `std: 0.02` draws weights from a normal distribution and sets biases to zero; `init: fan_in` is PyTorch's default.
  Initialiser weight_start(std::int64_t fan_in) const {
    double deviation = text().number("std", 0);
    if (text().has("std")) return normal(static_cast<float>(deviation));
    std::string init = text().text("init", "");
    if (init == "fan_in") return fan_in_uniform(fan_in);
    if (!init.empty()) text().place().refuse("expected init to be fan_in, got '{}'", init);
    return {};
  }
  Initialiser bias_start() const { return text().has("std") ? constant(0) : Initialiser(); }
};

BuiltLayer simple(std::unique_ptr<Module> module, Shape output) {
  return {std::move(module), [](Module& m, Tape& tape, const std::vector<Value>& x) { return m(tape, x[0]); }, output};
}

template <typename M, typename... Args>
BuiltLayer make_simple(Shape output, Args&&... args) {
  return simple(std::make_unique<M>(std::forward<Args>(args)...), output);
}

Shape with_last(const Shape& shape, std::int64_t last) {
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  dims.back() = last;
  return Shape(dims);
}

Window read_window(const Making& m, std::int64_t kernel, bool pool) {
  auto size = [&](const char* key, std::optional<std::int64_t> fallback, std::int64_t lowest) {
    return static_cast<int>(std::min<std::int64_t>(m.text().integer(key, fallback, lowest), 16384));
  };
  Window window{};
  window.kernel = pool ? size("kernel", {}, 1) : size("kernel", kernel, 1);
  window.stride = size("stride", pool ? window.kernel : 1, 1);
  window.padding = size("padding", 0, 0);
  m.expect_image();
  if (pool && window.padding > window.kernel / 2) {
    m.text().place().refuse("expected a padding of at most half the kernel of {}, got {}", window.kernel,
                            window.padding);
  }
  m.expect(std::min(m.in()[0], m.in()[1]) + 2 * window.padding >= window.kernel,
           fmt::format("an image of at least {0}x{0}", window.kernel - 2 * window.padding));
  return window;
}

Shape windowed(const Shape& in, const Window& window, std::int64_t channels) {
  return {window.output(in[0]), window.output(in[1]), channels};
}

BuiltLayer make_conv(const Making& m) {
  Window window = read_window(m, 1, false);
  std::int64_t out = m.text().integer("out"), in = m.in()[2];
  bool bias = m.text().flag("bias");
  auto start = m.weight_start(in * window.kernel * window.kernel);
  return make_simple<layers::Conv2d>(windowed(m.in(), window, out), in, out, window, bias, start, m.bias_start());
}

BuiltLayer make_linear(const Making& m) {
  std::int64_t in = m.in()[-1], out = m.text().integer("out");
  m.expect(m.in().rank() <= 2, "features [C] or tokens [T,C] (flatten an image first)");
  layers::LinearOptions options{.weight = m.weight_start(in),
                                .bias = m.bias_start(),
                                .prefix = m.text().text("prefix", ""),
                                .places = m.inputs[0].places};
  return make_simple<layers::Linear>(with_last(m.in(), out), in, out, options);
}

BuiltLayer make_batch_norm(const Making& m) {
  using layers::BatchNorm;
  m.expect(m.in().rank() != 2, "an image [H,W,C] or features [C]");
  m.expect_unflattened();
  auto activation = m.text().flag("relu") ? BatchNorm::Activation::relu : BatchNorm::Activation::none;
  if (m.inputs.size() == 1) return make_simple<BatchNorm>(m.in(), m.in()[-1], activation);
  m.expect(m.inputs[1].shape == m.in(), "a residual of the same shape");
  return {std::make_unique<BatchNorm>(m.in()[-1], activation),
          [](Module& module, Tape& tape, const std::vector<Value>& x) {
            return static_cast<BatchNorm&>(module)(tape, x[0], x[1]);
          },
          m.in()};
}

BuiltLayer make_add(const Making& m) {
  m.expect(m.inputs.size() == 2 && m.inputs[1].shape == m.in(), "two inputs of the same shape");
  m.expect(m.inputs[1].places == m.inputs[0].places, "features in one order, both behind a flatten or neither");
  return {std::make_unique<Sum>(),
          [](Module& module, Tape& tape, const std::vector<Value>& x) {
            return static_cast<Sum&>(module)(tape, x[0], x[1]);
          },
          m.in()};
}

BuiltLayer make_flatten(const Making& m) {
  m.expect_image();
  BuiltLayer built = make_simple<layers::Flatten>({m.in().count()});
  built.places = m.in()[0] * m.in()[1];
  return built;
}

BuiltLayer make_embed_tokens(const Making& m) {
  m.expect_image();
  std::int64_t patches = m.in()[0] * m.in()[1], channels = m.in()[2];
  Parameter& token = m.parameter(m.text().text("class_token", "class_token"), {1, 1, channels}, normal(1e-6f));
  Parameter& position = m.parameter(m.text().text("position", "position"), {1, 1 + patches, channels}, normal(0.02f));
  return make_simple<layers::EmbedTokens>({1 + patches, channels}, token, position);
}

BuiltLayer make_attention(const Making& m) {
  std::int64_t heads = m.text().integer("heads");
  m.expect_tokens();
  m.expect(m.in()[1] % (3 * heads) == 0, fmt::format("packed queries, keys and values of {} heads [T,3*C]", heads));
  return make_simple<layers::Attention>({m.in()[0], m.in()[1] / 3}, heads);
}

BuiltLayer make_select_token(const Making& m) {
  std::int64_t index = m.text().integer("index", 0, 0);
  m.expect_tokens();
  m.expect(index < m.in()[0], fmt::format("more than {} tokens [T,C]", index));
  return make_simple<layers::SelectToken>({m.in()[1]}, index);
}

BuiltLayer make_pool(const Making& m, bool max) {
  Window window = read_window(m, 1, true);
  if (max && window.kernel > stint::MaxPool::largest_kernel) {
    m.text().place().refuse("expected a kernel of at most {}, got {}", stint::MaxPool::largest_kernel, window.kernel);
  }
  Shape output = windowed(m.in(), window, m.in()[2]);
  return max ? make_simple<layers::MaxPool>(output, window) : make_simple<AvgPool>(output, window);
}

BuiltLayer make_adaptive_pool(const Making& m) {
  std::int64_t size = m.text().integer("size");
  m.expect_image();
  return make_simple<layers::AdaptivePool>({size, size, m.in()[2]}, size);
}

BuiltLayer make_global_pool(const Making& m) {
  m.expect(m.in().rank() >= 2, "an image [H,W,C] or tokens [T,C]");
  return make_simple<layers::GlobalPool>({m.in()[-1]});
}

template <typename Drop>
BuiltLayer make_drop(const Making& m) {
  double rate = m.text().number("rate", 0.5);
  if (rate >= 1) m.text().place().refuse("expected a rate below 1, got {}", rate);
  return make_simple<Drop>(m.in(), static_cast<float>(rate));
}

BuiltLayer make_layer_norm(const Making& m) {
  m.expect(m.in().rank() <= 2, "tokens [T,C] or features [C]");
  m.expect_unflattened();
  return make_simple<layers::LayerNorm>(m.in(), m.in()[-1], static_cast<float>(m.text().number("eps", 1e-6)));
}

BuiltLayer make_softmax(const Making& m) {
  m.expect(m.in().rank() <= 2, "tokens [T,C] or features [C]");
  return make_simple<layers::Softmax>(m.in());
}

/// Kinds that leave every feature in its place, so that behind a flatten a linear layer still knows PyTorch's order.
bool keeps_order(const std::string& kind) {
  for (const char* known : {"add", "drop_path", "dropout", "gelu", "relu", "softmax"}) {
    if (kind == known) return true;
  }
  return false;
}

using Make = BuiltLayer (*)(const Making&);

const std::map<std::string, Make>& kinds() {
  static const std::map<std::string, Make> all = {
      {"adaptive_pool", make_adaptive_pool},
      {"add", make_add},
      {"attention", make_attention},
      {"avg_pool", [](const Making& m) { return make_pool(m, false); }},
      {"batch_norm", make_batch_norm},
      {"conv", make_conv},
      {"drop_path", make_drop<layers::DropPath>},
      {"dropout", make_drop<layers::Dropout>},
      {"embed_tokens", make_embed_tokens},
      {"flatten", make_flatten},
      {"gelu", [](const Making& m) { return make_simple<layers::Gelu>(m.in()); }},
      {"global_pool", make_global_pool},
      {"layer_norm", make_layer_norm},
      {"linear", make_linear},
      {"max_pool", [](const Making& m) { return make_pool(m, true); }},
      {"relu", [](const Making& m) { return make_simple<layers::Relu>(m.in()); }},
      {"select_token", make_select_token},
      {"softmax", make_softmax},
  };
  return all;
}

}  // namespace

BuiltLayer build_layer(DefinedLayer& layer, const std::vector<LayerInput>& inputs, const MakeParameter& parameter) {
  const Place& place = layer.text.place();
  auto found = kinds().find(layer.kind);
  if (found == kinds().end()) {
    std::vector<std::string> known;
    for (const auto& [kind, make] : kinds()) known.push_back(kind);
    place.refuse("there is no kind '{}'{}", layer.kind, did_you_mean(layer.kind, known));
  }
  bool takes_two = layer.kind == "add" || layer.kind == "batch_norm";
  if (inputs.size() > (takes_two ? 2 : 1)) {
    place.refuse("{} expected {}, got {} inputs", layer.kind, takes_two ? "two inputs" : "one input", inputs.size());
  }
  Making making{layer, inputs, parameter};
  BuiltLayer built = found->second(making);
  layer.text.finish();
  if (keeps_order(layer.kind)) built.places = inputs[0].places;
  return built;
}

}  // namespace stint::models
