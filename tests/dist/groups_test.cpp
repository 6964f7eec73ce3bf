#include <stint/dist/in_process.h>

#include "groups.h"

namespace stint::test {

std::vector<GroupKind> group_kinds() {
  using Seconds = std::chrono::duration<double>;
  return {{"in_process",
           [](int size, double timeout, const Worker& worker) { dist::run_workers(size, Seconds(timeout), worker); }}};
}

std::vector<std::string> errors_of(const GroupKind& kind, int size, double timeout_s, const Worker& worker) {
  std::vector<std::string> errors(size);
  auto noting = [&](dist::Communicator& group) {
    try {
      worker(group);
    } catch (const std::exception& error) {
      errors[group.rank()] = error.what();
      throw;
    }
  };
  try {
    kind.run(size, timeout_s, noting);
  } catch (const std::exception&) {  // it is among the errors
  }
  return errors;
}

}  // namespace stint::test
