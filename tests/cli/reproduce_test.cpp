#include <stint/tests/cli/table_folder.h>
#include <stint/tools/reproduce/children.h>
#include <stint/tools/reproduce/job.h>
#include <stint/tools/reproduce/measures.h>
#include <stint/tools/reproduce/relation.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

using namespace stint;
using namespace stint::test;
namespace fs = std::filesystem;

namespace {

/// What `list` says to a table of these lines.
std::string error_of_table(const std::string& text) {
  TemporaryDirectory directory;
  write(directory.path() / "manifests/p/t.yaml", text);
  Outcome outcome = table_tool("list", directory);
  CHECK(outcome.code == 2);
  CHECK(outcome.out == "");
  return outcome.err;
}

}  // namespace

TEST_CASE("a relation between figures of a table") {
  using reproduce::holds;
  using reproduce::parse_relation;
  auto twice = parse_relation("loss(local-8) >= 2 * loss(vrl) - 0.5");
  REQUIRE(twice);
  CHECK(twice->left_row == "local-8");
  CHECK(twice->right_column == "loss");
  CHECK(holds(*twice, 1.5, 1));
  CHECK(!holds(*twice, 1.4, 1));
  CHECK(!holds(*twice, NAN, 1));
  auto number = parse_relation("rounds(sc-4) == 400");
  REQUIRE(number);
  CHECK(holds(*number, 400, NAN));
  CHECK(!holds(*number, 401, NAN));
  CHECK(holds(*parse_relation("a(b) <= c(d)"), 1, 1));
  CHECK(!parse_relation("loss(local) > loss(vrl)"));
  CHECK(!parse_relation("loss(local) >= twice loss(vrl)"));
  CHECK(!parse_relation("loss(local)"));
  CHECK(!parse_relation("loss(local) >= 1.5.5 * loss(vrl)"));
  CHECK(!parse_relation("loss(local) >= 1."));
  CHECK(parse_relation("loss(local) >= -1.5e-3")->offset == -1.5e-3);
}

TEST_CASE("the best of a course is not what is no number") {
  reproduce::Column column{.measure = "a", .best = true};
  CHECK(reproduce::value_of(column, {{{"a", NAN}}, {{"a", 1}}, {{"a", 3}}, {{"a", 2}}, {{"a", NAN}}}) == 3);
  CHECK(std::isnan(reproduce::value_of(column, {{{"a", NAN}}})));
}

TEST_CASE("a shell reads a command's words as they are") {
  std::vector<std::string> words = {"it's", "`a`", "b\tc", "$d", "", "e=f"};
  CHECK(reproduce::shell_text(words) == "'it'\\''s' '`a`' 'b\tc' '$d' '' e=f");
  CHECK(run_shell("printf '%s|' " + reproduce::shell_text(words)).out == "it's|`a`|b\tc|$d||e=f|");
}

TEST_CASE("a table that is wrong names file and line") {
  CHECK(error_of_table(table_head + "colums: {}\n") ==
        "stint: manifests/p/t.yaml:14: there is no key 'colums': did you mean 'columns'?\n");
  CHECK(error_of_table(table_head + "relations:\n  - {holds: \"top1(one) >= top1(three)\", tag: REC}\n") ==
        "stint: manifests/p/t.yaml:1: there is no row 'three', expected one of one, two\n");
  CHECK(error_of_table(table_head + "relations:\n  - {holds: \"top1(one) > 3\", tag: REC}\n") ==
        "stint: manifests/p/t.yaml:15: 'top1(one) > 3' is no relation, expected one like: loss(local) >= 2 * "
        "loss(vrl)\n");
  CHECK(error_of_table(table_head + "relations:\n  - {holds: \"top1(one) >= 3\", tag: MEM}\n") ==
        "stint: manifests/p/t.yaml:15: 'top1(one) >= 3' is from memory, which nothing is compared with\n");
  std::string best = table_head, name = table_head;
  best.replace(best.find("{value: eval_top1}"), 18, "{value: eval_top1, take: bst}");
  CHECK(error_of_table(best) ==
        "stint: manifests/p/t.yaml:11: there is no way to take a figure 'bst': did you mean 'best'?\n");
  name.replace(name.find("{epochs: 2}"), 11, "{epochs: $epochs}");
  CHECK(error_of_table(name) ==
        "stint: manifests/p/t.yaml:6: epochs: $epochs is no value: a name in it is not replaced\n");
  std::string seeds = table_head;
  seeds.replace(seeds.find("[1, 2]"), 6, "[]");
  CHECK(error_of_table(seeds) == "stint: manifests/p/t.yaml:6: seeds: expected one at least\n");
  auto with = [](const std::string& from, const std::string& to) {
    std::string table = table_head;
    return table.replace(table.find(from), from.size(), to);
  };
  CHECK(error_of_table(with("[1, 2]", "[1.7, 1]")) ==
        "stint: manifests/p/t.yaml:6: seeds is 1.7, expected a whole number\n");
  CHECK(error_of_table(with("[1, 2]", "[1, 1]")) == "stint: manifests/p/t.yaml:6: seeds: one is there twice\n");
  CHECK(error_of_table(with("{top1: 12.5}", "{top1: \"12,5\"}")) ==
        "stint: manifests/p/t.yaml:8: top1 is '12,5', expected a number\n");
  CHECK(error_of_table(with("{top1: 12.5}", "{top1: nan}")) ==
        "stint: manifests/p/t.yaml:8: top1 is 'nan', expected a number\n");
  CHECK(
      error_of_table(with("columns:", "  - {name: three, from: two}\ncolumns:")) ==
      "stint: manifests/p/t.yaml:1: row three starts from two, which starts from one: expected a row that starts from "
      "none\n");
  CHECK(error_of_table("title: t\nsource: s\n") == "stint: manifests/p/t.yaml:1: expected `says:`\n");
  CHECK(error_of_table("- 1\n").starts_with("stint: manifests/p/t.yaml:1: expected `key: value` lines"));
  CHECK(error_of_table("title: [\n").starts_with("stint: manifests/p/t.yaml:2: is not YAML: "));
}

TEST_CASE("tables are named by paper and file") {
  TemporaryDirectory directory;
  write(directory.path() / "manifests/p/t.yaml", table_head);
  write(directory.path() / "manifests/q/empty.yaml", "title: t\nsource: s\nsays: n\ntiers: {smoke: {hours: 1}}\n");
  CHECK(table_tool("list p", directory).out.starts_with("p/t: t\n  tiers:  smoke 0.001 h x2\n  rows:  one two\n"));
  CHECK(table_tool("run r", directory).err == "stint: reproduce: there is no table 'r': did you mean 'p'?\n");
  CHECK(table_tool("run all", directory).err == "stint: reproduce: table q/empty has no rows\n");
  CHECK(table_tool("run p --tier full", directory).err == "stint: reproduce: table p/t has no tier full\n");
  CHECK(table_tool("run p --tier ful", directory).err ==
        "stint: --tier: there is no tier 'ful': did you mean 'full'?\n");
  CHECK(table_tool("run p --only ones", directory).err ==
        "stint: reproduce: there is no row 'ones': did you mean 'one'?\n");
  CHECK(table_tool("report p", directory).code == 2);  // nothing was run
}

TEST_CASE("a table is run once and is reported") {
  TemporaryDirectory directory;
  fs::path table = directory.path() / "manifests/p/t.yaml", runs = directory.path() / "runs/reproduce/p-t-smoke";
  std::string relations = "relations:\n  - {holds: \"top1(two) >= 10\", tag: REC, tiers: [smoke]}\n";
  write(table, table_head + relations + "pictures:\n  - {name: a, title: t, of: course, x: epochs, y: eval_top1}\n");
  write(runs / "one-1.command", "stint train\n");  // of a run that ended before it had a directory
  REQUIRE(table_tool("run p", directory).code == 0);
  for (const char* run : {"one-1", "one-2", "two-1", "two-2"}) {
    CAPTURE(run);
    CHECK(count(read(runs / run / "summary.csv"), "\n") == 3);
  }
  CHECK(read(runs / "one-1/command.txt").starts_with("stint train --dataset digits "));
  CHECK(!fs::exists(runs / "one-1.command"));
  std::string kept = read(runs / "one-1/measures.json");
  for (const char* key : {"\"cpu\": ", "\"day\": ", "\"jobs\": 1,", "\"threads\": ", "\"version\": "}) {
    CAPTURE(key);
    CHECK(count(kept, key) == 1);
  }
  CHECK(read(runs / "two-1/args.yaml").find("one-1") != std::string::npos);
  Outcome again = table_tool("run p --jobs 2", directory);
  CHECK(again.code == 0);
  CHECK(count(again.out, "finished before") == 4);
  CHECK(count(again.out, "stint train") == 0);

  Outcome report = table_tool("report p", directory);
  CHECK(report.code == 0);
  std::string page = read(directory.path() / "runs/reproduce/report.md");
  CHECK(count(page, "(REC 12.5)") == 1);
  CHECK(count(page, "(MEM 99)") == 1);
  CHECK(count(page, "[one-1](p-t-smoke/one-1), [one-2](p-t-smoke/one-2)") == 1);
  CHECK(count(page, "| holds |") == 1);
  CHECK(fs::exists(directory.path() / "runs/reproduce/pictures/p-t-smoke-a.svg"));
  CHECK(fs::exists(directory.path() / "runs/reproduce/pictures/p-t-smoke-a.png"));
}

TEST_CASE("a signal stops the runs with checkpoints, from which the same command goes on") {
  TemporaryDirectory directory;
  std::string text = table_head;
  text.replace(text.find("{epochs: 2}"), 11, "{epochs: 100}");
  fs::path table = directory.path() / "manifests/p/t.yaml", begun = directory.path() / "runs/reproduce/p-t-smoke/one-1";
  write(table, text);
  std::string run = "$stint reproduce run p --only one --seeds 1 --manifests manifests";
  Outcome stopped =
      run_shell(run +
                    " & pid=$!; until grep -qs ^0, runs/reproduce/p-t-smoke/one-1/summary.csv; do sleep 0.02; "
                    "done; kill -TERM $pid; wait $pid; echo $?; cat runs/reproduce/p-t-smoke/one-1/run.json",
                directory.path());
  CHECK(count(stopped.out, "\n143\n") == 1);
  CHECK(count(stopped.out, "\"status\": \"stopped\"") == 1);

  std::string refusal = "stint: reproduce: runs/reproduce/p-t-smoke/one-1 was made by another command";
  std::string other = text;
  write(table, other.replace(other.find("--lr 0.1"), 8, "--lr 0.2"));
  CHECK(run_shell(run, directory.path()).err.starts_with(refusal));
  write(table, text);
  fs::rename(begun.string() + ".command", directory.path() / "noted");
  CHECK(run_shell(run, directory.path()).err.starts_with(refusal));  // nobody knows what made it
  fs::rename(directory.path() / "noted", begun.string() + ".command");

  Outcome rest = run_shell(run, directory.path());
  CHECK(rest.code == 0);
  CHECK(count(rest.out, "--resume") == 1);
  CHECK(count(read(begun / "summary.csv"), "\n") == 101);
  CHECK(count(read(begun.string() + ".log"), "epoch 1/100") == 0);
}

TEST_CASE("a relation that does not hold is exit 8; a run of another command is refused") {
  TemporaryDirectory directory;
  fs::path table = directory.path() / "manifests/p/t.yaml";
  std::string relation = "relations:\n  - {holds: \"top1(one) >= 101\", tag: REC, tiers: [";
  write(table, table_head + relation + "full]}\n");
  REQUIRE(table_tool("run p --only one --seeds 1", directory).code == 0);
  CHECK(table_tool("report p", directory).code == 0);  // it is not asked of this tier
  write(table, table_head + relation + "smoke]}\n");
  Outcome report = table_tool("report p", directory);
  CHECK(report.code == 8);
  CHECK(report.out.starts_with("p/t, smoke: top1(one) >= 101 does not hold: "));
  CHECK(read(directory.path() / "runs/reproduce/report.md").find("**does not hold**") != std::string::npos);

  std::string other = table_head;
  other.replace(other.find("--lr 0.1"), 8, "--lr 0.2");
  write(table, other);
  Outcome run = table_tool("run p --only one --seeds 1", directory);
  CHECK(run.code == 2);
  CHECK(run.err.starts_with("stint: reproduce: runs/reproduce/p-t-smoke/one-1 was made by another command"));
  CHECK(table_tool("report p", directory).err.starts_with("stint: reproduce: nothing was run"));
}

TEST_CASE("a figure that came in some runs alone says so and fails what it is compared with") {
  TemporaryDirectory directory;
  fs::path runs = directory.path() / "runs/reproduce";
  std::string relations =
      "relations:\n"
      "  - {holds: \"top1(one) >= 0\", tag: REC, tiers: [smoke]}\n"
      "  - {holds: \"share(two) >= 0\", tag: REC, tiers: [smoke]}\n"
      "  - {holds: \"top1(two) >= 0\", tag: REC, tiers: [smoke]}\n";
  write(directory.path() / "manifests/p/t.yaml", table_head + relations);
  REQUIRE(table_tool("run p", directory).code == 0);
  CHECK(table_tool("report p", directory).code == 0);
  std::string summary = read(runs / "p-t-smoke/one-2/summary.csv");
  write(runs / "p-t-smoke/one-2/summary.csv", summary.substr(0, summary.find('\n') + 1));  // nothing came
  fs::remove(runs / "p-t-smoke/one-2/measures.json");

  Outcome report = table_tool("report p", directory);
  CHECK(report.code == 8);
  CHECK(count(report.out, "top1(one) >= 0 does not hold: nan and 0\n") == 1);
  CHECK(count(report.out, "share(two) >= 0 does not hold: nan and 0\n") == 1);  // one is its baseline
  CHECK(count(report.out, "top1(two)") == 0);
  std::string page = read(runs / "report.md");
  CHECK(count(page, " (1 of 2) (REC 12.5) |") == 1);
  CHECK(count(page, "(2 of 2)") == 0);
}

TEST_CASE("a run of another command is refused before any is started") {
  TemporaryDirectory directory;
  fs::path table = directory.path() / "manifests/p/t.yaml", runs = directory.path() / "runs/reproduce/p-t-smoke";
  write(table, table_head);
  REQUIRE(table_tool("run p --seeds 1", directory).code == 0);
  fs::remove_all(runs / "one-1");
  std::string other = table_head;
  write(table, other.replace(other.find("--lr 0.05"), 9, "--lr 0.06"));
  Outcome run = table_tool("run p --seeds 1", directory);
  CHECK(run.code == 2);
  CHECK(run.out == "");
  CHECK(run.err.starts_with("stint: reproduce: runs/reproduce/p-t-smoke/two-1 was made by another command"));
  CHECK(!fs::exists(runs / "one-1"));
}

TEST_CASE("a run that starts from weights of another command is another run") {
  TemporaryDirectory directory;
  std::string text = table_head;
  text.replace(text.find("{name: one,"), 11, "{name: one, arguments: --momentum 0.5,");
  write(directory.path() / "manifests/p/t.yaml", text);
  REQUIRE(table_tool("run p --seeds 1", directory).code == 0);
  CHECK(count(read(directory.path() / "runs/reproduce/p-t-smoke/two-1/command.txt"), "\n# from: stint train ") == 1);
  CHECK(count(table_tool("run p --seeds 1", directory).out, "finished before") == 2);

  text.replace(text.find("--momentum 0.5"), 14, "--momentum 0.6");
  write(directory.path() / "manifests/p/t.yaml", text);
  fs::remove_all(directory.path() / "runs/reproduce/p-t-smoke/one-1");
  Outcome run = table_tool("run p --seeds 1", directory);
  CHECK(run.code == 2);
  CHECK(run.err.starts_with("stint: reproduce: runs/reproduce/p-t-smoke/two-1 was made by another command"));
}

/// No test: what the next one starts.
TEST_CASE("half a minute", "[.]") {
  std::this_thread::sleep_for(std::chrono::seconds(30));
}

TEST_CASE("a signal just behind the start of a run ends it, and no other is started") {
  TemporaryDirectory directory;
  reproduce::Children children;
  CHECK(children.stopped() == 0);
  for (int i = 0; i < 5; ++i) children.start({"half a minute"}, directory.path() / "log");  // this program is theirs
  std::raise(SIGTERM);
  CHECK(children.stopped() == SIGTERM);
  while (children.running() > 0) CHECK(children.wait().code == 128 + SIGTERM);
}

TEST_CASE("a report that is damaged is named; a folder whose number is no seed is nobody's run") {
  TemporaryDirectory directory;
  fs::path runs = directory.path() / "runs/reproduce/p-t-smoke";
  write(directory.path() / "manifests/p/t.yaml",
        "title: t\nsource: s\nsays: n\narguments: --dataset digits --model logistic\n"
        "tiers: {smoke: {hours: 1}}\nrows: [{name: one, command: inspect mem}]\ncolumns: {all: {value: total}}\n");
  REQUIRE(table_tool("run p", directory).code == 0);
  fs::create_directories(runs / "one-99999999999999999999");
  fs::create_directories(runs / "one-01");
  CHECK(table_tool("report p", directory).code == 0);
  CHECK(count(read(directory.path() / "runs/reproduce/report.md"), "not run") == 0);
  CHECK(count(read(directory.path() / "runs/reproduce/report.md"), "not finished") == 0);
  for (const char* damaged : {"{\"total\": 1", "[]", "{\"slots\": [{}]}"}) {
    write(runs / "one-1/report.json", damaged);
    fs::remove(runs / "one-1/measures.json");
    Outcome report = table_tool("report p", directory);
    CHECK(report.code == 4);
    CHECK(report.err == "stint: reproduce: runs/reproduce/p-t-smoke/one-1/report.json is damaged: remove its run\n");
  }
}
