#pragma once

#include <stint/runtime/profile.h>

#include <filesystem>

namespace stint {

/// What this machine can do at most with this many threads, measured.
struct Ceilings {
  double f32 = 0;   ///< FLOP/s of multiply-adds in registers
  double bf16 = 0;  ///< FLOP/s of dot products in registers, or of a matrix product where there is no such instruction
  double memory = 0;  ///< bytes read and written a second, copying or in place, whichever is faster

  /// Share of the ceiling that work which took `seconds` comes closest to: arithmetic (in bf16 or f32) or memory. It
  /// can be above 1 where tensors stay in a cache.
  double share(const Work& work, double seconds, bool is_bf16) const;
};

/// The processor's name; "cpu" where the system does not tell.
std::string cpu_model();

/// Where they are kept: $XDG_CACHE_HOME/stint (or ~/.cache/stint), a file a CPU model and number of threads; empty
/// where the environment names no such place. To measure again, delete it.
std::filesystem::path ceilings_file();

/// From the file, or measured (about two seconds) and written there; on the CPU.
Ceilings measured_ceilings();

}  // namespace stint
