// What of NCCL needs a library that misbehaves on demand (fake_nccl.cpp); the suite of all communicators runs here too.

#include <stint/dist/nccl.h>
#include <stint/dist/null_group.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

using namespace stint;
using namespace stint::dist;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Knows after a while that rank 1 has died.
class Witness : public NullGroup {
 public:
  Witness() : NullGroup(0, 2) {}
  std::string fault() override { return seconds_since(start_) > 0.4 ? "rank 1 is gone: killed" : ""; }

 private:
  Clock::time_point start_ = Clock::now();
};

/// What the all_reduce of rank 0 throws, while rank 1 is there and never calls it.
std::string error_of_rank_0(double timeout, Communicator* witness, double& seconds) {
  NcclId id = make_nccl_id();
  std::atomic<bool> over = false;
  std::string text;
  std::thread other([&] {
    auto group = nccl(1, 2, id, Device::cuda(), std::chrono::duration<double>(timeout));
    while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  auto group = nccl(0, 2, id, Device::cuda(), std::chrono::duration<double>(timeout), witness);
  auto start = Clock::now();
  try {
    Tensor x({10}, DType::f32, Device::cuda());
    x.zero();
    group->all_reduce(x, Reduce::sum, Payload::gradient).wait();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::peer_lost);
    text = error.what();
  }
  seconds = seconds_since(start);
  over = true;
  other.join();
  return text;
}

}  // namespace

TEST_CASE("NCCL: a rank that does not call, or does not even come, is an error after the timeout", "[dist][group]") {
  double seconds = 0;
  CHECK(error_of_rank_0(0.5, nullptr, seconds) == "all_reduce: rank 0: a rank did not come within 0.5 s");
  CHECK(seconds >= 0.5);
  CHECK(seconds < 2);
  CHECK_THROWS_WITH(nccl(0, 2, make_nccl_id(), Device::cuda(), std::chrono::duration<double>(0.3)),
                    "nccl: rank 0: a rank did not come within 0.3 s");
}

TEST_CASE("NCCL: what is known of another rank's end from elsewhere ends the group at once, with its name",
          "[dist][group]") {
  double seconds = 0;
  Witness witness;
  CHECK(error_of_rank_0(20, &witness, seconds) == "all_reduce: rank 1 is gone: killed");
  CHECK(seconds < 2);
}

TEST_CASE("NCCL: an abort that does not return is left to itself", "[dist][group]") {
  setenv("STINT_FAKE_NCCL_ABORT_S", "20", 1);
  double seconds = 0;
  auto start = Clock::now();
  CHECK(error_of_rank_0(0.5, nullptr, seconds) == "all_reduce: rank 0: a rank did not come within 0.5 s");
  CHECK(seconds < 0.5 + 2 + 1);
  CHECK(seconds_since(start) < 10);  // both ranks have ended
  unsetenv("STINT_FAKE_NCCL_ABORT_S");
}

TEST_CASE("NCCL: a call on tensors of another device is refused", "[dist][group]") {
  auto group = nccl(0, 1, make_nccl_id(), Device::cuda(), std::chrono::seconds(5));
  Tensor here({4}, DType::f32);
  here.zero();
  CHECK_THROWS_WITH(group->all_reduce(here, Reduce::sum, Payload::gradient),
                    "all_reduce: expected tensors on cuda:0, got cpu");
}
