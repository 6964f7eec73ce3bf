#include <stint/kernels/add/add.h>
#include <stint/layers/conv2d.h>
#include <stint/layers/layer_norm.h>
#include <stint/layers/linear.h>
#include <stint/layers/simple.h>
#include <stint/layers/tokens.h>
#include <stint/models/vit.h>

namespace stint::models {

using layers::LayerNorm;
using layers::Linear;
using layers::LinearOptions;

namespace {

/// The names that differ.
struct Names {
  const char *class_token, *position, *patches, *block, *norm1, *qkv, *qkv_prefix, *projection, *norm2, *fc1, *fc2,
      *norm, *head;
};

constexpr Names names_of_torchvision = {.class_token = "class_token",
                                        .position = "encoder.pos_embedding",
                                        .patches = "conv_proj",
                                        .block = "encoder.layers.encoder_layer_{}",
                                        .norm1 = "ln_1",
                                        .qkv = "self_attention",
                                        .qkv_prefix = "in_proj_",
                                        .projection = "self_attention.out_proj",
                                        .norm2 = "ln_2",
                                        .fc1 = "mlp.0",
                                        .fc2 = "mlp.3",
                                        .norm = "encoder.ln",
                                        .head = "heads.head"};

constexpr Names names_of_timm = {.class_token = "cls_token",
                                 .position = "pos_embed",
                                 .patches = "patch_embed.proj",
                                 .block = "blocks.{}",
                                 .norm1 = "norm1",
                                 .qkv = "attn.qkv",
                                 .qkv_prefix = "",
                                 .projection = "attn.proj",
                                 .norm2 = "norm2",
                                 .fc1 = "mlp.fc1",
                                 .fc2 = "mlp.fc2",
                                 .norm = "norm",
                                 .head = "head"};

LinearOptions start(const char* prefix = "") {
  return {.weight = normal(0.02f), .bias = constant(0), .prefix = prefix};
}

/// x + attention(norm(x)), then x + mlp(norm(x)).
class Block : public Module {
 public:
  Block(const Names& names, std::int64_t dim, std::int64_t heads, std::int64_t hidden, float drop_path)
      : norm1_(add<LayerNorm>(names.norm1, dim)),
        qkv_(add<Linear>(names.qkv, dim, 3 * dim, start(names.qkv_prefix))),
        attention_(add<layers::Attention>("attention", heads)),
        projection_(add<Linear>(names.projection, dim, dim, start())),
        norm2_(add<LayerNorm>(names.norm2, dim)),
        fc1_(add<Linear>(names.fc1, dim, hidden, start())),
        gelu_(add<layers::Gelu>("gelu")),
        fc2_(add<Linear>(names.fc2, hidden, dim, start())),
        drop_path_(add<layers::DropPath>("drop_path", drop_path)) {}

 protected:
  Value forward(Tape& tape, const Value& x) override {
    Value y = attention_(tape, qkv_(tape, norm1_(tape, x)));
    y = projection_(tape, y);
    Value middle = tape.apply(Add{}, x, drop_path_(tape, y));
    y = fc1_(tape, norm2_(tape, middle));
    y = fc2_(tape, gelu_(tape, y));
    return tape.apply(Add{}, middle, drop_path_(tape, y));
  }

 private:
  LayerNorm& norm1_;
  Linear& qkv_;
  layers::Attention& attention_;
  Linear& projection_;
  LayerNorm& norm2_;
  Linear& fc1_;
  layers::Gelu& gelu_;
  Linear& fc2_;
  layers::DropPath& drop_path_;
};

}  // namespace

Vit::Vit(const ModelSpec& spec, Kwargs& kwargs, VitNames whose, VitSize size) {
  const Names& names = whose == VitNames::torchvision ? names_of_torchvision : names_of_timm;
  std::int64_t image = kwargs.integer("image_size", spec.image_size), patch = kwargs.integer("patch", size.patch);
  std::int64_t dim = kwargs.integer("dim", size.dim), depth = kwargs.integer("depth", size.depth);
  std::int64_t heads = kwargs.integer("heads", size.heads);
  auto hidden = static_cast<std::int64_t>(static_cast<float>(dim) * kwargs.number("mlp_ratio", 4));
  float drop_path = kwargs.rate("drop_path", 0);
  auto expect = [&](bool good, const std::string& text) {
    if (!good) fail(ErrorKind::usage, spec.name, "{}", text);
  };
  expect(image == spec.image_size,
         fmt::format("expected images of {0}x{0} (image_size), got {1}x{1}", image, spec.image_size));
  expect(image % patch == 0,
         fmt::format("expected an image size that is a multiple of patch={}, got {}", patch, image));
  expect(dim % heads == 0, fmt::format("expected dim to be a multiple of heads={}, got {}", heads, dim));
  expect(hidden >= 1, fmt::format("expected mlp_ratio * dim of at least 1, got {}", hidden));

  std::int64_t patches = (image / patch) * (image / patch), fan_in = spec.channels * patch * patch;
  Window window{.kernel = static_cast<int>(patch), .stride = static_cast<int>(patch), .padding = 0};
  order_.push_back(&add<layers::Conv2d>(names.patches, spec.channels, dim, window, true, fan_in_uniform(fan_in)));
  Parameter& class_token = parameter(names.class_token, {1, 1, dim}, normal(1e-6f));
  Parameter& position = parameter(names.position, {1, 1 + patches, dim}, normal(0.02f));
  order_.push_back(&add<layers::EmbedTokens>("embed_tokens", class_token, position));
  for (std::int64_t i = 0; i < depth; ++i) {
    float rate = drop_path * static_cast<float>(i) / static_cast<float>(std::max<std::int64_t>(depth - 1, 1));
    order_.push_back(&add<Block>(fmt::format(fmt::runtime(names.block), i), names, dim, heads, hidden, rate));
  }
  // The norm is of each token for itself, so only the one that is read needs it.
  order_.push_back(&add<layers::SelectToken>("select_token", 0));
  order_.push_back(&add<LayerNorm>(names.norm, dim));
  order_.push_back(&add<Linear>(names.head, dim, spec.num_classes, start()));
}

Value Vit::forward(Tape& tape, const Value& x) {
  Value y = x;
  for (Module* layer : order_) y = (*layer)(tape, y);
  return y;
}

}  // namespace stint::models
