#include <stint/dist/by_device.h>
#include <stint/dist/gloo.h>
#include <stint/dist/in_process.h>
#include <stint/dist/nccl.h>
#include <stint/dist/tcp_store.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/tools/trainer/launch_variables.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "groups.h"

namespace stint::test {

namespace {

using Seconds = std::chrono::duration<double>;
using Group = std::unique_ptr<dist::Communicator>;

/// One rank, from its start to its end.
void run_rank(const std::function<Group()>& open, double timeout, const Worker& worker) {
  Group group = open();
  try {
    worker(*group);
    if (timeout > 1) group->barrier();  // nobody leaves while another still needs the store
  } catch (const std::exception& error) {
    group->abort(as_error(error));
    throw;
  }
}

/// Ranks as threads, which meet over TCP as processes would.
void run_threads(int size, double timeout, const Worker& worker, const std::function<Group(int rank, int port)>& open) {
  int port = dist::free_port();
  std::mutex mutex;
  std::exception_ptr first;
  auto work = [&](int rank) {
    try {
      run_rank([&] { return open(rank, port); }, timeout, worker);
    } catch (const std::exception& error) {
      std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) threads.emplace_back(work, rank);
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

void run_gloo(int size, double timeout, const Worker& worker) {
  run_threads(size, timeout, worker,
              [&](int rank, int port) { return dist::gloo(rank, size, "127.0.0.1", port, Seconds(timeout)); });
}

/// CPU tensors go over Gloo, as in a run.
Group open_nccl(int rank, int size, int port, const dist::NcclId& id, Device device, double timeout) {
  auto cpu = dist::gloo(rank, size, "127.0.0.1", port, Seconds(timeout));
  auto cuda = dist::nccl(rank, size, id, device, Seconds(timeout), cpu.get());
  return dist::by_device(std::move(cpu), std::move(cuda));
}

GroupKind nccl_of_threads() {
  bool simulated = cuda_absence().find("simulated") != std::string::npos;
  GroupKind kind{"nccl", {}, Device::cuda(), {1, 2, 3, 4, 5, 6, 7, 8}};
  if (!simulated) kind.sizes = {1};  // NCCL takes one rank a device, and one of several a process
  kind.run = [](int size, double timeout, const Worker& worker) {
    dist::NcclId id = dist::make_nccl_id();
    run_threads(size, timeout, worker,
                [&](int rank, int port) { return open_nccl(rank, size, port, id, Device::cuda(), timeout); });
  };
  return kind;
}

/// All processes run the same tests in the same order, each its own rank. Every group meets at ports of its own, so
/// that who is ahead does not end up in the group that another is leaving.
GroupKind nccl_of_processes(const LaunchVariables& launch) {
  static int port = launch.master_port;
  GroupKind kind{"nccl", {}, Device::cuda(), {launch.size}, launch.rank};
  kind.run = [=](int size, double timeout, const Worker& worker) {
    int store_port = port++, group_port = port++;
    dist::TcpStore store("127.0.0.1", store_port, launch.rank == 0, std::chrono::seconds(20));
    if (launch.rank == 0) {
      dist::NcclId made = dist::make_nccl_id();
      store.set("id", {made.begin(), made.end()});
    }
    dist::NcclId id{};
    auto told = store.get("id");
    std::copy(told.begin(), told.end(), id.begin());
    run_rank([&] { return open_nccl(launch.rank, size, group_port, id, Device::cuda(), timeout); }, timeout, worker);
  };
  return kind;
}

bool nccl_opens() {
  if (!dist::has_nccl() || cuda_device_count() == 0) return false;
  try {
    dist::make_nccl_id();
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

int GroupKind::fitting(int most) const {
  int best = sizes.front();
  for (int size : sizes) best = size <= most ? std::max(best, size) : best;
  return best;
}

std::vector<GroupKind> group_kinds() {
  LaunchVariables launch = LaunchVariables::read();
  if (launch.size > 1) return {nccl_of_processes(launch)};
  std::vector<GroupKind> kinds = {{"in_process", [](int size, double timeout, const Worker& worker) {
                                     dist::run_workers(size, Seconds(timeout), worker);
                                   }}};
  if (dist::has_gloo()) kinds.push_back({"gloo", run_gloo});
  if (dist::has_gloo() && nccl_opens()) kinds.push_back(nccl_of_threads());
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

TEST_CASE("a rank that ended for another's sake is not the one to blame", "[dist]") {
  for (const stint::test::GroupKind& kind : stint::test::group_kinds()) {
    if (kind.fitting(2) != 2) continue;
    INFO(kind.name);
    for (auto reason : {stint::ErrorKind::peer_lost, stint::ErrorKind::data}) {
      auto errors = stint::test::errors_of(kind, 2, 20, [&](stint::dist::Communicator& group) {
        group.barrier();
        if (group.rank() == 1) throw stint::Error(reason, "rank 7 is away");
        group.barrier();
      });
      if (!kind.here(0)) continue;
      bool another = reason == stint::ErrorKind::peer_lost;
      CHECK(errors[0] == std::string("all_gather: ") + (another ? "" : "rank 1 failed: ") + "rank 7 is away");
    }
  }
}

TEST_CASE("a rank that fails while a message is under way does not wait for it", "[dist]") {
  if (!stint::dist::has_gloo()) return;
  stint::test::GroupKind gloo = stint::test::group_kinds().at(1);
  REQUIRE(gloo.name == "gloo");
  auto start = std::chrono::steady_clock::now();
  auto errors = stint::test::errors_of(gloo, 2, 20, [](stint::dist::Communicator& group) {
    group.barrier();
    if (group.rank() == 1) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      return group.barrier();
    }
    stint::Tensor x({10}, stint::DType::f32);
    stint::dist::Work work = group.recv(x, 1, stint::dist::Payload::state);
    throw stint::Error(stint::ErrorKind::data, "a bad file");
  });
  CHECK(errors[0] == "a bad file");
  CHECK_THAT(errors[1], Catch::EndsWith("rank 0 failed: a bad file"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(6));
}

TEST_CASE("workers in one process end with the error that was a worker's own", "[dist]") {
  stint::Error own(stint::ErrorKind::memory, "does not fit");
  auto run = [&](stint::dist::Communicator& group) {
    if (group.rank() != 1) return group.barrier();
    group.abort(own);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the others notice first
    throw own;
  };
  CHECK_THROWS_WITH(stint::dist::run_workers(3, std::chrono::seconds(20), run), "does not fit");
}

TEST_CASE("NCCL can be opened here", "[.][nccl]") {
  CHECK_NOTHROW(stint::dist::make_nccl_id());
}

TEST_CASE("over Gloo, a rank that gave up waiting sooner is not the one to blame", "[dist]") {
  if (!stint::dist::has_gloo()) return;
  auto run = [](int size, double, const stint::test::Worker& worker) {
    stint::test::run_threads(size, 1, worker, [&](int rank, int port) {
      std::chrono::duration<double> timeout(rank == 0 ? 1.5 : 20);
      return stint::dist::gloo(rank, size, "127.0.0.1", port, timeout);
    });
  };
  auto errors = stint::test::errors_of({"gloo", run}, 3, 1, [](stint::dist::Communicator& group) {
    group.barrier();
    if (group.rank() == 1) return std::this_thread::sleep_for(std::chrono::seconds(4));
    stint::Tensor x({10}, stint::DType::f32);
    group.recv(x, group.rank() == 0 ? 1 : 0, stint::dist::Payload::state).wait();
  });
  for (int rank : {0, 2}) CHECK_THAT(errors[rank], Catch::EndsWith("rank 1 did not come within 1.5 s"));
}
