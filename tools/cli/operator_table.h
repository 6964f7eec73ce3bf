#pragma once

#include <stint/runtime/profile.h>
#include <stint/tools/cli/ceilings.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace stint {

/// Time and work of one operator in a step: all its calls together.
struct OperatorTime {
  std::string name;
  double seconds = 0;
  int calls = 0;
  Work work;
};

/// The most expensive first. Ranges that contain others ("step") are left out.
std::vector<OperatorTime> by_operator(const std::vector<ProfileEvent>& events);

/// What the shares are of: how long the step took that the operators were part of, the machine's ceilings where they
/// are known, and whose dtype.
struct StepCost {
  double seconds = 0;
  std::optional<Ceilings> ceilings;
  bool bf16 = false;
};

void print_operators(const std::vector<OperatorTime>& operators, const StepCost& step);
nlohmann::ordered_json to_json(const std::vector<OperatorTime>& operators, const StepCost& step);

}  // namespace stint
