#pragma once

#include <stint/runtime/error.h>

#include <string>

namespace stint::test {

/// The text of the usage error that `action` throws; another text if it throws another one or none.
template <typename Action>
std::string usage_error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind() == ErrorKind::usage ? error.what() : std::string("not a usage error: ") + error.what();
  }
  return "no error";
}

}  // namespace stint::test
