#pragma once

#include <stint/autograd/drop_policy.h>
#include <stint/autograd/saved_tensors.h>
#include <stint/runtime/error.h>
#include <stint/runtime/purpose.h>

#include <string>
#include <vector>

namespace stint {

/// `894.3 MiB (parameter 42.6, saved 578.3)`: the total, and the purposes that are not zero.
std::string memory_text(const PurposeBytes& bytes);

/// `kept 9.83 % of 1234567 elements in 19 tensors, room for 10.00 %, 123 cut`; what was not cut is not told.
std::string kept_text(const std::vector<DropRecord>& records);

/// Throws an error of memory again with what a step held when it failed, the largest first, and what to change.
/// `dropping`: whether elements of saved tensors are dropped already.
[[noreturn]] void fail_for_memory(const Error& error, std::vector<LedgerRow> ledger, bool dropping);

}  // namespace stint
