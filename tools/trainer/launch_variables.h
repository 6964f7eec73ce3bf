#pragma once

#include <string>

namespace stint {

/// What `stint launch`, `mpirun` or `srun` has told this process. Looked for in this order: RANK, PMI_RANK,
/// SLURM_PROCID, OMPI_COMM_WORLD_RANK, and the size and local rank that go with each; where rank 0 is: MASTER_ADDR
/// (127.0.0.1) and MASTER_PORT (29500).
struct LaunchVariables {
  int rank = 0;
  int size = 1;
  int local_rank = 0;
  std::string master_address = "127.0.0.1";
  int master_port = 29500;

  /// Errors (ErrorKind::usage): a rank without a size or outside of it, numbers that are none.
  static LaunchVariables read();
};

}  // namespace stint
