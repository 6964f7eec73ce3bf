#include <stint/layers/conv2d.h>
#include <stint/layers/linear.h>
#include <stint/layers/simple.h>
#include <stint/models/lenet.h>

namespace stint::models {

LeNet5::LeNet5(const ModelSpec& spec, Kwargs&) {
  std::int64_t size = (spec.image_size / 2 - 4) / 2;
  if (size < 1) fail(ErrorKind::usage, spec.name, "expected images of at least 12x12, got {0}x{0}", spec.image_size);
  constexpr Window halve{.kernel = 2, .stride = 2, .padding = 0};
  append_named<layers::Conv2d>("conv1", spec.channels, 6, Window{.kernel = 5, .stride = 1, .padding = 2}, true);
  append_named<layers::Relu>("relu1");
  append_named<layers::MaxPool>("pool1", halve);
  append_named<layers::Conv2d>("conv2", 6, 16, Window{.kernel = 5, .stride = 1, .padding = 0}, true);
  append_named<layers::Relu>("relu2");
  append_named<layers::MaxPool>("pool2", halve);
  append_named<layers::Flatten>("flatten");
  append_named<layers::Linear>("fc1", 16 * size * size, 120, layers::LinearOptions{.places = size * size});
  append_named<layers::Relu>("relu3");
  append_named<layers::Linear>("fc2", 120, 84);
  append_named<layers::Relu>("relu4");
  append_named<layers::Linear>("fc3", 84, spec.num_classes);
}

}  // namespace stint::models
