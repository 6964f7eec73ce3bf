#include <stint/runtime/error.h>
#include <stint/tools/data/bad_samples.h>

namespace stint {

void BadSamples::add(const std::string& what) {
  if (!skip_) throw Error(ErrorKind::data, what + "; --bad-samples skip goes on without it");
  std::lock_guard lock(mutex_);
  if (count_++ == 0) first_ = what;
}

std::int64_t BadSamples::count() const {
  std::lock_guard lock(mutex_);
  return count_;
}

std::string BadSamples::note() const {
  std::lock_guard lock(mutex_);
  if (count_ == 0) return "";
  return fmt::format("{} sample{} skipped, the first: {}", count_, count_ == 1 ? " was" : "s were", first_);
}

}  // namespace stint
