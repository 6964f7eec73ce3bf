#include <stint/dist/nccl.h>

namespace stint::dist {

bool has_nccl() {
  return false;
}

NcclId make_nccl_id() {
  fail(ErrorKind::usage, "nccl", "this build has no CUDA support");
}

std::unique_ptr<Communicator> nccl(int, int, const NcclId&, Device, std::chrono::duration<double>, Communicator*) {
  fail(ErrorKind::usage, "nccl", "this build has no CUDA support");
}

}  // namespace stint::dist
