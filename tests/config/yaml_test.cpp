#include <stint/tests/config/error_of.h>
#include <stint/tests/temporary_directory.h>
#include <stint/tools/config/options.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <random>

using namespace stint;
using namespace stint::test;

namespace {

std::string repeated(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

/// Reads `text` as a file over `config`.
Config read(const std::string& text, Config config = {}) {
  TemporaryDirectory directory;
  std::filesystem::path path = directory.path() / "test.yaml";
  std::ofstream(path, std::ios::binary) << text;
  read_yaml(config, path.string());
  return config;
}

/// The error without the directory of the file.
std::string error_of(const std::string& text) {
  std::string error = usage_error_of([&] { read(text); });
  std::size_t name = error.find("test.yaml");
  return name == std::string::npos ? error : error.substr(name);
}

/// A value that the option takes, drawn over the whole of its type.
struct Draw {
  const Option& option;
  std::mt19937_64& random;

  void operator()(bool* value) const { *value = random() % 2; }
  void operator()(std::int64_t* value) const {
    double low = std::max(option.low, -1e18), high = std::min(option.high, 1e18);
    *value = static_cast<std::int64_t>(std::uniform_real_distribution<double>(low, high)(random));
  }
  void operator()(double* value) const {
    double high = std::min(option.high, 1e300);
    double drawn = std::ldexp(static_cast<double>(random() >> 11), -static_cast<int>(random() % 1000));
    *value = std::clamp(drawn, std::max(option.low, -1e300), high);
  }
  void operator()(std::string* value) const {
    if (option.fault) {
      std::string number = std::to_string(random() % 99 + 1);
      *value = option.key == "memory.drop" ? "mink:gamma=0." + number
                                           : number + (option.fault("1MiB").empty() ? "MiB" : ",0.5");
    } else {
      *value = option.choices.empty() ? text() : option.choices[random() % option.choices.size()];
    }
  }
  void operator()(KeywordMap* value) const {
    for (std::uint64_t i = random() % 4; i > 0; --i) (*value)["k" + text()] = text();
  }

  std::string text() const {
    static const std::vector<std::string> pieces = {"a",  " ",    "\"", "\\", "'", "#",  ": ", "- ", "é",
                                                    "{}", "null", "~",  "&x", "*", "!!", "%",  "图", "yes"};
    std::string result;
    for (std::uint64_t i = random() % 6; i > 0; --i) result += pieces[random() % pieces.size()];
    return result;
  }
};

}  // namespace

TEST_CASE("sections, values and keyword arguments") {
  Config config = read(
      "seed: 7\n"
      "data: {dataset: cifar10, batch_size: 128}\n"
      "model:\n"
      "  name: resnet18\n"
      "  kwargs:\n"
      "    stem: cifar\n"
      "    zero_init: ''\n"
      "optim:  # nothing of it is changed\n"
      "log:\n"
      "  experiment: 'yes'\n"
      "  output: ~\n"
      "  json: true\n");
  Config expected;
  expected.seed = 7;
  expected.data.dataset = "cifar10";
  expected.data.batch_size = 128;
  expected.model = {"resnet18", {{"stem", "cifar"}, {"zero_init", ""}}};
  expected.log.experiment = "yes";
  expected.log.output = "";
  expected.log.json = true;
  CHECK(config == expected);
}

TEST_CASE("a file without entries changes nothing, a later file wins") {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "{}", "~"}) CHECK(read(text) == Config{});
  Config config = read("optim: {lr: 0.5}\n", read("optim: {lr: 0.2, epochs: 3}\n"));
  CHECK(config.optim.lr == 0.5);
  CHECK(config.optim.epochs == 3);
}

TEST_CASE("what is written reads back equal") {
  CHECK(read(to_yaml(Config{})) == Config{});
  std::mt19937_64 random(1);
  for (int i = 0; i < 300; ++i) {
    Config config;
    for (const Option& option : options()) std::visit(Draw{option, random}, option.slot(config));
    std::string text = to_yaml(config);
    CAPTURE(text);
    REQUIRE(read(text) == config);
    REQUIRE(to_yaml(read(text)) == text);
  }
}

TEST_CASE("a number is written in the shortest form that reads back") {
  Config config;
  config.optim.lr = 0.1;
  config.optim.weight_decay = 1.0 / 3;
  std::string text = to_yaml(config);
  CHECK(text.find("\n  lr: 0.1\n") != std::string::npos);
  CHECK(text.find("\n  weight_decay: 0.3333333333333333\n") != std::string::npos);
}

TEST_CASE("a mistake is shown by file, line and column") {
  struct Row {
    const char *text, *error;
  };
  Row row =
      GENERATE(Row{"optim:\n  lr: fast\n", "test.yaml:2:7: optim.lr is 'fast', expected a number from 0 to 1000000"},
               Row{"optim:\n  lrr: 1\n", "test.yaml:2:3: there is no option 'optim.lrr': did you mean 'optim.lr'?"},
               Row{"optm:\n  lr: 1\n", "test.yaml:1:1: there is no section or option 'optm': did you mean 'optim'?"},
               Row{"lr: 1\n", "test.yaml:1:1: there is no section or option 'lr': did you mean 'optim.lr'?"},
               Row{"optim.lr: 1\n", "test.yaml:1:1: expected `optim:` and under it `lr:`, got 'optim.lr'"},
               Row{"whatever: 1\n", "test.yaml:1:1: there is no section or option 'whatever'"},
               Row{"log: {json: yes}\n", "test.yaml:1:13: log.json is 'yes', expected true or false"},
               Row{"seed: ~\n", "test.yaml:1:7: seed has no value, expected an integer of at least 0"},
               Row{"optim: 3\n", "test.yaml:1:8: expected `key: value` lines under optim"},
               Row{"optim:\n  - lr\n", "test.yaml:2:3: expected `key: value` lines under optim"},
               Row{"- a\n", "test.yaml:1:1: expected `key: value` lines"},
               Row{"a", "test.yaml:1:1: expected `key: value` lines"},
               Row{"seed: [1]\n", "test.yaml:1:7: seed: expected one value, not a list"},
               Row{"optim: {lr: {a: 1}}\n", "test.yaml:1:13: optim.lr: expected one value"},
               Row{"model: {kwargs: {a: {b: 1}}}\n", "test.yaml:1:21: model.kwargs.a: expected one value"},
               Row{"model: {kwargs: {=a: 1}}\n", "test.yaml:1:18: '=a' is no name of a keyword argument"},
               Row{"seed: 1\nseed: 1\n", "test.yaml:2:1: 'seed' is there twice"},
               Row{"log: {json: true}\nlog: {}\n", "test.yaml:2:1: 'log' is there twice"},
               Row{"{[a]: 1}\n", "test.yaml:1:2: expected a key"}, Row{"~: 1\n", "test.yaml:1:1: expected a key"},
               Row{"\"\": 1\n", "test.yaml:1:1: there is no section or option ''"},
               Row{"\"a\\nb\": 1\n", "test.yaml:1:1: there is no section or option 'a\\x0ab'"});
  CHECK(error_of(row.text) == row.error);
}

TEST_CASE("what YAML can do beyond that is refused") {
  CHECK(error_of("seed: &x 1\n") == "test.yaml:1:7: anchors (&) are not used here");
  CHECK(error_of("&x seed: 1\n") == "test.yaml:1:1: anchors (&) are not used here");
  CHECK(error_of("optim: &x {}\n") == "test.yaml:1:8: anchors (&) are not used here");
  CHECK(error_of("seed: *x\n") == "test.yaml:1:7: is not YAML: the referenced anchor is not defined");
  CHECK(error_of("seed: !!int 1\n") == "test.yaml:1:7: tags (!) are not used here");
  CHECK(error_of("seed: 1\n---\nseed: 2\n") == "test.yaml:2:1: did not expect a second document");
  CHECK(error_of("optim:\n  <<: {lr: 1}\n").starts_with("test.yaml:2:3: there is no option 'optim.<<'"));
  CHECK(error_of("seed: 'a") == "test.yaml:1:9: is not YAML: illegal EOF in scalar");
}

TEST_CASE("a file that is not there, is no file or is too large") {
  Config config;
  CHECK(usage_error_of([&] { read_yaml(config, "/no/such"); }) ==
        "config: cannot read /no/such: No such file or directory");
  CHECK(usage_error_of([&] { read_yaml(config, "/"); }) == "config: cannot read /: Is a directory");
  CHECK(error_of(repeated("# comment\n", 200000)) == "test.yaml has more than 1048576 bytes");
}

TEST_CASE("a hostile file is refused soon") {
  auto start = std::chrono::steady_clock::now();
  for (const char* piece :
       {"[", "{", "{a: ", "- ", "? ", "{? ", "a: ", "\"a\",\"", "[]", "---\n", "|\n", "&a ", "'", "!"}) {
    CAPTURE(piece);
    CHECK(error_of(repeated(piece, 200000)).starts_with("test.yaml:"));
    CHECK(error_of("model: {kwargs: {a: " + repeated(piece, 200000)).starts_with("test.yaml:"));
  }
  std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  CHECK(taken.count() < 30);  // seconds; about 3 where this was written
}
