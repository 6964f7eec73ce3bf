#include <stint/tests/cli/run_program.h>
#include <stint/tests/temporary_directory.h>
#include <stint/tools/cli/command_options.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace stint;
using namespace stint::test;

namespace {

struct BadLine {
  const char* arguments;
  const char* error;  // without "stint: " and the newline
};

const BadLine bad_commands[] = {
    {"trains", "there is no command 'trains': did you mean 'train'?"},
    {"evla", "there is no command 'evla': did you mean 'eval'?"},
    {"''", "there is no command ''; see `stint --help`"},
    {"inspect", "inspect: expected a command; see `stint inspect --help`"},
    {"inspect models resnet18", "inspect: there is no command 'models': did you mean 'model'?"},
    {"inspect model a b", "inspect model: did not expect 'b'; see `stint inspect model --help`"},
    {"inspect --json model a", "inspect: there is no flag '--json' before the command; see `stint inspect --help`"},
    {"--lr 0.1 train", "there is no flag '--lr' before the command; see `stint --help`"},
    {"train plan", "train: did not expect the command 'plan' after it"},
    {"train 3", "train: did not expect '3'; see `stint train --help`"},
    {"train ++", "did not expect '++'"},
    {"train -- --lr 0.3", "did not expect '--'"},
    {"eval", "eval: expected --checkpoint PATH: a run, a checkpoint or model.safetensors"},
};

const BadLine bad_flags[] = {
    {"train --batchsize 3", "train: there is no flag '--batchsize': did you mean '--batch-size'?"},
    {"train --batch_size=3", "train: there is no flag '--batch_size': did you mean '--batch-size'?"},
    {"plan --whatever", "plan: there is no flag '--whatever'; see `stint plan --help`"},
    {"train -x", "train: there is no flag '-x'; see `stint train --help`"},
    {"train -lr 3", "train: there is no flag '-lr': did you mean '--lr'?"},
    {"train --steps 5", "train: there is no flag '--steps'; see `stint train --help`"},
    {"train --lr", "--lr: expected a value"},
    {"train --lr --seed 3", "--lr: expected a value, got '--seed'"},
    {"train --lr=", "--lr: optim.lr has no value, expected a number from 0 to 1000000"},
    {"train --lr fast", "--lr: optim.lr is 'fast', expected a number from 0 to 1000000"},
    {"train --lr -0.1", "--lr: optim.lr is '-0.1', expected a number from 0 to 1000000"},
    {"train --lr 0.1 --lr x", "--lr: optim.lr is 'x', expected a number from 0 to 1000000"},
    {"train --lr [0.1]", "--lr: optim.lr is '[0.1]', expected a number from 0 to 1000000"},
    {"train --seed 0x10", "--seed: seed is '0x10', expected an integer of at least 0"},
    {"train --opt adam", "--opt: optim.opt is 'adam', expected one of sgd, adamw: did you mean 'adamw'?"},
    {"train --opt '\"sgd\"'", "--opt: optim.opt is '\"sgd\"', expected one of sgd, adamw"},
    {"train --json=yes", "--json: log.json is 'yes', expected true or false"},
    {"train --model-kwargs stem", "--model-kwargs: model.kwargs is 'stem', expected key=value"},
    {"train --model-kwargs a=1 b", "--model-kwargs: model.kwargs is 'b', expected key=value"},
    {"train --mem-budget 6Gb", "--mem-budget: memory.budget is '6Gb', expected bytes with a unit, like 6GiB"},
    {"train --data-dir \"$(printf 'a\\nb\\nc\\nd')\"",
     "--data-dir: data.dir is 'a\\x0ab\\x0ac\\x0ad', expected UTF-8 without control characters"},
    {"train --set", "--set: expected a value"},
    {"train --set lr", "--set: expected key=value, got 'lr'"},
    {"train --set lr=1", "--set: there is no option 'lr': did you mean 'optim.lr'?"},
    {"train --set optim.lrr=1", "--set: there is no option 'optim.lrr': did you mean 'optim.lr'?"},
    {"train --set optim.lr=x", "--set: optim.lr is 'x', expected a number from 0 to 1000000"},
    {"bench --steps 0", "--steps: is '0', expected an integer from 1 to 100000"},
    {"bench --steps many", "--steps: is 'many', expected an integer from 1 to 100000"},
};

const BadLine bad_files[] = {
    {"train -c", "--config: expected a value"},
    {"train -c none.yaml", "config: cannot read none.yaml: No such file or directory"},
    {"train -c good.yaml bad.yaml", "train: did not expect 'bad.yaml'; see `stint train --help`"},
    {"train -c bad.yaml", "bad.yaml:2:3: there is no option 'optim.lrr': did you mean 'optim.lr'?"},
    {"train -c good.yaml --config bad.yaml", "bad.yaml:2:3: there is no option 'optim.lrr': did you mean 'optim.lr'?"},
};

void check(const BadLine& line, const std::string& directory = "/") {
  CAPTURE(line.arguments);
  Outcome outcome = run_program(line.arguments, directory);
  CHECK(outcome.code == 2);
  CHECK(outcome.out == "");
  CHECK(outcome.err == std::string("stint: ") + line.error + "\n");
}

std::string with_files(const TemporaryDirectory& directory) {
  std::ofstream(directory.path() / "good.yaml") << "optim:\n  lr: 0.2\n";
  std::ofstream(directory.path() / "bad.yaml") << "optim:\n  lrr: 0.2\n";
  return directory.path();
}

}  // namespace

TEST_CASE("a command that is wrong") {
  for (const BadLine& line : bad_commands) check(line);
}

TEST_CASE("a flag that is wrong") {
  for (const BadLine& line : bad_flags) check(line);
}

TEST_CASE("a configuration file that is wrong") {
  TemporaryDirectory directory;
  std::string path = with_files(directory);
  for (const BadLine& line : bad_files) check(line, path);
}

TEST_CASE("files give way to flags, flags to --set") {
  TemporaryDirectory directory;
  std::string path = with_files(directory);
  // The texts are read in that order, so the first one that is wrong is the one reported.
  CHECK(run_program("train -c bad.yaml --seed x --set seed=y", path).err.starts_with("stint: bad.yaml:2:3: "));
  CHECK(run_program("train --set seed=y --seed x -c good.yaml", path).err.starts_with("stint: --seed: seed is 'x'"));
  CHECK(run_program("train --set seed=y --seed 1 -c good.yaml", path).err.starts_with("stint: --set: seed is 'y'"));
}

TEST_CASE("a run goes on, and its weights are read, with its own configuration") {
  TemporaryDirectory directory;
  std::string path = directory.path();
  std::string train = "train --model mlp --model-kwargs hidden=12 --epochs 1 --lr 0.02 --experiment a --json";
  REQUIRE(run_program(train, path).code == 0);
  // The default model and data would not fit these weights, and one epoch more is one line more.
  CHECK(run_program("eval --checkpoint runs/a --json", path).code == 0);
  CHECK(run_program("eval --checkpoint runs/a/checkpoints/last/model.safetensors --json", path).code == 0);
  REQUIRE(run_program("train --resume runs/a --epochs 2 --json", path).code == 0);
  CHECK(run_shell("wc -l <runs/a/summary.csv", path).out == "3\n");
  Outcome other = run_program("eval --checkpoint runs/a --model-kwargs hidden=13", path);
  CHECK(other.code != 0);
}

TEST_CASE("an error is at most three lines and harmless to a terminal") {
  std::string hostile = "\"$(printf 'tr\\033[31m\\nain\\n\\n\\n%05000d' 0)\"";
  for (const char* before :
       {"", "train ", "train --", "train --opt ", "train --set ", "train --set seed=", "train -c "}) {
    CAPTURE(before);
    Outcome outcome = run_program(before + hostile);
    CHECK(outcome.code == 2);
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') <= 3);
    CHECK(outcome.err.find('\x1b') == std::string::npos);
    CHECK(outcome.err.size() < 1500);
  }
}

TEST_CASE("help names every command, and just the options that concern it") {
  Outcome program = run_program("--help");
  CHECK(program.code == 0);
  CHECK(program.err == "");
  for (const char* name : {"train", "eval", "plan", "bench", "inspect", "--version"}) {
    CHECK(program.out.find(name) != std::string::npos);
  }
  for (const char* command : {"train", "eval", "plan", "bench", "predict", "convert", "inspect model", "inspect mem"}) {
    CAPTURE(command);
    Outcome outcome = run_program(std::string(command) + " --help");
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find(std::string("Usage: stint ") + command) != std::string::npos);
    for (const Option& option : options()) {
      CAPTURE(option.flag);
      bool listed = outcome.out.find("  " + option.flag + " ") != std::string::npos;
      CHECK(listed == concerns(option, command));
      if (listed) CHECK(outcome.out.find(meaning(option, command)) != std::string::npos);
    }
  }
  CHECK(run_program("predict --help").out.find("--lr") == std::string::npos);
  CHECK(run_program("eval --help").out.find("--data-dir") != std::string::npos);
  CHECK(run_program("").out == program.out);
}

TEST_CASE("a step of one worker: workers are no part of its help, and who asks for some is told") {
  const std::string small = " --dataset synthetic --image-size 8 --model mlp --batch-size 4 --json ";
  TemporaryDirectory directory;
  const std::string cache = "XDG_CACHE_HOME=" + directory.path().string() + " $stint ";
  for (std::string command : {"bench --steps 1", "inspect mem"}) {
    CAPTURE(command);
    CHECK_THAT(run_program(command + " --help").out, !Catch::Contains("--workers") && !Catch::Contains("--sync"));
    CHECK(run_shell(cache + command + small).err == "");
    Outcome several = run_shell(cache + command + small + "--workers 4 --sync stl");
    CHECK(several.code == 0);
    CHECK(several.err ==
          "stint: a step of one worker alone, on which these have no effect: sync.algorithm, sync.workers\n");
  }
}

TEST_CASE("inspect model says what images it has computed with") {
  TemporaryDirectory directory;
  std::string path = directory.path();
  run_shell("mkdir c; head -c 30730 /dev/zero > c/test_batch.bin", path);
  const std::string command = "inspect model resnet20 --batch-size 2 ";
  const std::string cifar = command + "--dataset cifar10 --data-dir c --image-size 64 --num-classes 12";
  CHECK(run_program(cifar, path).out.starts_with("resnet20 on cifar10 images [2,64,64,3], 12 classes; "));
  auto json = nlohmann::json::parse(run_program(cifar + " --json", path).out);
  CHECK(json["dataset"] == "cifar10");
  CHECK(json["input"] == nlohmann::json({2, 64, 64, 3}));
  CHECK(json["classes"] == 12);
  CHECK(json["layers"][0]["output"] == nlohmann::json({2, 64, 64, 16}));
  CHECK(run_program(command + "--dataset digits").out.starts_with("resnet20 on synthetic images [2,32,32,3], 10 "));
  CHECK_THAT(run_program("inspect model --help").out, Catch::Contains("with digits: synthetic ones"));

  auto names = nlohmann::json::parse(run_program("inspect model --json").out);
  CHECK(std::count(names.begin(), names.end(), "resnet20") == 1);
}

TEST_CASE("the version, at once and in little memory") {
  double fastest = 1;
  for (int i = 0; i < 10; ++i) {
    auto start = std::chrono::steady_clock::now();
    Outcome outcome = run_program("--version");
    std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    fastest = std::min(fastest, taken.count());
    CHECK(outcome.code == 0);
    CHECK(outcome.out.starts_with("stint 0.1.0 (cpu"));
  }
  CHECK(fastest < 0.05);  // in the fastest of ten, since other programs may hold it up
  // Asked of a small process: a child's peak begins with its parent's, whose memory it has until it executes the
  // program.
  Outcome peak = run_shell(
      "python3 -c 'import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
      "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' $stint --version");
  REQUIRE(peak.code == 0);
  CHECK(std::stol(peak.out) > 1024);
  CHECK(std::stol(peak.out) < 30 * 1024);
}

TEST_CASE("a device that is not there is one line") {
  if (std::filesystem::exists("/dev/nvidia0")) return;
  Outcome outcome = run_program("train --device cuda");
  CHECK(outcome.code == 2);
  CHECK(outcome.out == "");
  CHECK(outcome.err.starts_with("stint: device: 'cuda:0' cannot be used: "));
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
}

TEST_CASE("a standard stream that is closed, full or not read") {
  CHECK(run_program("--help >&-").code == 0);
  CHECK(run_program("trains 2>&-").code == 2);
  Outcome full = run_program("--help >/dev/full");
  CHECK(full.code == 1);
  CHECK(full.err == "stint: standard output: No space left on device\n");
  // As from any program whose reader has gone: 128 + SIGPIPE, and not a word.
  Outcome gone = run_shell("{ sleep 0.2; $stint --help; echo $? >&2; } | true");
  CHECK(gone.err == "141\n");
}
