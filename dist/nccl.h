#pragma once

#include <stint/dist/communicator.h>

#include <array>
#include <chrono>

namespace stint::dist {

/// Whether this build can open NCCL.
bool has_nccl();

/// What the ranks of a group have in common: made by one, told to the others by other means (a store).
using NcclId = std::array<char, 128>;
NcclId make_nccl_id();

/// This process as one rank of N, each with a CUDA device of its own, over NCCL, which is opened when it is first used.
/// Collectives run on a stream of their own, ordered behind what the caller has queued; the group ends when one fails
/// or takes longer than `timeout`, or when `witness`, asked now and then, knows of a fault: a group of the same ranks
/// that lives longer than this one, and ends with it. NCCL may not notice that a rank has died, nor does it know who is
/// late, nor compare calls: that is the witness's part too (`agree`), and without one a call that differs between ranks
/// shows as a timeout. CUDA tensors only. The order of a reduction is NCCL's. Errors: ErrorKind::usage without NCCL;
/// ErrorKind::peer_lost where not all ranks come in time.
std::unique_ptr<Communicator> nccl(int rank, int size, const NcclId& id, Device device,
                                   std::chrono::duration<double> timeout, Communicator* witness = nullptr);

}  // namespace stint::dist
