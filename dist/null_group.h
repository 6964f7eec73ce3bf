#pragma once

#include <stint/dist/communicator.h>

namespace stint::dist {

/// One rank of a group that is not there: calls are checked and their payload counted, nothing moves. With the null
/// device it tells what a run will send.
class NullGroup : public Communicator {
 public:
  using Communicator::Communicator;
  void abort(const Error&) override {}

 private:
  Work start(Call) override { return {}; }
};

}  // namespace stint::dist
