#pragma once

#include <stint/dist/communicator.h>

#include <chrono>

namespace stint::dist {

/// Whether this build has Gloo.
bool has_gloo();

/// This process as one rank of N that meet at `host:port`, where rank 0 listens. CPU tensors; messages by Gloo over TCP
/// (`interface_host`: the address of this machine that the others reach; empty: 127.0.0.1 if rank 0 is there, else the
/// machine's own name). A rank that is killed is an error on the others at once, one that hangs after `timeout`.
/// Errors: ErrorKind::usage without Gloo; ErrorKind::peer_lost where not all ranks come in time.
std::unique_ptr<Communicator> gloo(int rank, int size, const std::string& host, int port,
                                   std::chrono::duration<double> timeout, const std::string& interface_host = "");

}  // namespace stint::dist
