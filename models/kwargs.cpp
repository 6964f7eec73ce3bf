#include <fmt/ranges.h>
#include <stint/models/kwargs.h>
#include <stint/runtime/closest.h>
#include <stint/runtime/error.h>

#include <algorithm>
#include <charconv>

namespace stint {

const std::string* Kwargs::text_of(const std::string& key) {
  known_.push_back(key);
  auto found = given_.find(key);
  return found == given_.end() ? nullptr : &found->second;
}

template <typename T>
T Kwargs::read(const std::string& key, T fallback, bool (*accepts)(T), const char* wanted) {
  const std::string* text = text_of(key);
  if (!text) return fallback;
  T value{};
  const char* last = text->data() + text->size();
  auto [end, error] = std::from_chars(text->data(), last, value);
  if (error == std::errc{} && end == last && accepts(value)) return value;
  fail(ErrorKind::usage, model_, "expected {} to be {}, got '{}'", key, wanted, *text);
}

std::string Kwargs::choice(const std::string& key, const std::vector<std::string>& choices) {
  const std::string* text = text_of(key);
  if (!text) return choices.front();
  for (const std::string& option : choices) {
    if (option == *text) return option;
  }
  fail(ErrorKind::usage, model_, "expected {} to be one of {}, got '{}'{}", key, fmt::join(choices, ", "), *text,
       did_you_mean(*text, choices));
}

std::int64_t Kwargs::integer(const std::string& key, std::int64_t fallback) {
  auto accepts = [](std::int64_t value) { return value >= 1 && value <= 1'000'000; };
  return read<std::int64_t>(key, fallback, accepts, "a positive integer");
}

float Kwargs::number(const std::string& key, float fallback) {
  auto accepts = [](float value) { return value > 0 && value <= 1e6f; };
  return read<float>(key, fallback, accepts, "a positive number");
}

float Kwargs::rate(const std::string& key, float fallback) {
  auto accepts = [](float value) { return value >= 0 && value < 1; };
  return read<float>(key, fallback, accepts, "a number in [0, 1)");
}

void Kwargs::finish() const {
  for (const auto& [key, value] : given_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    fail(ErrorKind::usage, model_, "takes no keyword argument '{}'{}", key, did_you_mean(key, known_));
  }
}

}  // namespace stint
