#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace stint::test {

/// A real data file: in the folder that STINT_SHARED_DATA names, else beside the checkout. Empty, with a warning, where
/// it is not there: such a test has nothing to say on that machine.
inline std::string shared_data(const std::string& file) {
  const char* named = std::getenv("STINT_SHARED_DATA");
  std::filesystem::path beside = STINT_SOURCE "/../shared/data";
  std::filesystem::path path = (named ? std::filesystem::path(named) : beside) / file;
  if (std::filesystem::exists(path)) return path.lexically_normal();
  WARN("SKIPPED: " << path.string() << " is not here; STINT_SHARED_DATA names its folder");
  return "";
}

}  // namespace stint::test
