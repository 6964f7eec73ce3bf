#pragma once

#include <stint/tools/config/options.h>

#include <string>

namespace stint {

/// Whether an option changes what a command does ("train", "inspect model"): its help lists only those. The others are
/// taken and have no effect, so that one configuration serves every command.
bool concerns(const Option& option, const std::string& command);

/// What the option means to this command.
std::string meaning(const Option& option, const std::string& command);

/// What to tell who configures several workers for a command that runs a step of one (`bench`, `inspect mem`): which
/// options have no effect. Empty where there are none.
std::string note_on_workers(const Config& config);

}  // namespace stint
