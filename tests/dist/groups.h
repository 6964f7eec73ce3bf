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
  Device device = Device::cpu();                      ///< of the tensors
  std::vector<int> sizes = {1, 2, 3, 4, 5, 6, 7, 8};  ///< of groups that it can have here
  int only_rank = -1;                                 ///< the one that runs here, where the others are other processes

  /// The largest of `sizes` up to `most`.
  int fitting(int most) const;
  bool here(int rank) const { return only_rank < 0 || rank == only_rank; }
};

/// In one process: threads in memory, over Gloo, and where there is a CUDA device over NCCL, with one rank on a real
/// device and more on a simulated one. In one of several processes (RANK, WORLD_SIZE, MASTER_PORT): NCCL between them.
std::vector<GroupKind> group_kinds();

/// Runs a worker a rank and returns what each threw, as text; empty for those that did not.
std::vector<std::string> errors_of(const GroupKind& kind, int size, double timeout_s, const Worker& worker);

}  // namespace stint::test
