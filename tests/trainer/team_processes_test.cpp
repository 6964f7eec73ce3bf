// Processes of which one goes wrong on purpose: this program starts itself as the ranks.

#include <fmt/format.h>
#include <stint/dist/gloo.h>
#include <stint/dist/tcp_store.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "team_fixtures.h"

using namespace stint;
using namespace stint::test;
namespace fs = std::filesystem;

namespace {

/// Changes one parameter of the rank that speaks, behind the backs of the others, once the run is open.
struct Vandal : Watcher {
  void started(const RunDirectory&, Training& training, const std::vector<std::string>&) override {
    const Block* block = training.state().parameter_table().find("fc2.weight");
    training.state().parameters().data<float>()[block->offset + 5] += 1;
  }
};

}  // namespace

TEST_CASE("a rank whose parameters change by themselves", "[.rank]") {
  TemporaryDirectory directory;
  Config config = team_run(directory, "run", "sync");
  config.sync.workers = 1;
  Vandal vandal;
  try {
    train(config, vandal, vandal.stop);
  } catch (const Error& error) {
    fmt::print("kind {}: {}\n", static_cast<int>(error.kind()), error.what());
  }
}

TEST_CASE("processes that have drifted apart end with the epoch, all naming the tensor", "[trainer]") {
  if (!dist::has_gloo()) return;
  TemporaryDirectory directory;
  std::string program = fs::read_symlink("/proc/self/exe"), port = std::to_string(dist::free_port());
  auto rank = [&](int r) {
    return fmt::format("RANK={} WORLD_SIZE=2 MASTER_PORT={} '{}' 'a rank whose parameters change by themselves' >{}", r,
                       port, program, r);
  };
  std::string both = fmt::format("cd '{}'; {} & {}; wait", directory.path().string(), rank(0), rank(1));
  REQUIRE(std::system(both.c_str()) == 0);
  for (const char* file : {"0", "1"}) {
    std::string said = read_file(directory.path() / file);
    INFO(said);
    CHECK_THAT(said, Catch::Contains("kind 7: sync: rank 1 differs from rank 0 in fc2.weight"));
  }
}
