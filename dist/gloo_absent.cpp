#include <stint/dist/gloo.h>

namespace stint::dist {

bool has_gloo() {
  return false;
}

std::unique_ptr<Communicator> gloo(int, int, const std::string&, int, std::chrono::duration<double>,
                                   const std::string&) {
  fail(ErrorKind::usage, "gloo",
       "this build has no Gloo, which several processes need: install libgloo-dev and configure again");
}

}  // namespace stint::dist
