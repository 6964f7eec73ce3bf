#include <stint/runtime/error.h>
#include <stint/tools/data/bad_samples.h>

namespace stint {

void BadSamples::add(const std::string& what) {
  if (!skip_) throw Error(ErrorKind::data, what + "; --bad-samples skip goes on without it");
  std::lock_guard lock(mutex_);
  if (seen_.empty()) first_ = what;
  seen_.insert(what);
}

std::int64_t BadSamples::count() const {
  std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(seen_.size());
}

std::string BadSamples::note() const {
  std::lock_guard lock(mutex_);
  if (seen_.empty()) return "";
  return fmt::format("{} sample{} skipped, the first: {}", seen_.size(), seen_.size() == 1 ? " was" : "s were", first_);
}

}  // namespace stint
