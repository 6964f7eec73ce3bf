#include <stint/runtime/purpose.h>

namespace stint {

namespace {
thread_local Purpose current = Purpose::other;
}

Purpose current_purpose() {
  return current;
}

PurposeScope::PurposeScope(Purpose purpose) : before_(current) {
  current = purpose;
}

PurposeScope::~PurposeScope() {
  current = before_;
}

}  // namespace stint
