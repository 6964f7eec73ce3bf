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

/// What a shell reads of a page: its code.
std::string commands_of(const std::string& page) {
  std::size_t from = page.find("```\n") + 4;
  return page.substr(from, page.find("```\n", from) - from);
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
  std::string link = "[one-2](p-t-smoke/one-2)";
  CHECK(count(page_of_run(directory), "; failed (1 of 2): " + link + " (no number at step 3) |") == 1);

  write_failure(directory, "two", 1);
  report = table_tool("report p", directory);
  CHECK(count(report.out, "top1(two) >= 1 does not hold: nan and 1\n") == 1);
  link = "[two-1](p-t-smoke/two-1)";
  CHECK(count(page_of_run(directory), "| failed (1 of 1): " + link + " (no number at step 3); not finished: two-2 |") ==
        1);
}

TEST_CASE("a run that diverges leaves a record that says so") {
  TemporaryDirectory directory;
  std::string table = table_head;
  std::string quiet = "--model logistic --batch-size 64 --lr 0.1";
  table.replace(table.find(quiet), quiet.size(), "--model lenet5 --image-size 16 --batch-size 64 --lr 1000");
  write(directory.path() / "manifests/p/t.yaml",
        table + "relations:\n  - {holds: \"top1(one) >= 0\", tag: REC, tiers: [smoke]}\n");
  CHECK(table_tool("run p --only one --seeds 1", directory).code != 0);
  std::string kept = read(directory.path() / "runs/reproduce/p-t-smoke/one-1/measures.json");
  CHECK(count(kept, "\"status\": \"failed\"") == 1);
  CHECK(count(kept, "the loss is not a number") == 1);
  CHECK(table_tool("report p", directory).code == 8);
  CHECK(count(page_of_run(directory), "failed (1 of 1)") == 1);
}

TEST_CASE("a page is made of the records alone, and is the same wherever they lie") {
  TemporaryDirectory directory;
  fs::path here = directory.path();
  write(here / "manifests/p/t.yaml",
        table_head + "pictures:\n  - {name: a, title: t, of: course, x: epochs, y: eval_top1}\n");
  write(here / "words", "An idle machine.\n\nTwo cores.\n");
  for (int seed : {1, 2}) write_run(directory, "one", seed, seed == 1 ? "80" : "81.123456789123");
  write_failure(directory, "two", 1);
  REQUIRE(table_tool("report p --publish out/first/ --note words", directory).code == 0);
  fs::remove_all(here / "runs");
  REQUIRE(table_tool("report p --output out/first --publish out/second --note out/first/note.md", directory).code == 0);

  std::string page = read(here / "out/first.md");
  CHECK(count(page, "[one-1](first/p-t-smoke/one-1)") == 1);
  CHECK(count(page, "failed (1 of 1): [two-1](first/p-t-smoke/two-1)") == 1);
  CHECK(count(page, "](first/pictures/p-t-smoke-a.png)") == 1);
  CHECK(count(page, "> **A note, written by hand.**\n> An idle machine.\n>\n> Two cores.\n") == 1);
  CHECK(count(page, "Processor: not recorded. Threads a run: not recorded (1), 1 (2). Runs at a time: not") == 1);
  CHECK(run_shell("sed 's#(second/#(first/#g' out/second.md | cmp - out/first.md && diff -r out/first out/second", here)
            .code == 0);
  CHECK(count(run_shell("find out/first -type f", here).out, "\n") == 6);  // three records, two pictures, the note

  write(here / "out/first/p-t-smoke/one-1/measures.json", "{\"command\": 1}");
  Outcome damaged = table_tool("report p --output out/first", directory);
  CHECK(damaged.code == 4);
  CHECK(damaged.err == "stint: reproduce: out/first/p-t-smoke/one-1/measures.json is damaged: remove it\n");
}

TEST_CASE("a record that lacks what the table asks for today is made anew of its run") {
  TemporaryDirectory directory;
  fs::path table = directory.path() / "manifests/p/t.yaml";
  write(table, table_head);
  write_run(directory, "one", 1, "80");
  REQUIRE(table_tool("report p", directory).code == 0);
  write(table, table_head + "  time: {value: time_s, digits: 1}\n");
  REQUIRE(table_tool("report p", directory).code == 0);
  CHECK(count(page_of_run(directory), "| one | 80.00 (REC 12.5) | 1.00 | 1 | 1.0 |") == 1);
}

TEST_CASE("what is the same for all seeds has no deviation") {
  TemporaryDirectory directory;
  write(directory.path() / "manifests/p/t.yaml", table_head);
  write_run(directory, "one", 1, "80.1");
  write_run(directory, "one", 2, "80.3");
  REQUIRE(table_tool("report p", directory).code == 0);
  CHECK(count(page_of_run(directory), "| one | 80.20 ± 0.14 (REC 12.5) | 1.00 | 1 |") == 1);
}

TEST_CASE("the commands of a page make its runs when they are pasted") {
  TemporaryDirectory directory, elsewhere;
  write(directory.path() / "manifests/p/t.yaml", table_head);
  write_run(directory, "one", 1, "80");
  REQUIRE(table_tool("report p", directory).code == 0);
  std::string text = commands_of(page_of_run(directory));
  CHECK(text.starts_with("stint reproduce run p/t --tier smoke\n\n# one\nstint train --dataset digits "));
  CHECK(count(text, " --pretrained runs/reproduce/p-t-smoke/one-1 ") == 1);
  std::string rows = text.substr(text.find("# one"));  // the table is not of the program's own
  Outcome pasted = run_shell("stint() { $stint \"$@\"; }\nset -e\n" + rows, elsewhere.path());
  CHECK(pasted.code == 0);
  CHECK(fs::exists(elsewhere.path() / "runs/reproduce/p-t-smoke/one-1/summary.csv"));
  CHECK(fs::exists(elsewhere.path() / "runs/reproduce/p-t-smoke/two-1/summary.csv"));
}

TEST_CASE("a command says where data lies by a variable") {
  TemporaryDirectory directory;
  std::string table = table_head;
  table.replace(table.find("--dataset digits"), 16, "--dataset mnist");
  table.replace(table.find("--lr 0.05"), 9, "--dataset digits --lr 0.05");
  write(directory.path() / "manifests/p/t.yaml", table + "# two\n");
  fs::path run = directory.path() / "runs/reproduce/p-t-smoke/one-1";
  write_run(directory, "one", 1, "80");
  std::string command = read(run / "command.txt");
  write(run / "command.txt", command.replace(command.find("digits"), 6, "mnist"));
  REQUIRE(table_tool("report p", directory).code == 0);
  std::string text = commands_of(page_of_run(directory));
  CHECK(text.starts_with("stint reproduce run p/t --tier smoke --data-dir mnist=\"$MNIST\"\n"));
  CHECK(count(text, " --seed 1 --data-dir \"$MNIST\" --output runs/reproduce/p-t-smoke --experiment one-1\n") == 1);
  CHECK(count(text, "$MNIST") == 2);
}

TEST_CASE("tiers that were not run are named") {
  TemporaryDirectory directory;
  std::string table = table_head;
  table.replace(table.find("rows:"), 5, "  full: {arguments: --epochs 9, hours: 30, note: all of it}\nrows:");
  write(directory.path() / "manifests/p/t.yaml", table);
  write_run(directory, "one", 1, "80");
  REQUIRE(table_tool("report p", directory).code == 0);
  CHECK(count(page_of_run(directory),
              "Not run here: full, all of it; some 30 hours: `stint reproduce run p/t --tier full`.\n") == 1);
}

TEST_CASE("the ratio of communication to computing is the link's, and waits for nobody") {
  TemporaryDirectory directory;
  write(directory.path() / "manifests/p/t.yaml",
        "title: t\nsource: s\nsays: n\narguments: --dataset digits --net bandwidth=8Mbps,latency=10ms\n"
        "tiers: {smoke: {hours: 1}}\nrows:\n"
        "  - {name: sync, baseline: sync, x: 1, ideal: overlap}\n"
        "columns: {ratio: {value: link_ratio, as: of-baseline}, ideal: {as: ideal}}\n");
  fs::path run = directory.path() / "runs/reproduce/p-t-smoke/sync-1";
  write(run / "command.txt", "stint train --dataset digits --net bandwidth=8Mbps,latency=10ms --seed 1\n");
  write(run / "run.json", "{\"status\": \"finished\"}");
  write(run / "summary.csv", "epoch,time_s,wire_tx_bytes,wire_rx_bytes,sync_rounds\n0,9,4800000,3000000,10\n");
  write(run / "metrics.jsonl",
        "{\"step\":10,\"epoch\":0,\"eval_loss\":1,\"emulated_s\":30.0,\"emulated_wait_s\":28.0}\n");
  REQUIRE(table_tool("report p", directory).code == 0);
  // 0.48 MB at 1 MB/s and two latencies of 0.01 s over 0.2 s of computing a step
  CHECK(count(page_of_run(directory), "| sync | 2.50 | 1.40 |") == 1);
}
