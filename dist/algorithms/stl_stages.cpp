#include <stint/dist/algorithms/stl_stages.h>

#include <algorithm>
#include <cmath>

namespace stint::dist {

StlStage stl_stage(const StlOptions& options, std::int64_t s) {
  auto number = static_cast<double>(s);
  bool doubling = options.growth == StlOptions::Growth::doubling;
  double factor = doubling ? std::exp2(number) : number + 1;  // of T_s, and of 1 / eta_s
  double period = options.period * (options.iid ? factor : std::sqrt(factor));
  std::int64_t before = doubling ? (std::int64_t{1} << s) - 1 : s * (s + 1) / 2;  // first stages' worth
  return {options.stage_steps * before, options.stage_steps * static_cast<std::int64_t>(factor),
          std::max<std::int64_t>(1, static_cast<std::int64_t>(period * (1 + 1e-12))), 1 / factor};
}

std::vector<StlStage> stl_stages(const StlOptions& options, std::int64_t total_steps) {
  std::vector<StlStage> stages;
  for (std::int64_t s = 0, end = 0; end < total_steps; ++s) {
    stages.push_back(stl_stage(options, s));
    end = stages[s].begin + stages[s].steps;
    if (end > total_steps) stages[s].steps = total_steps - stages[s].begin;
  }
  return stages;
}

}  // namespace stint::dist
