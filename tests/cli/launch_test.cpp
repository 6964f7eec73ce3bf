// Several processes: the same bits as several workers in one, and what happens when one of them fails.

#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "../data/files.h"
#include "../shared_data.h"
#include "../temporary_directory.h"
#include "run_program.h"

using namespace stint::test;

namespace {

const std::string common = "train --model mlp --epochs 2 --batch-size 32 --lr 0.05 --threads 1 ";

/// Starts four ranks on a long run (`by` another program), does `act` to them after a second and reports how they
/// ended: `others` milliseconds until the last rank that runs had gone, `ms` until the launcher had.
Outcome disturb(const TemporaryDirectory& directory, const std::string& act, const std::string& more = "",
                const std::string& by = "") {
  std::string path = directory.path();
  return run_shell(by +
                       " $stint launch -n 4 -- train --model mlp --epochs 1000000 --batch-size 16 --threads 1 --sync "
                       "local:period=4 " +
                       more + " --output " + path +
                       "/runs >out.txt 2>err.txt & launcher=$!; sleep 1.5; "
                       "rank() { for p in $(cat /proc/$launcher/task/*/children); do "
                       "if tr '\\0' '\\n' </proc/$p/environ | grep -qx RANK=$1; then echo $p; fi; done; }; " +
                       "ranks=$(cat /proc/$launcher/task/*/children); "
                       "running() { for p in $ranks; do "
                       "case $(sed 's/.*) //' /proc/$p/stat | cut -c1) in ''|T|Z) ;; *) return 0;; esac; "
                       "done 2>/dev/null; return 1; }; " +
                       act +
                       "; start=$(date +%s%N); while running; do sleep 0.02; done; "
                       "echo others $(( ($(date +%s%N) - start) / 1000000 )); wait $launcher; code=$?; "
                       "echo code $code; echo ms $(( ($(date +%s%N) - start) / 1000000 )); cat out.txt err.txt; "
                       "sleep 0.3; for p in $(pgrep -x stint); do tr '\\0' ' ' </proc/$p/cmdline | grep -q \"output " +
                       path +
                       "\" && echo orphan; done; "
                       "exit $code",
                   path);
}

/// What is reported under that word.
int milliseconds_of(const Outcome& outcome, const std::string& word = "ms ") {
  std::size_t at = outcome.out.find(word);
  return at == std::string::npos ? -1 : std::stoi(outcome.out.substr(at + word.size()));
}

int count_of(const std::string& text, const std::string& words) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find(words, at)) != std::string::npos; ++at) ++count;
  return count;
}

}  // namespace

TEST_CASE("four processes have the bits of four workers in one", "[cli]") {
  TemporaryDirectory directory;
  std::string train = "train --model mlp --epochs 1 --batch-size 16 --lr 0.05 --threads 1 ";  // 22 steps
  std::string output = " --output " + std::string(directory.path()) + " --experiment ";
  for (const std::string sync : {"sync", "local:period=3", "lb:period=3", "crpsgd:growth=1.3", "easgd:period=3", "pipe",
                                 "liec:period=4", "stl:period=2,stage=5", "vrl:period=3", "cocod:period=3", "mem",
                                 "doublesqueeze", "neolithic", "cser:period=4"}) {
    INFO(sync);
    std::string name = sync.substr(0, sync.find(':'));
    Outcome one = run_program(train + "--workers 4 --sync " + sync + output + name + "-one");
    Outcome four = run_program("launch -n 4 -- " + train + "--sync " + sync + output + name + "-four");
    INFO(one.err << four.err);
    REQUIRE(one.code == 0);
    REQUIRE(four.code == 0);
    std::string files = "/checkpoints/last/model.safetensors";
    CHECK(run_shell("cmp " + name + "-one" + files + " " + name + "-four" + files, directory.path()).code == 0);
    CHECK(run_shell("cut -d, -f1-6,10-12 " + name + "-one/summary.csv >a; cut -d, -f1-6,10-12 " + name +
                        "-four/summary.csv | cmp a -",
                    directory.path())
              .code == 0);
    CHECK(four.out.find("top1: ") == four.out.rfind("top1: "));  // rank 0 alone speaks
  }
}

TEST_CASE("four processes have the bits of four workers in one on a9a too, and the rounds of the formula", "[cli]") {
  std::string file = shared_data("a9a.t");
  if (file.empty()) return;
  TemporaryDirectory directory;
  std::string output = " --output " + std::string(directory.path()) + " --experiment ";
  struct Case {
    const char *name, *sync;
    int rounds;  // in 16 steps
  };
  for (Case c : {Case{"sync", "sync", 16},
                 {"liec", "liec:period=5", 17},
                 {"vrl", "vrl:period=5,warmup=true", 4},
                 {"cocod", "cocod:period=4", 5},
                 {"stl", "stl:period=2,stage=4", 5},
                 {"local", "local:period=4", 4}}) {
    INFO(c.sync);
    std::string run = "train --dataset libsvm --data-dir " + file +
                      " --model logistic --epochs 2 --batch-size 400 --lr 0.1 --threads 1 --sync " + c.sync + output;
    Outcome one = run_program(run + c.name + "-one --workers 4");
    Outcome four = run_program("launch -n 4 -- " + run + c.name + "-four");
    INFO(one.err << four.err);
    REQUIRE(one.code == 0);
    REQUIRE(four.code == 0);
    std::string weights = "/checkpoints/last/model.safetensors", name = c.name;
    CHECK(run_shell("cmp " + name + "-one" + weights + " " + name + "-four" + weights, directory.path()).code == 0);
    for (const char* kind : {"-one", "-four"}) {
      Outcome rounds = run_shell("tail -n 1 " + name + kind + "/summary.csv | cut -d, -f12", directory.path());
      CHECK(rounds.out == std::to_string(c.rounds) + "\n");
    }
  }
}

TEST_CASE("a rank that is killed ends the others within two seconds, with code 5 and its name", "[cli]") {
  TemporaryDirectory directory;
  Outcome outcome = disturb(directory, "kill -KILL $(rank 2)");
  INFO(outcome.out << outcome.err);
  CHECK(outcome.code == 5);
  CHECK(milliseconds_of(outcome) < 2000);
  CHECK(count_of(outcome.out, ": rank 2 is gone") == 3);  // nobody blames one that ended for its sake
  CHECK_THAT(outcome.out, Catch::Contains("rank 2 was killed by signal 9"));
  CHECK_THAT(outcome.out, !Catch::Contains("orphan"));
}

TEST_CASE("rank 0, which the others would ask what happened, is named too when it is killed", "[cli]") {
  TemporaryDirectory directory;
  Outcome outcome = disturb(directory, "kill -KILL $(rank 0)");
  INFO(outcome.out << outcome.err);
  CHECK(outcome.code == 5);
  CHECK(milliseconds_of(outcome) < 2000);
  CHECK(count_of(outcome.out, ": rank 0 is gone") == 3);
  CHECK_THAT(outcome.out, !Catch::Contains("orphan"));
}

TEST_CASE("a rank that hangs ends the others after the timeout", "[cli]") {
  for (const std::string rank : {"1", "0"}) {  // rank 0, which the others would ask
    TemporaryDirectory directory;
    Outcome outcome = disturb(directory, "kill -STOP $(rank " + rank + ")", "--sync-timeout 2");
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 5);
    CHECK(milliseconds_of(outcome, "others ") > 1000);
    CHECK(milliseconds_of(outcome, "others ") < 2000 + 2000);   // the timeout and 2 s
    CHECK(milliseconds_of(outcome) < 2000 + 2000 + 2500);       // the launcher, which ends the rank that hangs
    CHECK(count_of(outcome.out, ": rank " + rank + " ") == 3);  // nobody blames one who waits too
    CHECK_THAT(outcome.out, !Catch::Contains("orphan"));
  }
}

TEST_CASE("an exception on one rank ends the others, which say whose it was and what", "[cli]") {
  TemporaryDirectory directory;
  for (const char* folder : {"f/train/a", "f/train/b", "f/test/a", "f/test/b"}) {
    std::filesystem::create_directories(directory.path() / folder);
    for (int i = 0; i < 16; ++i) {  // of several sizes, so that each is decoded by the rank that needs it
      write_bytes(directory.path() / folder / (std::to_string(i) + ".png"), plain_png(8 + i, 9, 200, 10 * i, 0));
    }
  }
  for (const std::string bad : {"f/train/a/1.png", "f/train/b/7.png"}) {  // the first comes to rank 0
    REQUIRE(run_shell("cp " + bad + " good; truncate -s 60 " + bad, directory.path()).code == 0);
    Outcome outcome = run_shell(
        "start=$(date +%s%N); $stint launch -n 4 -- train --model mlp --dataset image-folder --data-dir f "
        "--image-size 8 --batch-size 2 --epochs 100 --threads 1 --sync local:period=4; code=$?; "
        "echo ms $(( ($(date +%s%N) - start) / 1000000 )); mv good " +
            bad + "; exit $code",
        directory.path());
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 4);  // that rank's, whoever ends first
    CHECK(milliseconds_of(outcome) < 5000);
    CHECK(count_of(outcome.err, bad) == 4);
    int blamed = 0;
    for (int rank = 0; rank < 4; ++rank) {
      int by_others = count_of(outcome.err, ": rank " + std::to_string(rank) + " failed: ");
      CHECK((by_others == 0 || by_others == 3));
      blamed += by_others;
      if (rank == 0) CHECK((by_others == 3) == (bad == "f/train/a/1.png"));
    }
    CHECK(blamed == 3);
  }
}

TEST_CASE("a signal to the launcher stops all ranks with a checkpoint; without it nothing stays behind", "[cli]") {
  TemporaryDirectory directory;
  Outcome outcome = disturb(directory, "kill -TERM $launcher");
  INFO(outcome.out << outcome.err);
  CHECK(outcome.code == 143);
  CHECK_THAT(outcome.out, Catch::Contains("stopped by signal 15"));
  CHECK_THAT(outcome.out, !Catch::Contains("orphan"));
  CHECK(run_shell("test -f runs/*/checkpoints/last/rank-3.safetensors", directory.path()).code == 0);
  outcome = disturb(directory, "kill -KILL $launcher; sleep 1");
  CHECK_THAT(outcome.out, !Catch::Contains("orphan"));
}

TEST_CASE("Ctrl-C, which a terminal sends to the whole process group, stops all ranks with a checkpoint", "[cli]") {
  TemporaryDirectory directory;
  Outcome outcome = disturb(directory, "kill -INT -$launcher", "", "setsid");
  INFO(outcome.out << outcome.err);
  CHECK(outcome.code == 130);
  CHECK_THAT(outcome.out, Catch::Contains("stopped by signal 2"));
  CHECK_THAT(outcome.out, !Catch::Contains("orphan"));
  CHECK(run_shell("test -f runs/*/checkpoints/last/rank-3.safetensors", directory.path()).code == 0);
}

TEST_CASE("a rank that finds nobody, and a launch that makes no sense, end with the reason", "[cli]") {
  TemporaryDirectory directory;
  std::string rest = common + "--sync sync --sync-timeout 2 --output " + std::string(directory.path());
  Outcome alone = run_shell("RANK=1 WORLD_SIZE=2 MASTER_PORT=1 $stint " + rest + " --sync-timeout 0.5");
  CHECK(alone.code == 5);
  CHECK_THAT(alone.err, Catch::Contains("rank 0 does not answer"));
  CHECK(run_shell("RANK=2 WORLD_SIZE=2 $stint " + rest).code == 2);
  CHECK(run_program("launch -n 0 -- train").code == 2);
  CHECK(run_program("launch train").code == 2);
  CHECK(run_program("launch -n 2 -- train --no-such-flag").code == 2);
}

TEST_CASE("a rank has the memory that it was given", "[cli]") {
  TemporaryDirectory directory;
  std::string rest = "launch -n 2 -- " + common + "--sync sync --output " + std::string(directory.path());
  Outcome small = run_program(rest + " --mem-budget 1KiB");
  CHECK(small.code == 3);
  CHECK_THAT(small.err, Catch::Contains("do not fit"));
  CHECK(run_program(rest + " --mem-budget 1GiB").code == 0);
}

TEST_CASE("ranks that begin with other weights, or go on from another run, end with code 7", "[cli]") {
  TemporaryDirectory directory;
  std::string train = " train --model mlp --batch-size 128 --threads 1 --sync sync --output . ";
  for (const std::string rank : {"0", "1"}) {  // a folder and a run x of its own for each
    std::string make = "mkdir " + rank + " && cd " + rank + " && $stint" + train + "--workers 2 --epochs 1 --lr 0.0";
    REQUIRE(run_shell(make + (rank == "0" ? "5" : "6") + " --experiment x", directory.path()).code == 0);
  }
  std::string port = std::to_string(20000 + getpid() % 20000);
  for (const std::string begin : {"--experiment y --pretrained x", "--resume x"}) {
    INFO(begin);
    auto rank = [&](const std::string& r) {
      return "(cd " + r + "; RANK=" + r + " WORLD_SIZE=2 MASTER_PORT=" + port + " $stint" + train +
             "--workers 1 --lr 0.05 --epochs 2 " + begin + "; echo rank " + r + " code $?)";
    };
    Outcome both = run_shell(rank("0") + " & " + rank("1") + "; wait", directory.path());
    for (const char* code : {"rank 0 code 7", "rank 1 code 7"}) CHECK_THAT(both.out, Catch::Contains(code));
    CHECK(count_of(both.err, "stint: sync: rank 1 differs from rank 0 in fc1.weight") == 2);
    CHECK_THAT(both.out, !Catch::Contains("parameters on"));  // before anything is trained
  }
}

TEST_CASE("sixteen processes have the bits of sixteen workers in one", "[cli]") {
  TemporaryDirectory directory;
  std::string train = "train --model mlp --epochs 1 --batch-size 16 --threads 1 --sync liec:period=3 --output " +
                      std::string(directory.path()) + " --experiment ";
  Outcome one = run_program(train + "one --workers 16"), many = run_program("launch -n 16 -- " + train + "many");
  INFO(one.err << many.err);
  REQUIRE(one.code == 0);
  REQUIRE(many.code == 0);
  std::string weights = "/checkpoints/last/model.safetensors ";
  CHECK(run_shell("cmp one" + weights + "many" + weights, directory.path()).code == 0);
}

TEST_CASE("launch shares out the cores, except where the user has said how many threads a rank has", "[cli]") {
  TemporaryDirectory directory;
  auto bench = [&](const std::string& variables, int ranks, const std::string& more) {
    return run_shell(variables + " XDG_CACHE_HOME=$PWD $stint launch -n " + std::to_string(ranks) +
                         " -- bench --model mlp --batch-size 8 --steps 1" + more,
                     directory.path())
        .out;
  };
  auto threads = [](int count) { return ", " + std::to_string(count) + " thread(s), "; };
  auto cores = static_cast<int>(std::thread::hardware_concurrency());
  for (int ranks : {1, 2, 3}) {
    INFO(ranks << " ranks on " << cores << " cores");
    std::string said = bench("unset OMP_NUM_THREADS;", ranks, "");
    INFO(said);
    CHECK(count_of(said, threads(std::max(1, cores / ranks))) == ranks);
  }
  CHECK(count_of(bench("OMP_NUM_THREADS=3", 2, ""), threads(3)) == 2);
  CHECK(count_of(bench("OMP_NUM_THREADS=3", 2, " --threads 1"), threads(1)) == 2);
}

TEST_CASE("ranks whose reader has gone train on", "[cli]") {
  TemporaryDirectory directory;
  Outcome outcome = run_shell(
      "($stint launch -n 2 -- train --model mlp --epochs 3 --batch-size 32 --threads 1 --sync sync --output . "
      "--experiment x; echo code $? >&2) | true; tail -n 1 x/summary.csv",
      directory.path());
  CHECK_THAT(outcome.err, Catch::Contains("code 141"));
  CHECK_THAT(outcome.out, Catch::StartsWith("2,"));  // the third epoch
}

TEST_CASE("ranks are known by the variables of mpirun and srun too", "[cli]") {
  TemporaryDirectory directory;
  std::string output = directory.path();
  struct Launcher {
    const char *rank, *size;
  };
  int port = 20000 + getpid() % 20000;
  for (Launcher l : {Launcher{"PMI_RANK", "PMI_SIZE"},
                     {"SLURM_PROCID", "SLURM_NTASKS"},
                     {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}}) {
    INFO(l.rank);
    auto rank = [&](int r) {
      return std::string(l.rank) + "=" + std::to_string(r) + " " + l.size + "=2 MASTER_PORT=" + std::to_string(port) +
             " $stint train --model mlp --epochs 1 --batch-size 128 --threads 1 --sync sync --output " + output;
    };
    ++port;
    Outcome outcome = run_shell(rank(1) + " & " + rank(0) + " && wait $!");
    INFO(outcome.err);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.out, Catch::Contains("top1: "));
  }
}
