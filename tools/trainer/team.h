#pragma once

#include <stint/dist/link_model.h>
#include <stint/tools/config/config.h>
#include <stint/tools/data/configured.h>

#include <functional>

namespace stint {

/// Who trains together with this worker.
struct Team {
  dist::Communicator* group = nullptr;      ///< null: nobody
  bool one_process = true;                  ///< all workers are threads here
  Device device;                            ///< of this worker
  dist::EmulatedGroup* emulated = nullptr;  ///< with `--net`
  std::int64_t batch_size = 0;              ///< of this worker
  std::int64_t first_image = 0;             ///< of this worker among those of a step
  std::int64_t images = 0;                  ///< of all workers in a step

  int rank() const { return group ? group->rank() : 0; }
  int size() const { return group ? group->size() : 1; }
  /// Rank 0 evaluates for all; processes that would only wait for it do the same, so that none runs into a timeout.
  bool evaluates() const { return rank() == 0 || !one_process; }
};

/// Where this process trains: `cuda` without a number is, for one rank of several on a machine, the device of its local
/// rank. Errors (ErrorKind::usage): no such device; variables of a launch that make no sense.
Device device_of_rank(const Config& config);

/// Calls `worker` for every worker of the configuration that lives in this process: alone, as N threads that compute in
/// turn when there are fewer cores than workers, or as one rank of several processes (`launch_variables.h`). What
/// a worker throws first is thrown again. Errors (ErrorKind::usage): workers without an algorithm.
void run_team(const Config& config, const std::function<void(const Team&)>& worker);

/// How the worker reads its own training images.
LoaderOptions worker_options(const Config& config, const ImageSet& images, const Team& team);

}  // namespace stint
