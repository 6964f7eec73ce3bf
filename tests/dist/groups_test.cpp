#include <stint/dist/gloo.h>
#include <stint/dist/in_process.h>
#include <stint/dist/tcp_store.h>

#include <mutex>
#include <thread>

#include "groups.h"

namespace stint::test {

namespace {

using Seconds = std::chrono::duration<double>;

/// Ranks as threads, which meet over TCP as processes would.
void run_gloo(int size, double timeout, const Worker& worker) {
  int port = dist::free_port();
  std::mutex mutex;
  std::exception_ptr first;
  auto work = [&](int rank) {
    std::unique_ptr<dist::Communicator> group;
    try {
      group = dist::gloo(rank, size, "127.0.0.1", port, Seconds(timeout));
      worker(*group);
      if (timeout > 1) group->barrier();  // nobody leaves while another still needs the store
    } catch (const std::exception& error) {
      std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
      if (group) group->abort(error.what());
    }
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) threads.emplace_back(work, rank);
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace

std::vector<GroupKind> group_kinds() {
  std::vector<GroupKind> kinds = {{"in_process", [](int size, double timeout, const Worker& worker) {
                                     dist::run_workers(size, Seconds(timeout), worker);
                                   }}};
  if (dist::has_gloo()) kinds.push_back({"gloo", run_gloo});
  return kinds;
}

std::vector<std::string> errors_of(const GroupKind& kind, int size, double timeout_s, const Worker& worker) {
  std::vector<std::string> errors(size);
  auto noting = [&](dist::Communicator& group) {
    try {
      worker(group);
    } catch (const std::exception& error) {
      errors[group.rank()] = error.what();
      throw;
    }
  };
  try {
    kind.run(size, timeout_s, noting);
  } catch (const std::exception&) {  // it is among the errors
  }
  return errors;
}

}  // namespace stint::test
