#pragma once

#include <stint/autograd/drop_policy.h>

#include <nlohmann/json.hpp>

/// What memory is used for, as reports and logs write it.
namespace stint {

/// {"total": ..., "parameter": ..., ...}
nlohmann::ordered_json to_json(const PurposeBytes& bytes);

/// {"gamma": ..., "elements": ..., "capacity": ..., "inside": ..., "kept": ...}
nlohmann::ordered_json to_json(const DropRecord& record);

}  // namespace stint
