// Ranks that are started one by one, as mpirun does it: how each of them ends when one fails.

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "../data/files.h"
#include "../temporary_directory.h"
#include "run_program.h"

using namespace stint::test;

namespace {

constexpr int not_ended = -1;
const std::string train = "$stint train --model mlp --batch-size 16 --threads 1 --sync local:period=4 --output runs ";
const std::string long_run = train + "--epochs 1000000 --sync-timeout 2 ";

/// How a rank has ended.
struct End {
  int code = not_ended;
  double ms = 0;  ///< since `act`
  std::string err;
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Starts these commands as the ranks of a group, in `directory`. When `ready`, a shell's condition, holds, does `act`,
/// in which $(rank R) is a process. All but `hung` are waited for.
std::vector<End> ends_of(const TemporaryDirectory& directory, const std::vector<std::string>& ranks, int hung = -1,
                         const std::string& ready = "true", const std::string& act = "true") {
  std::string script =
      "rm -f end.*; rank() { cat pid.$1; }; "
      "until_true() { for i in $(seq 1200); do eval \"$1\" && return; sleep 0.05; done; }; "
      "export WORLD_SIZE=" +
      std::to_string(ranks.size()) + " MASTER_PORT=" + std::to_string(20000 + getpid() % 20000) + "; ";
  std::string all_ended = "true";
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    std::string number = std::to_string(r);
    script += "(RANK=" + number + " " + ranks[r] + " >out." + number + " 2>err." + number + " & echo $! >pid." +
              number + "; wait $!; echo $? $(date +%s%N) >new." + number + "; mv new." + number + " end." + number +
              ") & ";
    if (static_cast<int>(r) != hung) all_ended += " && test -f end." + number;
  }
  script += "until_true '" + ready + "'; start=$(date +%s%N); " + act + "; until_true '" + all_ended +
            "'; echo $start; kill -KILL $(cat pid.*) 2>/dev/null; wait";
  Outcome outcome = run_shell(script, directory.path());
  double start = std::stod(outcome.out);
  std::vector<End> ends;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    End end;
    double at = start;
    if (static_cast<int>(r) != hung) {
      std::istringstream(text_of(directory.path() / ("end." + std::to_string(r)))) >> end.code >> at;
    }
    end.ms = (at - start) / 1e6;
    end.err = text_of(directory.path() / ("err." + std::to_string(r)));
    ends.push_back(end);
  }
  return ends;
}

/// One line, of a collective, that blames this rank.
auto blames(int rank, const std::string& how) {
  return Catch::Matches("stint: (all_reduce|all_gather|broadcast): (this group has ended: .*)?rank " +
                        std::to_string(rank) + " " + how + "[^\n]*\n");
}

}  // namespace

TEST_CASE("when a rank is killed every other ends within two seconds, with code 5 and a line that names it", "[cli]") {
  for (int victim : {2, 0}) {
    TemporaryDirectory directory;
    auto ends = ends_of(directory, std::vector(4, long_run), -1, "test -s runs/*/metrics.jsonl",
                        "kill -KILL $(rank " + std::to_string(victim) + ")");
    for (int r = 0; r < 4; ++r) {
      INFO("rank " << r << " of a group whose rank " << victim << " is killed: code " << ends[r].code << " after "
                   << ends[r].ms << " ms: " << ends[r].err);
      if (r == victim) continue;
      CHECK(ends[r].code == 5);
      CHECK(ends[r].ms < 2000);
      CHECK_THAT(ends[r].err, blames(victim, "is gone"));
    }
  }
}

TEST_CASE("when a rank hangs every other ends within the timeout and two seconds, with code 5 and its name", "[cli]") {
  for (int victim : {1, 0}) {
    TemporaryDirectory directory;
    auto ends = ends_of(directory, std::vector(4, long_run), victim, "test -s runs/*/metrics.jsonl",
                        "kill -STOP $(rank " + std::to_string(victim) + ")");
    for (int r = 0; r < 4; ++r) {
      INFO("rank " << r << " of a group whose rank " << victim << " hangs: code " << ends[r].code << " after "
                   << ends[r].ms << " ms: " << ends[r].err);
      if (r == victim) continue;
      CHECK(ends[r].code == 5);
      CHECK(ends[r].ms > 1000);
      CHECK(ends[r].ms < 2000 + 2000);
      CHECK_THAT(ends[r].err, blames(victim, "did not come within 2.0 s"));
    }
  }
}

TEST_CASE("a rank that throws ends with its own code, every other within two seconds of it with code 5", "[cli]") {
  TemporaryDirectory directory;
  std::string bad = "f/train/b/7.png";
  for (const char* folder : {"f/train/a", "f/train/b", "f/test/a", "f/test/b"}) {
    std::filesystem::create_directories(directory.path() / folder);
    for (int i = 0; i < 16; ++i) {  // of several sizes, so that each is decoded by the rank that needs it
      write_bytes(directory.path() / folder / (std::to_string(i) + ".png"), plain_png(8 + i, 9, 200, 10 * i, 0));
    }
  }
  std::filesystem::resize_file(directory.path() / bad, 60);
  std::string command = train + "--dataset image-folder --data-dir f --image-size 8 --batch-size 2 --epochs 100";
  auto ends = ends_of(directory, std::vector(4, command));
  int thrower = not_ended;
  for (int r = 0; r < 4; ++r) {
    if (ends[r].code == 4) thrower = r;
  }
  REQUIRE(thrower != not_ended);
  for (int r = 0; r < 4; ++r) {
    INFO("rank " << r << ", where rank " << thrower << " throws: code " << ends[r].code << ": " << ends[r].err);
    CHECK_THAT(ends[r].err, Catch::Contains(bad));
    if (r == thrower) continue;
    CHECK(ends[r].code == 5);
    CHECK(ends[r].ms < ends[thrower].ms + 2000);
    CHECK_THAT(ends[r].err, blames(thrower, "failed: "));
  }
}

TEST_CASE("a rank that was told of another number of ranks is named by all, at once", "[cli]") {
  TemporaryDirectory directory;
  auto ends = ends_of(directory, {long_run, long_run, "WORLD_SIZE=4 " + long_run});
  for (int r = 0; r < 3; ++r) {
    INFO("rank " << r << ": code " << ends[r].code << " after " << ends[r].ms << " ms: " << ends[r].err);
    CHECK(ends[r].code == (r == 2 ? 2 : 5));
    CHECK(ends[r].ms < ends[2].ms + 2000);
    CHECK_THAT(ends[r].err, Catch::Contains("rank 2 was told of 4 ranks, rank 0 of 3"));
  }
}

TEST_CASE("ranks of another configuration, build or arithmetic are found out, by all and at once", "[cli]") {
  TemporaryDirectory directory;
  std::string same = train + "--epochs 2 --sync-timeout 30 ";
  std::string other = std::string(directory.path()) + "/other";  // the same sources, and yet another program
  REQUIRE(run_shell("cp $stint " + other + " && echo >> " + other).code == 0);
  std::vector<std::string> odd = {same + "--lr 0.06", other + same.substr(same.find(' '))};
#if STINT_WITH_ONEDNN  // the plain loops know one way
  odd.push_back("STINT_WINOGRAD=off " + same);
#endif
  for (const std::string& command : odd) {
    auto ends = ends_of(directory, {same, same, command});
    for (int r = 0; r < 3; ++r) {
      INFO("rank " << r << ", where the last is " << command << ": code " << ends[r].code << ": " << ends[r].err);
      CHECK(ends[r].code == (r == 2 ? 2 : 5));
      CHECK(ends[r].ms < 10000);  // of all that it takes to begin; the timeout is not waited for
      CHECK_THAT(ends[r].err, blames(2,
                                     "has another configuration or build than rank 0, or another instruction set "
                                     "or STINT_WINOGRAD"));
    }
  }
}
