#pragma once

#include <stint/dist/communicator.h>

namespace stint::dist {

/// Two groups of the same ranks as one: CPU tensors go through the first, others through the second.
std::unique_ptr<Communicator> by_device(std::unique_ptr<Communicator> cpu, std::unique_ptr<Communicator> cuda);

}  // namespace stint::dist
