#include <stint/tests/config/error_of.h>
#include <stint/tools/config/options.h>

#include <catch2/catch.hpp>
#include <set>

using namespace stint;
using namespace stint::test;

namespace {

Config with(const std::string& key, const std::string& text) {
  Config config;
  set_option(config, key, text, "test");
  return config;
}

std::string error_of(const std::string& key, const std::string& text) {
  return usage_error_of([&] { with(key, text); });
}

}  // namespace

TEST_CASE("every option has its own key, flag and place in the configuration") {
  Config config;
  std::set<std::string> keys, flags;
  std::set<const void*> places;
  for (const Option& option : options()) {
    CAPTURE(option.key);
    CHECK(keys.insert(option.key).second);
    CHECK(flags.insert(option.flag).second);
    CHECK(places.insert(std::visit([](auto* value) -> const void* { return value; }, option.slot(config))).second);
    CHECK(option.flag.starts_with("--"));
    CHECK_FALSE(option.help.empty());
  }
}

TEST_CASE("sections are contiguous in the table, as the writer needs them") {
  std::vector<std::string> sections;
  for (const Option& option : options()) {
    if (sections.empty() || sections.back() != option.section()) sections.push_back(option.section());
  }
  CHECK(sections == std::vector<std::string>{"", "data", "model", "optim", "sync", "memory", "log"});
}

TEST_CASE("every default is a value that its option takes") {
  for (const Option& option : options()) {
    if (option.holds<KeywordMap>()) continue;
    CAPTURE(option.key);
    CHECK(with(option.key, value_text(option, Config{})) == Config{});
  }
}

TEST_CASE("texts become values by the type of the option") {
  CHECK(with("optim.lr", "1e-3").optim.lr == 1e-3);
  CHECK(with("seed", "010").seed == 10);  // decimal, not octal
  CHECK(with("seed", "9223372036854775807").seed == 9223372036854775807);
  CHECK(with("optim.nesterov", "true").optim.nesterov);
  CHECK(with("amp", "bf16").amp == "bf16");
  CHECK(with("model.kwargs", "stem=cifar=x").model.kwargs == KeywordMap{{"stem", "cifar=x"}});
  CHECK(with("model.kwargs.stem", "cifar").model.kwargs == KeywordMap{{"stem", "cifar"}});
  CHECK(with("data.dir", "/données/图").data.dir == "/données/图");
  CHECK(with("memory.budget", "6GiB").memory.budget == "6GiB");
}

TEST_CASE("a text of the wrong type or range names key, text and what is expected") {
  struct Row {
    const char *key, *text, *error;
  };
  Row row = GENERATE(
      Row{"optim.lr", "fast", "test: optim.lr is 'fast', expected a number from 0 to 1000000"},
      Row{"optim.lr", "-0.1", "test: optim.lr is '-0.1', expected a number from 0 to 1000000"},
      Row{"optim.lr", "nan", "test: optim.lr is 'nan', expected a number from 0 to 1000000"},
      Row{"optim.lr", "inf", "test: optim.lr is 'inf', expected a number from 0 to 1000000"},
      Row{"optim.lr", "1e999", "test: optim.lr is '1e999', expected a number from 0 to 1000000"},
      Row{"optim.weight_decay", "1e999", "test: optim.weight_decay is '1e999', expected a number of at least 0"},
      Row{"optim.lr", "0x1p-3", "test: optim.lr is '0x1p-3', expected a number from 0 to 1000000"},
      Row{"optim.lr", "0.1 ", "test: optim.lr is '0.1 ', expected a number from 0 to 1000000"},
      Row{"optim.lr", "", "test: optim.lr has no value, expected a number from 0 to 1000000"},
      Row{"seed", "1.0", "test: seed is '1.0', expected an integer of at least 0"},
      Row{"seed", "1:30", "test: seed is '1:30', expected an integer of at least 0"},
      Row{"seed", "1_000", "test: seed is '1_000', expected an integer of at least 0"},
      Row{"seed", "0o17", "test: seed is '0o17', expected an integer of at least 0"},
      Row{"seed", "9223372036854775808", "test: seed is '9223372036854775808', expected an integer of at least 0"},
      Row{"optim.epochs", "0", "test: optim.epochs is '0', expected an integer from 1 to 1000000"},
      Row{"log.json", "yes", "test: log.json is 'yes', expected true or false"},
      Row{"log.json", "True", "test: log.json is 'True', expected true or false"},
      Row{"amp", "fp16", "test: amp is 'fp16', expected one of '', bf16"},
      Row{"data.dataset", "cifra10",
          "test: data.dataset is 'cifra10', expected one of digits, mnist, cifar10, cifar100, image-folder, libsvm, "
          "synthetic: did you mean 'cifar10'?"},
      Row{"model.kwargs", "stem", "test: model.kwargs is 'stem', expected key=value"},
      Row{"model.kwargs", "=1", "test: model.kwargs is '=1', expected key=value"},
      Row{"memory.budget", "6Gb", "test: memory.budget is '6Gb', expected bytes with a unit, like 6GiB"},
      Row{"memory.budget", "0", "test: memory.budget is '0', expected bytes with a unit, like 6GiB"},
      Row{"data.dir", "a\nb", "test: data.dir is 'a\\x0ab', expected UTF-8 without control characters"},
      Row{"data.dir", "\xff", "test: data.dir is '\\xff', expected UTF-8 without control characters"});
  CHECK(error_of(row.key, row.text) == row.error);
}

TEST_CASE("an unknown key suggests a close one") {
  CHECK(error_of("optim.lrr", "1") == "test: there is no option 'optim.lrr': did you mean 'optim.lr'?");
  CHECK(error_of("lr", "1") == "test: there is no option 'lr': did you mean 'optim.lr'?");
  CHECK(error_of("log.batch_size", "1") ==
        "test: there is no option 'log.batch_size': did you mean 'data.batch_size'?");
  CHECK(error_of("anything", "1") == "test: there is no option 'anything'");
  CHECK(error_of("", "1") == "test: there is no option ''");
}

TEST_CASE("byte sizes") {
  CHECK(parse_bytes("6GiB") == 6ull << 30);
  CHECK(parse_bytes("1.5TiB") == 3ull << 39);
  CHECK(parse_bytes("2TB") == 2000000000000);
  CHECK(parse_bytes("512MiB") == 512ull << 20);
  CHECK(parse_bytes("3KB") == 3000);
  CHECK(parse_bytes("17") == 17);
  CHECK(parse_bytes("9.39MiB") == 9846128);  // and 0.64
  CHECK(parse_bytes("0.5KiB") == 512);
  CHECK(parse_bytes("1.5GB") == 1500000000);
  CHECK(parse_bytes("18446744073709551615B") == 18446744073709551615ull);
  for (const char* text : {"", "GiB", "-1GiB", "1 GiB", "1gib", "0GiB", "18446744073709551616", "99999999999GiB", "1.5",
                           "1.5B", "1.GiB", ".5MiB", "0.0MiB", "0.0001KiB", "1.2.3MiB", "1.5e3MiB"}) {
    CHECK(usage_error_of([&] { parse_bytes(text); }).starts_with("memory.budget: expected bytes with a unit"));
  }
}
