#pragma once

#include <stint/models/model.h>

namespace stint {

/// Reads a model's keyword arguments; every one must be read by the time of `finish`.
class Kwargs {
 public:
  explicit Kwargs(const ModelSpec& spec) : model_(spec.name), given_(spec.kwargs) {}

  /// One of the choices; the first is the default.
  std::string choice(const std::string& key, const std::vector<std::string>& choices);
  /// A positive integer.
  std::int64_t integer(const std::string& key, std::int64_t fallback);
  /// A positive number.
  float number(const std::string& key, float fallback);
  /// A number in [0, 1).
  float rate(const std::string& key, float fallback);
  void finish() const;

 private:
  /// The given text, or null where the fallback is meant.
  const std::string* text_of(const std::string& key);
  /// `wanted`: what `accepts` takes, in words.
  template <typename T>
  T read(const std::string& key, T fallback, bool (*accepts)(T), const char* wanted);

  std::string model_;
  std::map<std::string, std::string> given_;
  std::vector<std::string> known_;
};

}  // namespace stint
