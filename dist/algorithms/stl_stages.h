#pragma once

#include <cstdint>
#include <vector>

namespace stint::dist {

/// How STL-SGD's stages grow. `doubling`: STL-SGD^sc and option 1 of STL-SGD^nc; `linear`: option 2.
struct StlOptions {
  enum class Growth { doubling, linear };

  Growth growth = Growth::doubling;
  bool iid = true;
  double period = 8;                ///< k_1
  std::int64_t stage_steps = 1000;  ///< T_1
  double proximal = 0;              ///< 1 / gamma; 0: none (STL-SGD^sc)
};

/// One stage: `steps` steps from `begin` on at `rate` times the schedule's learning rate, models averaged every
/// `period` steps and at its end.
struct StlStage {
  std::int64_t begin;
  std::int64_t steps;
  std::int64_t period;
  double rate;

  std::int64_t rounds() const { return (steps + period - 1) / period; }
};

/// Stage s, from 0.
StlStage stl_stage(const StlOptions& options, std::int64_t s);

/// The stages that `total_steps` steps need, the last one cut.
std::vector<StlStage> stl_stages(const StlOptions& options, std::int64_t total_steps);

}  // namespace stint::dist
