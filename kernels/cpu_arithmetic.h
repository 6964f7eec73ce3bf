#pragma once

#include <string>

namespace stint {

/// What decides the bits on the CPU beside shapes, dtypes, threads and the build: the instruction set that oneDNN uses
/// and the choices of the environment, as in `isa 0x27, conv blocked, winograd auto`. Errors: ErrorKind::usage for a
/// variable that has no such value.
std::string cpu_arithmetic();

}  // namespace stint
