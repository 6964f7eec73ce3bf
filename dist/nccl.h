#pragma once

#include <stint/dist/communicator.h>

#include <array>
#include <chrono>
#include <functional>

namespace stint::dist {

/// Whether this build can open NCCL.
bool has_nccl();

/// What the ranks of a group have in common: made by one, told to the others by other means (a store).
using NcclId = std::array<char, 128>;
NcclId make_nccl_id();

/// What the error of a timeout says: NCCL does not know which rank did not come.
inline constexpr const char* nccl_late = "a rank did not come within";

/// This process as one rank of N, each with a CUDA device of its own, over NCCL, which is opened when it is first used.
/// Collectives run on a stream of their own, ordered behind what the caller has queued; a watching thread ends the
/// group when one fails or takes longer than `timeout`, or when `fault`, asked now and then, says what has gone wrong
/// elsewhere: NCCL may not notice that a rank has died. CUDA tensors only. The order of a reduction is NCCL's, and
/// calls that differ between ranks show as a timeout. Errors: ErrorKind::usage without NCCL; ErrorKind::peer_lost where
/// not all ranks come in time.
std::unique_ptr<Communicator> nccl(int rank, int size, const NcclId& id, Device device,
                                   std::chrono::duration<double> timeout, std::function<std::string()> fault = {});

}  // namespace stint::dist
