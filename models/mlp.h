#pragma once

#include <stint/layers/sequential.h>
#include <stint/models/kwargs.h>

namespace stint::models {

/// Linear layers with ReLU between them on flattened images. Keyword arguments: `hidden` (256) units, `depth` (2)
/// hidden layers, `dropout` (0) behind each.
class Mlp : public layers::Sequential {
 public:
  Mlp(const ModelSpec& spec, Kwargs& kwargs);
};

/// Multinomial logistic regression: one linear layer on flattened images.
class Logistic : public layers::Sequential {
 public:
  Logistic(const ModelSpec& spec, Kwargs& kwargs);
};

}  // namespace stint::models
