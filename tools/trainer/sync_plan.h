#pragma once

#include <stint/dist/algorithms/stl_stages.h>
#include <stint/dist/traffic.h>
#include <stint/tools/config/config.h>
#include <stint/tools/data/image_set.h>

#include <string>
#include <vector>

namespace stint {

/// What the workers of a configuration will tell each other: their algorithm, run on the null device.
struct SyncPlan {
  std::int64_t steps = 0;              ///< that were planned: the run's, at most 2,000
  std::int64_t run_steps = 0;          ///< of the whole run
  std::int64_t rounds = 0;             ///< in the planned steps
  dist::Traffic traffic;               ///< of rank 1 in the planned steps
  double dense_ratio = 0;              ///< bytes sent by synchronous SGD in as many steps, over these
  std::vector<dist::StlStage> stages;  ///< of STL-SGD over the whole run

  double bytes_per_step() const {
    return steps > 0 ? static_cast<double>(traffic.total_sent()) / static_cast<double>(steps) : 0;
  }
};

/// Without an algorithm everything is 0. Errors (ErrorKind::usage): as the run's, where an epoch has no step.
SyncPlan plan_sync(const Config& config, const ImageSet& images);

/// For people, several lines; empty without an algorithm.
std::string text_of(const SyncPlan& plan, const Config& config);

}  // namespace stint
