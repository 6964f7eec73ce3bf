#include <fcntl.h>
#include <stint/runtime/philox.h>
#include <stint/tests/cli/run_program.h>
#include <stint/tests/temporary_directory.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

using namespace stint;
using namespace stint::test;
namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kills_each = 6;

const std::vector<std::string> base = {
    "--model", "mlp",       "--epochs", "4", "--lr", "0.05", "--batch-size", "64", "--recovery-interval",
    "2",       "--threads", "1"};
const std::vector<std::vector<std::string>> dtypes = {{}, {"--amp", "bf16"}};
const std::vector<std::vector<std::string>> optimisers = {{"--opt", "sgd"}, {"--opt", "adamw"}};
const std::vector<std::vector<std::string>> extras = {
    {"--model-kwargs", "hidden=32", "dropout=0.2"},
    {"--crop-padding", "1", "--hflip", "0.5", "--mixup", "0.2", "--loader-threads", "2"},
    {"--model-ema", "--model-ema-decay", "0.9"}};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Starts `stint train`; its words go nowhere.
pid_t start(const std::vector<std::string>& arguments) {
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child > 0) return child;
  std::vector<std::string> words = {STINT_PROGRAM, "train"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, 1);
  execv(pointers[0], pointers.data());
  _exit(127);
}

bool is_being_written(const fs::path& run) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", none)) {
    std::string name = entry.path().filename();
    if (name.starts_with("step-") && name.ends_with(".new")) return true;
  }
  return false;
}

/// The exit code of a child that has ended, or -1.
int poll_exit(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, WNOHANG) == 0) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Kills {
  int all = 0;
  int in_checkpoint = 0;
};

/// Runs until a moment, `delay` seconds on or, with `in_checkpoint`, the first time after that a checkpoint is being
/// written, and kills. True if the program had ended by itself.
bool run_and_kill(const std::vector<std::string>& arguments, const fs::path& run, double delay, bool in_checkpoint,
                  Kills& kills) {
  pid_t child = start(arguments);
  auto begin = Clock::now();
  while (seconds_since(begin) < delay || (in_checkpoint && !is_being_written(run))) {
    if (int code = poll_exit(child); code >= 0) {
      REQUIRE(code == 0);
      return true;
    }
    if (!in_checkpoint) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) return true;
  ++kills.all;
  kills.in_checkpoint += is_being_written(run);
  return false;
}

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// (step, loss) of every line of metrics.jsonl.
std::vector<std::pair<int, double>> losses(const fs::path& run) {
  std::vector<std::pair<int, double>> found;
  std::istringstream lines(text_of(run / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    auto json = nlohmann::json::parse(line);
    found.emplace_back(json["step"], json.contains("loss") ? json["loss"] : json["eval_loss"]);
  }
  return found;
}

void check_equal(const fs::path& whole, const fs::path& cut) {
  for (const auto& entry : fs::directory_iterator(whole / "checkpoints/last")) {
    if (entry.path().extension() != ".safetensors") continue;
    INFO(entry.path());
    CHECK(text_of(entry.path()) == text_of(cut / "checkpoints/last" / entry.path().filename()));
  }
  CHECK(losses(whole) == losses(cut));
  CHECK(nlohmann::json::parse(text_of(cut / "run.json"))["status"] == "finished");
}

std::vector<std::string> joined(std::initializer_list<std::vector<std::string>> parts) {
  std::vector<std::string> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

TEST_CASE("killed at any moment and resumed, a run ends with the bits of an uninterrupted one") {
  TemporaryDirectory directory;
  RandomSequence random{static_cast<std::uint64_t>(time(nullptr)), 0};
  INFO("random seed " << random.seed);
  std::uint64_t draw = 0;
  Kills kills;
  int number = 0;
  for (const auto& dtype : dtypes) {
    for (const auto& optimiser : optimisers) {
      for (const auto& extra : extras) {
        std::string name = std::to_string(++number);
        INFO("configuration " << name);
        auto arguments = joined({base, dtype, optimiser, extra, {"--output", directory.path(), "--experiment"}});
        fs::path whole = directory.path() / ("whole" + name), cut = directory.path() / ("cut" + name);
        auto begin = Clock::now();
        pid_t child = start(joined({arguments, {"whole" + name}}));
        int status = 0;
        waitpid(child, &status, 0);
        REQUIRE(status == 0);
        double duration = seconds_since(begin);

        auto again = joined({arguments, {"cut" + name, "--resume", "auto"}});
        bool ended = false;
        for (int k = 0; k < kills_each && !ended; ++k) {
          double delay = duration * 0.15 * static_cast<double>(random.uniform(draw++));
          ended = run_and_kill(again, cut, delay, k % 2 == 0, kills);
        }
        child = start(again);
        waitpid(child, &status, 0);
        REQUIRE(status == 0);
        check_equal(whole, cut);
      }
    }
  }
  WARN(kills.all << " kills, " << kills.in_checkpoint << " of them while a checkpoint was being written");
  CHECK(kills.all >= 50);
  CHECK(4 * kills.in_checkpoint >= kills.all);
}

TEST_CASE("SIGTERM and SIGINT save, and say so in the exit code") {
  TemporaryDirectory directory;
  for (auto [signal, code] : {std::pair(SIGTERM, 143), std::pair(SIGINT, 130)}) {
    std::string name = std::to_string(signal);
    auto arguments = joined({base, {"--epochs", "200", "--output", directory.path(), "--experiment", name}});
    pid_t child = start(arguments);
    while (!fs::exists(directory.path() / name / "checkpoints/last")) {
      REQUIRE(poll_exit(child) == -1);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    kill(child, signal);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WEXITSTATUS(status) == code);
    auto run = nlohmann::json::parse(text_of(directory.path() / name / "run.json"));
    CHECK(run["status"] == "stopped");
    auto state = nlohmann::json::parse(text_of(directory.path() / name / "checkpoints/last/state.json"));
    CHECK(state["step"] == losses(directory.path() / name).back().first);
  }
}

TEST_CASE("a run that goes on, or is evaluated, brings its own configuration; flags come after it") {
  TemporaryDirectory directory;
  std::string path = directory.path();
  REQUIRE(run_program("train --model mlp --model-kwargs hidden=7 --epochs 2 --lr 0.03 --output . --experiment x", path)
              .code == 0);
  Outcome more = run_program("train --resume x --epochs 3 --json", path);
  CHECK(more.code == 0);
  CHECK(losses(directory.path() / "x").back().first == 3 * 22);
  Outcome eval = run_program("eval --checkpoint x --json", path);
  CHECK(eval.code == 0);
  CHECK(nlohmann::json::parse(eval.out)["top1"] == nlohmann::json::parse(more.out)["top1"]);
}

TEST_CASE("a run has its own model definition, whatever becomes of the file") {
  TemporaryDirectory directory;
  auto run = [&](const std::string& arguments) { return run_program(arguments, directory.path()); };
  auto write = [&](const std::string& kind) {
    std::ofstream(directory.path() / "net.yaml")
        << "layers:\n- {name: flat, kind: flatten}\n- {name: a, kind: linear, out: 16}\n- {name: b, kind: " << kind
        << "}\n- {name: c, kind: linear, out: $classes}\n";
  };
  const std::string weights = "checkpoints/last/model.safetensors";
  write("relu");
  REQUIRE(run("train --model net.yaml --epochs 2 --threads 1 --experiment whole").code == 0);
  REQUIRE(run("train --model net.yaml --epochs 1 --threads 1 --experiment x --sched constant").code == 0);
  std::string top1 = run("eval --checkpoint runs/x").out;
  write("softmax");
  CHECK(run("eval --checkpoint runs/x").out == top1);
  CHECK(run("eval --checkpoint runs/x --model net.yaml").out != top1);
  Outcome other = run("train --resume runs/x --model net.yaml --epochs 2");
  CHECK(other.code == 2);
  CHECK_THAT(other.err, Catch::StartsWith("stint: resume: net.yaml is not what the run began with, which is "
                                          "runs/x/model.yaml: leave out --model"));
  fs::remove(directory.path() / "net.yaml");
  fs::rename(directory.path() / "runs/x", directory.path() / "moved");
  for (const std::string command :
       {"eval --checkpoint moved", "convert --pretrained moved --output x.safetensors", "inspect mem moved"}) {
    Outcome outcome = run(command);
    INFO(command << ": " << outcome.err);
    CHECK(outcome.code == 0);
  }
  Outcome on = run("train --resume moved --epochs 2");
  CHECK(on.code == 0);
  CHECK_THAT(on.out, !Catch::Contains("model.name"));
  CHECK(run("train --config moved/args.yaml --experiment again --epochs 2 --sched cosine").code == 0);
  auto same = [&](const std::string& a, const std::string& b) {
    return run_shell("cmp " + a + " " + b, directory.path()).code == 0;
  };
  CHECK(same("runs/again/" + weights, "runs/whole/" + weights));
  CHECK(same("runs/again/model.yaml", "runs/whole/model.yaml"));
  write("relu");
  CHECK(run("train --resume moved --model net.yaml --epochs 3").code == 0);
  fs::remove(directory.path() / "moved/model.yaml");  // as in a run of an earlier version
  CHECK(run("eval --checkpoint moved").code == 0);
}

TEST_CASE("the average is what a run of --model-ema is evaluated by, and begins with given weights") {
  TemporaryDirectory directory;
  std::string path = directory.path(), train = "train --model mlp --epochs 1 --output . --json --model-ema ";
  auto top1 = [&](const std::string& arguments) {
    Outcome outcome = run_program(arguments, path);
    CAPTURE(arguments, outcome.err);
    REQUIRE(outcome.code == 0);
    return nlohmann::json::parse(outcome.out)["top1"].get<double>();
  };
  double averaged = top1(train + "--model-ema-decay 0.9 --experiment a");
  CHECK(averaged > 30);
  CHECK(top1("eval --checkpoint a --json") == averaged);
  CHECK(top1("eval --checkpoint a/checkpoints/last --json") == averaged);
  CHECK(top1("eval --checkpoint a/checkpoints/last/model.safetensors --json") != averaged);
  CHECK(top1(train + "--pretrained a --lr 0 --experiment b") == averaged);
}

TEST_CASE("what --resume auto finds is what goes on, wherever it has been moved") {
  TemporaryDirectory directory;
  std::string path = directory.path();
  REQUIRE(run_program("train --model mlp --epochs 1 --output r --experiment a", path).code == 0);
  fs::rename(directory.path() / "r", directory.path() / "s");
  fs::rename(directory.path() / "s/a", directory.path() / "s/b");
  std::ofstream(directory.path() / "s/b/run.json") << R"({"status": "stopped"})";
  Outcome more = run_program("train --output s --resume auto --epochs 2 --json", path);
  CAPTURE(more.err);
  CHECK(more.code == 0);
  CHECK(losses(directory.path() / "s/b").back().first == 2 * 22);
  CHECK_FALSE(fs::exists(directory.path() / "s/a"));
  Outcome begun = run_program("train --model mlp --epochs 1 --output t --experiment c --resume auto", path);
  CHECK(begun.code == 0);
  CHECK(text_of(directory.path() / "t/c/args.yaml").find("resume: \"auto\"") == std::string::npos);
}

TEST_CASE("compare prints a table and draws") {
  TemporaryDirectory directory;
  std::string path = directory.path();
  REQUIRE(run_program("train --model mlp --epochs 2 --output . --experiment a", path).code == 0);
  Outcome table = run_program("compare a a", path);
  CHECK(table.code == 0);
  CHECK_THAT(table.out, Catch::Contains("finished") && Catch::Contains("curves: compare.svg, compare.png"));
  CHECK(fs::file_size(directory.path() / "compare.png") > 1000);
  CHECK(fs::file_size(directory.path() / "a/curves.svg") > 1000);
  auto json = nlohmann::json::parse(run_program("compare a --json --picture b", path).out);
  CHECK(json[0]["epochs"] == 2);
  CHECK(run_program("compare", path).err == "stint: compare: expected run directories\n");
  CHECK_THAT(run_program("compare none", path).err, Catch::Contains("none is no run"));
}

TEST_CASE("plan prints how the workers share the images") {
  auto json = nlohmann::json::parse(run_program("plan --model mlp --workers 3 --sync sync --shard sorted --json").out);
  REQUIRE(json["shards"].size() == 3);
  int sum = 0;
  for (const auto& shard : json["shards"]) {
    for (int count : shard) sum += count;
  }
  CHECK(sum == 1438);
  CHECK(json["shards"][0][9] == 0);
  CHECK(json["shards"][2][0] == 0);
  CHECK_THAT(
      run_program("plan --model mlp --workers 3 --sync sync").out,
      Catch::Contains("training images of each worker (iid, shared out anew in every epoch: one such draw), by class"));
}

TEST_CASE("what a plan says is enough to train, to save, to go on and to begin with a run's weights") {
  TemporaryDirectory directory;
  auto run = [&](const std::string& arguments) { return run_program(arguments, directory.path()); };
  // The weights are most of it all: a second copy of them would not fit.
  const std::string common =
      "--model mlp --model-kwargs hidden=700 --dataset synthetic --image-size 8 --samples 32 --batch-size 16 --threads "
      "1 ";
  for (const std::string options : {"--momentum 0", "--opt sgd --amp bf16", "--opt adamw --model-ema"}) {
    CAPTURE(options);
    auto plan = nlohmann::json::parse(run("plan " + common + options + " --json").out);
    std::string budget = std::to_string(plan.at("peak_bytes").at("total").get<std::int64_t>());
    std::string within = " --threads 1 --mem-budget " + budget;
    fs::remove_all(directory.path() / "runs");
    for (const std::string& command : {"train " + common + options + " --epochs 1 --experiment x" + within,
                                       "train --resume runs/x --epochs 2" + within,
                                       "train " + common + options + " --epochs 1 --pretrained runs/x" + within}) {
      Outcome outcome = run(command);
      INFO(command << ": " << outcome.err);
      CHECK(outcome.code == 0);
    }
  }
}
