#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_set>

namespace stint {

/// What happens to samples that cannot be read: the first ends the run, or they are skipped and counted. Safe to use
/// from several threads.
class BadSamples {
 public:
  explicit BadSamples(bool skip) : skip_(skip) {}

  /// `what` names the sample and what is wrong with it; the same one again is not counted again. Errors
  /// (ErrorKind::data): unless they are to be skipped.
  void add(const std::string& what);

  std::int64_t count() const;
  /// "3 samples were skipped, the first: ..."; empty if there were none.
  std::string note() const;

 private:
  bool skip_;
  mutable std::mutex mutex_;
  std::unordered_set<std::string> seen_;
  std::string first_;
};

}  // namespace stint
