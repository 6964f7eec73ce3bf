#pragma once

#include <stint/dist/compressor.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace stint::dist {

/// `name:key=value,...` with typed look-ups. Errors (ErrorKind::usage): malformed text, a value of the wrong type or
/// out of range; `refuse_rest`: keys that nobody asked for.
class Arguments {
 public:
  explicit Arguments(const std::string& text);

  const std::string& name() const { return name_; }

  std::int64_t integer(const std::string& key, std::int64_t otherwise, std::int64_t low = 1);
  double number(const std::string& key, double otherwise, double low, double high);
  bool flag(const std::string& key, bool otherwise);
  std::string choice(const std::string& key, const std::vector<std::string>& choices);  ///< the first by default
  std::string text(const std::string& key);                                             ///< empty without it
  /// `5MiB`, `50000`: bytes; 0 without the key.
  std::int64_t bytes(const std::string& key);

  void refuse_rest() const;

 private:
  const std::string* find(const std::string& key);
  [[noreturn]] void wrong(const std::string& key, const std::string& text, const std::string& expected) const;

  std::string name_;
  std::map<std::string, std::string> values_;
  std::set<std::string> known_;
};

}  // namespace stint::dist
