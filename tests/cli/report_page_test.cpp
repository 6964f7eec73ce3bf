#include <stint/tests/cli/table_folder.h>
#include <stint/tools/reproduce/mention.h>

#include <catch2/catch.hpp>

using namespace stint;
using namespace stint::test;

namespace {

/// The table with a text of its tier.
std::string table_saying(const std::string& says) {
  std::string text = table_head;
  return text.replace(text.find("hours: 0.001"), 12, "hours: 0.001, says: \"" + says + "\"");
}

std::string error_of(const std::string& manifest) {
  TemporaryDirectory directory;
  write(directory.path() / "manifests/p/t.yaml", manifest);
  Outcome outcome = table_tool("list", directory);
  CHECK(outcome.code == 2);
  return outcome.err;
}

/// A finished run of the table's tier, as `run` leaves it.
void write_run(const TemporaryDirectory& directory, const std::string& row, int seed, const std::string& top1) {
  std::string rest = row == "two" ? " --lr 0.05" : "", common = "stint train --dataset digits --model logistic ";
  common += "--batch-size 64 --lr 0.1 --epochs 2";
  std::string tail = " --seed " + std::to_string(seed) + "\n", command = common + rest + tail;
  if (row == "two") command += "from: " + common + tail;
  fs::path run = directory.path() / "runs/reproduce/p-t-smoke" / (row + "-" + std::to_string(seed));
  write(run / "command.txt", command);
  write(run / "run.json", "{\"status\": \"finished\", \"version\": \"0.1.0\", \"threads\": 1}");
  write(run / "summary.csv", "epoch,eval_top1,saved_act_bytes,time_s\n0,10,100,1\n1," + top1 + ",100,1\n");
}

/// A run that diverged.
void write_failure(const TemporaryDirectory& directory, const std::string& row, int seed) {
  write_run(directory, row, seed, "0");
  fs::path run = directory.path() / "runs/reproduce/p-t-smoke" / (row + "-" + std::to_string(seed));
  fs::rename(run / "command.txt", run.string() + ".command");
  write(run / "run.json", "{\"status\": \"failed\", \"version\": \"0.1.0\", \"reason\": \"no number at step 3\"}");
}

std::string page_of_run(const TemporaryDirectory& directory) {
  return read(directory.path() / "runs/reproduce/report.md");
}

}  // namespace

TEST_CASE("a figure in a text") {
  using reproduce::parse_mention;
  auto quotient = parse_mention("loss(local-8) / loss(mink-0.9):2");
  REQUIRE(quotient);
  CHECK(quotient->row == "local-8");
  CHECK(quotient->operation == "/");
  CHECK(quotient->other_column == "loss");
  CHECK(quotient->other_row == "mink-0.9");
  CHECK(quotient->digits == 2);
  CHECK(parse_mention("top1(a)-top1(b)")->operation == "-");
  CHECK(parse_mention("top1(a)")->digits == -1);
  CHECK(!parse_mention("top1"));
  CHECK(!parse_mention("top1(a) * 2"));
  CHECK(!parse_mention("top1(a):x"));
  auto loud = [](const std::string& text) { return "<" + text + ">"; };
  CHECK(reproduce::replace_mentions("a {b} c{d}", loud) == "a <b> c<d>");
  CHECK(reproduce::replace_mentions("a {b", loud) == "a <b>");
}

TEST_CASE("a tier's text holds figures of that tier, as its table has them") {
  TemporaryDirectory directory;
  write(directory.path() / "manifests/p/t.yaml",
        table_saying("A {top1(one)}, B {top1(one) / top1(two)}, C {top1(two)-top1(one):0}, D {epoch(two)}, "
                     "E {top1(two) / epoch(two)}."));
  write_run(directory, "one", 1, "80");
  write_run(directory, "one", 2, "81");
  REQUIRE(table_tool("report p", directory).code == 0);
  CHECK(count(page_of_run(directory), "A 80.50, B -, C -, D -, E -.\n") == 1);
  write_run(directory, "two", 1, "40");
  REQUIRE(table_tool("report p", directory).code == 0);
  CHECK(count(page_of_run(directory), "A 80.50, B 2.0, C -40, D 1, E 40.0.\n") == 1);
}

TEST_CASE("a text that mentions what is not there is refused") {
  CHECK(error_of(table_saying("{top1(three)}")) ==
        "stint: manifests/p/t.yaml:1: there is no row 'three', expected one of one, two\n");
  CHECK(error_of(table_saying("{top1(one) / tpo1(two)}")) ==
        "stint: manifests/p/t.yaml:1: there is no column 'tpo1': did you mean 'top1'?\n");
  CHECK(error_of(table_saying("{top1(one}")) ==
        "stint: manifests/p/t.yaml:1: '{top1(one}' is no figure, expected one like {loss(vrl)} or {loss(local) / "
        "loss(vrl):2}\n");
  std::string table = table_head;
  table.replace(table.find("says: what"), 10, "says: \"{top1(one)}\" #");
  CHECK(error_of(table) ==
        "stint: manifests/p/t.yaml:1: says: a figure is one tier's: expected it in that tier's `says:`\n");
}

TEST_CASE("a relation over a row with a failed run does not hold") {
  TemporaryDirectory directory;
  write(directory.path() / "manifests/p/t.yaml", table_head +
                                                     "relations:\n"
                                                     "  - {holds: \"top1(one) >= 1\", tag: REC, tiers: [smoke]}\n"
                                                     "  - {holds: \"top1(two) >= 1\", tag: REC, tiers: [smoke]}\n");
  write_run(directory, "one", 1, "80");
  write_failure(directory, "one", 2);
  Outcome report = table_tool("report p", directory);
  CHECK(report.code == 8);
  CHECK(count(report.out, "p/t, smoke: top1(one) >= 1 does not hold: nan and 1\n") == 1);
  CHECK(count(report.out, "top1(two)") == 0);  // it was not run
  CHECK(count(page_of_run(directory), "| one | 80.00 (1 of 2) (REC 12.5) |") == 1);
  CHECK(count(page_of_run(directory), "; failed (1 of 2): one-2 (no number at step 3) |") == 1);

  write_failure(directory, "two", 1);
  report = table_tool("report p", directory);
  CHECK(count(report.out, "top1(two) >= 1 does not hold: nan and 1\n") == 1);
  CHECK(count(page_of_run(directory), "| failed (1 of 1): two-1 (no number at step 3); not finished: two-2 |") == 1);
}
