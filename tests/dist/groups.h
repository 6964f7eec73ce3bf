#pragma once

#include <stint/dist/communicator.h>

#include <functional>
#include <string>
#include <vector>

/// The kinds of communicator that this machine has, as the one suite runs them.
namespace stint::test {

using Worker = std::function<void(dist::Communicator&)>;

struct GroupKind {
  std::string name;
  /// Runs a worker a rank; what is thrown first is thrown again.
  std::function<void(int size, double timeout_s, const Worker&)> run;
};

std::vector<GroupKind> group_kinds();

/// Runs a worker a rank and returns what each threw, as text; empty for those that did not.
std::vector<std::string> errors_of(const GroupKind& kind, int size, double timeout_s, const Worker& worker);

}  // namespace stint::test
