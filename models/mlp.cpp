#include <stint/layers/linear.h>
#include <stint/layers/simple.h>
#include <stint/models/mlp.h>

namespace stint::models {

namespace {

std::int64_t features(const ModelSpec& spec) {
  return spec.channels * spec.image_size * spec.image_size;
}

layers::LinearOptions behind_flatten(const ModelSpec& spec) {
  return {.places = spec.image_size * spec.image_size};
}

}  // namespace

Mlp::Mlp(const ModelSpec& spec, Kwargs& kwargs) {
  std::int64_t hidden = kwargs.integer("hidden", 256);
  std::int64_t depth = kwargs.integer("depth", 2);
  float rate = kwargs.rate("dropout", 0);
  append_named<layers::Flatten>("flatten");
  std::int64_t in = features(spec);
  for (std::int64_t i = 1; i <= depth; ++i) {
    append_named<layers::Linear>(fmt::format("fc{}", i), in, hidden,
                                 i == 1 ? behind_flatten(spec) : layers::LinearOptions{});
    append_named<layers::Relu>(fmt::format("relu{}", i));
    if (rate > 0) append_named<layers::Dropout>(fmt::format("drop{}", i), rate);
    in = hidden;
  }
  append_named<layers::Linear>("head", in, spec.num_classes);
}

Logistic::Logistic(const ModelSpec& spec, Kwargs&) {
  append_named<layers::Flatten>("flatten");
  append_named<layers::Linear>("fc", features(spec), spec.num_classes, behind_flatten(spec));
}

}  // namespace stint::models
