#pragma once

#include <stint/dist/communicator.h>

#include <chrono>
#include <functional>

namespace stint::dist {

/// A group of N workers that are threads of this process; element r is for worker r. A worker that does not come to a
/// collective within `timeout` is an error on the others. The reference for every other communicator.
std::vector<std::unique_ptr<Communicator>> in_process(int size, std::chrono::duration<double> timeout);

/// Runs `worker` on N threads, each with its communicator, and returns when all have ended. If one throws, the group is
/// aborted, and what was thrown first is thrown again.
void run_workers(int size, std::chrono::duration<double> timeout, const std::function<void(Communicator&)>& worker);

}  // namespace stint::dist
