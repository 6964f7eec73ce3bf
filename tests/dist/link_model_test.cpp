#include <stint/dist/baton.h>
#include <stint/dist/in_process.h>
#include <stint/dist/link_model.h>

#include <catch2/catch.hpp>
#include <ctime>
#include <thread>

using namespace stint;
using namespace stint::dist;

TEST_CASE("a link takes its latency and the bytes of the busier direction", "[dist]") {
  LinkModel link = LinkModel::parse("bandwidth=1Gbps,latency=50us");
  CHECK(link.bytes_per_second == Approx(125e6));
  CHECK(link.seconds(Operation::broadcast, 125000, 0) == Approx(1e-3 + 50e-6));
  CHECK(link.seconds(Operation::all_reduce, 125000, 250000) == Approx(2e-3 + 100e-6));
  CHECK(LinkModel::parse("bandwidth=10Mbps").seconds(Operation::send, 1250000, 0) == Approx(1));
  for (const char* text : {"", "bandwidth=1", "bandwidth=0Gbps", "bandwidth=1Gbps,latency=5", "bandwith=1Gbps"}) {
    CHECK_THROWS_AS(LinkModel::parse(text), Error);
  }
}

TEST_CASE("on the emulated clock, computing hides communication and nothing else does", "[dist]") {
  auto net = std::make_shared<EmulatedNet>(LinkModel::parse("bandwidth=1Gbps,latency=100ms"), 2);
  double exposed[2], hidden[2], took[2];
  run_workers(2, std::chrono::seconds(20), [&](Communicator& inner) {
    EmulatedGroup group(inner, net, EmulatedGroup::Clock::wall);
    int rank = group.rank();
    Tensor x({10}, DType::f32);
    x.zero();
    group.all_reduce(x, Reduce::mean, Payload::gradient).wait();  // 2 latencies
    exposed[rank] = group.waited_seconds();
    double start = group.seconds();
    Work work = group.all_reduce(x, Reduce::mean, Payload::gradient);
    std::this_thread::sleep_for(std::chrono::milliseconds(150));  // counts as computing
    work.wait();
    hidden[rank] = group.waited_seconds() - exposed[rank];
    took[rank] = group.seconds() - start;
  });
  for (int rank : {0, 1}) {
    CHECK(exposed[rank] >= 0.15);  // of 0.2, what a busy machine spends between all_reduce and wait is hidden
    CHECK(hidden[rank] <= 0.06);
    CHECK(took[rank] >= 0.199);
  }
}

TEST_CASE("what is done away from the run takes no time of the emulated network either", "[dist]") {
  auto net = std::make_shared<EmulatedNet>(LinkModel::parse("bandwidth=1Gbps,latency=10ms"), 2);
  double seconds[2], waited[2];
  run_workers(2, std::chrono::seconds(20), [&](Communicator& inner) {
    EmulatedGroup group(inner, net, EmulatedGroup::Clock::wall);
    Tensor x({10}, DType::f32);
    x.zero();
    auto average = [&] { return group.all_reduce(x, Reduce::mean, Payload::gradient); };
    auto stay_away = [&] {
      if (group.rank() == 0) std::this_thread::sleep_for(std::chrono::seconds(2));
      group.broadcast(x, 0, Payload::control).wait();
    };
    stay_away();  // the start
    group.set_clock(0, 0);
    Work before;
    for (int epoch = 0; epoch < 2; ++epoch) {
      average().wait();
      before = average();  // under way while the run is left, as a vote is
      double now = group.seconds(), so_far = group.waited_seconds();
      group.leave_run();
      stay_away();
      group.set_clock(now, so_far);
      before.wait();
    }
    seconds[group.rank()] = group.seconds();
    waited[group.rank()] = group.waited_seconds();
  });
  for (int rank : {0, 1}) {
    CHECK(seconds[rank] >= 0.079);  // four times two latencies
    CHECK(seconds[rank] < 1);
    CHECK(waited[rank] < 1);
  }
}

TEST_CASE("on the emulated clock, waiting for a core that other workers have is no computing", "[dist]") {
  constexpr int workers = 4;
  auto net = std::make_shared<EmulatedNet>(LinkModel::parse("bandwidth=1Gbps"), workers);
  Baton baton(1);
  double seconds[workers];
  run_workers(workers, std::chrono::seconds(20), [&](Communicator& inner) {
    Baton::Hold hold(baton);
    EmulatedGroup group(inner, net, EmulatedGroup::Clock::wall);
    for (int step = 0; step < 3; ++step) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));  // counts as computing
      group.barrier();
    }
    seconds[group.rank()] = group.seconds();
  });
  for (double each : seconds) {
    CHECK(each >= 0.3);
    CHECK(each < 0.6);  // of 1.2 that have passed
  }
}

TEST_CASE("a worker that computes on its own thread is not slowed down by who else is on the machine", "[dist]") {
  auto net = std::make_shared<EmulatedNet>(LinkModel::parse("bandwidth=1Gbps"), 1);
  run_workers(1, std::chrono::seconds(20), [&](Communicator& inner) {
    EmulatedGroup own(inner, net, EmulatedGroup::Clock::thread), wall(inner, net, EmulatedGroup::Clock::wall);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // as one that is not given a core
    CHECK(own.seconds() < 0.1);
    CHECK(wall.seconds() >= 0.3);
    double before = own.seconds();
    auto start = std::clock();
    while (std::clock() - start < CLOCKS_PER_SEC / 10) {
    }
    CHECK(own.seconds() - before >= 0.05);  // std::clock is the whole process's
  });
}
