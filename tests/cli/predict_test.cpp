#include <stint/tests/cli/run_program.h>
#include <stint/tests/data/files.h>
#include <stint/tests/temporary_directory.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace stint::test;
namespace fs = std::filesystem;

namespace {

/// Photographs of red and of blue things in several sizes, and a run that can tell them apart.
struct ColourRun {
  TemporaryDirectory directory;

  ColourRun() {
    for (const char* part : {"train", "test"}) {
      for (int i = 0; i < 16; ++i) {
        auto strong = static_cast<std::uint8_t>(150 + 6 * i), weak = static_cast<std::uint8_t>(5 * i);
        write(fmt_path(part, "red", i), plain_png(10 + i, 12, strong, weak, weak));
        write(fmt_path(part, "blue", i), plain_png(12, 10 + i, weak, weak, strong));
      }
    }
    Outcome trained =
        run("train --model mlp --dataset image-folder --data-dir f --image-size 8 --batch-size 8 --epochs 6 --lr 0.02 "
            "--output runs --experiment x");
    INFO(trained.err);
    REQUIRE(trained.code == 0);
    REQUIRE(trained.out.find("top1: 100.00") != std::string::npos);
  }

  static std::string fmt_path(const std::string& part, const std::string& name, int i) {
    return "f/" + part + "/" + name + "/" + std::to_string(10 + i) + ".png";
  }
  void write(const std::string& name, const stint::Bytes& bytes) const {
    fs::create_directories((directory.path() / name).parent_path());
    write_bytes(directory.path() / name, bytes);
  }
  Outcome run(const std::string& arguments) const { return run_program(arguments, directory.path()); }
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("predict names the classes of image files, of folders and of archives") {
  ColourRun colours;
  Outcome folder = colours.run("predict --pretrained runs/x --input f/test");
  INFO(folder.err);
  REQUIRE(folder.code == 0);
  auto lines = lines_of(folder.out);
  REQUIRE(lines.size() == 32);
  for (const std::string& line : lines) {
    bool red = line.starts_with("f/test/red/");
    CHECK(line.find(red ? ".png:  red 0." : ".png:  blue 0.") != std::string::npos);
  }
  Outcome two = colours.run("predict --pretrained runs/x --input f/test/red/10.png f/test/blue/11.png --batch-size 1");
  CHECK(two.out == lines[16] + "\n" + lines[1] + "\n");
  run_shell("tar cf t.tar f/test", colours.directory.path());
  CHECK(lines_of(colours.run("predict --pretrained runs/x --input t.tar").out).size() == 32);

  run_shell(
      "cp runs/x/checkpoints/last/model.safetensors w.safetensors; $stint convert --model mlp --pretrained "
      "w.safetensors --image-size 8 --output c.safetensors",
      colours.directory.path());
  for (const char* weights : {"w.safetensors", "c.safetensors"}) {  // what images must go through is in the file
    CAPTURE(weights);
    CHECK(colours.run(std::string("predict --model mlp --input f/test/red/10.png --pretrained ") + weights).out ==
          lines[16] + "\n");
  }
}

TEST_CASE("how much of a test image is judged is the run's to say, and --crop-pct goes over it") {
  ColourRun colours;
  stint::Bytes pixels;
  for (int i = 0; i < 20 * 20 * 3; ++i) pixels.push_back(static_cast<std::uint8_t>(i * i / 7));
  colours.write("f/test/red/30.jpg", jpeg(20, 20, 0, pixels));
  const std::string data = " --dataset image-folder --data-dir f --image-size 8 ", model = " --model mlp";
  auto predicted = [&](const std::string& flags) {
    Outcome outcome = colours.run("predict --input f/test/red/30.jpg --pretrained " + flags);
    INFO(outcome.err);
    CHECK(outcome.code == 0);
    return outcome.out;
  };
  auto loss = [&](const std::string& flags) {
    Outcome outcome = colours.run("eval --json --checkpoint " + flags);
    INFO(outcome.err);
    REQUIRE(outcome.code == 0);
    return nlohmann::json::parse(outcome.out)["loss"].get<double>();
  };
  run_shell("cp runs/x/checkpoints/last/model.safetensors w.safetensors", colours.directory.path());
  for (const std::string& weights : {std::string("runs/x"), "w.safetensors" + model + data}) {
    CAPTURE(weights);  // training took all of an image: so does the test
    CHECK(predicted(weights) == predicted(weights + " --crop-pct 1"));
    CHECK(predicted(weights) != predicted(weights + " --crop-pct 0.875"));
    CHECK(loss(weights) == loss(weights + " --crop-pct 1"));
    CHECK(loss(weights) != loss(weights + " --crop-pct 0.875"));
  }
  const std::string train = "train --epochs 1 --batch-size 8 --json" + model + data;
  for (auto [name, flags] : {std::pair("y", "--scale 0.5,1"), std::pair("z", "--crop-pct 0.5")}) {
    CAPTURE(flags);
    Outcome trained = colours.run(train + flags + " --experiment " + name);
    REQUIRE(trained.code == 0);
    std::string run = std::string("runs/") + name;
    std::string crop = name == std::string("y") ? " --crop-pct 0.875" : " --crop-pct 0.5";
    CHECK(predicted(run) == predicted(run + crop));
    CHECK(predicted(run) != predicted(run + " --crop-pct 1"));
    CHECK(loss(run) == loss(run + crop));
    CHECK(loss(run) != loss(run + " --crop-pct 1"));
  }
}

TEST_CASE("predict as JSON has class, name and probability of each image") {
  ColourRun colours;
  Outcome outcome = colours.run("predict --pretrained runs/x --input f/test/red/10.png --json");
  REQUIRE(outcome.code == 0);
  auto json = nlohmann::json::parse(outcome.out);
  CHECK(json["classes"] == 2);
  CHECK(json["images"][0]["image"] == "f/test/red/10.png");
  auto top = json["images"][0]["top5"];
  REQUIRE(top.size() == 2);
  CHECK(top[0]["name"] == "red");
  CHECK(top[0]["class"] == 1);
  CHECK(top[0]["probability"].get<double>() + top[1]["probability"].get<double>() == Approx(1));
}

TEST_CASE("an image file that cannot be decoded ends predict with code 4, and is named") {
  ColourRun colours;
  stint::Bytes whole = jpeg(20, 20, 0, stint::Bytes(20 * 20 * 3, 99)), cut(whole.begin(), whole.end() - 40);
  colours.write("mixed/a.jpg", whole);
  colours.write("mixed/b.jpg", cut);
  CHECK(colours.run("predict --pretrained runs/x --input mixed/a.jpg").code == 0);
  Outcome damaged = colours.run("predict --pretrained runs/x --input mixed");
  CHECK(damaged.code == 4);
  CHECK(damaged.out == "");
  CHECK_THAT(damaged.err, Catch::StartsWith("stint: image: mixed/b.jpg cannot be decoded: "));
}

TEST_CASE("names of files that are not UTF-8 stand in reports, and in errors as what they are") {
  ColourRun colours;
  std::string picture = "f/train/red/\xff.png";
  stint::Bytes damaged = plain_png(30, 30, 0, 0, 0);
  damaged.resize(damaged.size() / 2);
  colours.write(picture, damaged);
  Outcome failed =
      colours.run("train --model mlp --dataset image-folder --data-dir f --image-size 8 --batch-size 8 --experiment y");
  CHECK(failed.code == 4);
  CHECK_THAT(failed.err, Catch::Contains("f/train/red/\\xff.png cannot be decoded"));
  auto told = nlohmann::json::parse(std::ifstream(colours.directory.path() / "runs/y/run.json"));
  CHECK(told["status"] == "failed");
  CHECK_THAT(told["reason"].get<std::string>(), Catch::Contains("f/train/red/\uFFFD.png cannot be decoded"));

  fs::remove(colours.directory.path() / picture);
  fs::rename(colours.directory.path() / "runs/x", colours.directory.path() / "runs/\xff");
  CHECK(colours.run("compare runs/\xff runs/\xff").code == 0);  // two curves, and so two names
  std::ifstream svg(colours.directory.path() / "compare.svg");
  std::string drawn((std::istreambuf_iterator<char>(svg)), {});
  CHECK_THAT(drawn, Catch::Contains(">\\xff train<"));
  CHECK(drawn.find('\xff') == std::string::npos);  // which would be no XML
  for (const char* command : {"eval --checkpoint", "compare"}) {
    Outcome outcome = colours.run(std::string(command) + " runs/\xff --json");
    INFO(command);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.out, Catch::Contains("runs/\uFFFD") || Catch::Contains("\"run\": \"\uFFFD\""));
  }
}

TEST_CASE("images that cannot be decoded are counted once, those of the test set too") {
  ColourRun colours;
  colours.write("f/train/red/13.png", stint::Bytes(100));
  colours.write("f/test/blue/14.png", stint::Bytes(100));
  const std::string data = "--dataset image-folder --data-dir f --image-size 8 --bad-samples skip --batch-size 8";
  Outcome trained = colours.run("train --model mlp --epochs 4 --lr 0.02 --experiment y " + data);
  CHECK(trained.code == 0);
  const std::string of_train = "1 sample was skipped, the first: image: f/train/red/13.png cannot be decoded";
  const std::string of_test = "1 sample was skipped, the first: image: f/test/blue/14.png cannot be decoded";
  std::vector<std::string> told = lines_of(trained.out);
  auto count = [&](const std::string& text) {
    return std::count_if(told.begin(), told.end(), [&](const std::string& line) { return line.starts_with(text); });
  };
  CHECK(count(of_train) == 4);  // an epoch
  CHECK(count("test images: " + of_test) == 4);
  Outcome evaluated = colours.run("eval --checkpoint runs/y " + data);
  CHECK(evaluated.code == 0);
  CHECK_THAT(evaluated.err, Catch::StartsWith("stint: " + of_test));
  CHECK_THAT(evaluated.out, Catch::StartsWith("31 test images"));
}
