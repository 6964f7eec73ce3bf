#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stint/tools/reproduce/mention.h>
#include <stint/tools/reproduce/page.h>

#include <set>
#include <sstream>

namespace stint::reproduce {

namespace {

std::string number_text(double value, int digits) {
  return fmt::format("{:.{}f}", value, digits);
}

/// Behind a figure that did not come in every run: ` (1 of 3)`.
std::string count_text(const Figure& figure, const RowResult& row) {
  bool whole = figure.count == 0 || figure.count == row.ended();
  return whole ? "" : fmt::format(" ({} of {})", figure.count, row.ended());
}

/// `0.05 ± 0.01 (REC 0.048)`, `-` where nothing came, `(1 of 3)` where it did not come in every run.
std::string cell(const RowResult& row, const Column& column) {
  Figure figure = row.figures.at(column.key);
  std::string text = figure.count == 0 ? "-" : number_text(figure.mean, column.digits);
  if (figure.deviation > 0) text += fmt::format(" ± {}", number_text(figure.deviation, column.digits));
  text += count_text(figure, row);
  auto paper = row.row->paper.find(column.key);
  if (paper == row.row->paper.end()) return text;
  return text + fmt::format(" ({} {:g})", row.row->tag, paper->second);
}

/// A figure that a text mentions, of the means that the table shows; `-` where nothing came.
std::string mention_text(const TableResult& result, const Mention& mention) {
  const RowResult& row = result.row(mention.row);
  const Figure& figure = row.figures.at(mention.column);
  int digits = mention.digits >= 0 ? mention.digits : result.table->find_column(mention.column)->digits;
  if (mention.operation.empty()) {
    return figure.count == 0 ? "-" : number_text(figure.mean, digits) + count_text(figure, row);
  }
  double other = result.row(mention.other_row).figures.at(mention.other_column).mean;
  bool quotient = mention.operation == "/";
  double value = quotient ? figure.mean / other : figure.mean - other;
  if (quotient && mention.digits < 0) digits = 1;
  return std::isnan(value) ? "-" : number_text(value, digits);
}

std::string link_to(const EndedRun& run, const std::string& folder) {
  return fmt::format("[{0}]({1}/{0})", run.name, folder);
}

std::string runs_cell(const RowResult& row, const std::string& folder) {
  std::vector<std::string> parts, finished, failed;
  for (const EndedRun& run : row.runs) finished.push_back(link_to(run, folder));
  for (const EndedRun& run : row.failed)
    failed.push_back(fmt::format("{} ({})", link_to(run, folder), run.record.reason));
  if (!finished.empty()) parts.push_back(fmt::format("{}", fmt::join(finished, ", ")));
  if (!failed.empty()) {
    parts.push_back(fmt::format("failed ({} of {}): {}", failed.size(), row.ended(), fmt::join(failed, ", ")));
  }
  if (!row.missing.empty()) parts.push_back(fmt::format("not finished: {}", fmt::join(row.missing, ", ")));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string table_text(const TableResult& result, const std::string& folder) {
  std::string head = "| row |", rule = "| --- |", lines;
  for (const Column& column : result.table->columns) {
    head += " " + column.title + " |";
    rule += " --- |";
  }
  for (const RowResult& row : result.rows) {
    lines += fmt::format("| {} |", row.row->name);
    for (const Column& column : result.table->columns) lines += " " + cell(row, column) + " |";
    lines += " " + runs_cell(row, folder) + " |\n";
  }
  return head + " runs |\n" + rule + " --- |\n" + lines;
}

std::string verdict_text(const RelationResult& judged, const std::string& tier) {
  switch (judged.verdict) {
    case Verdict::holds:
      return "holds";
    case Verdict::fails:
      return "**does not hold**";
    case Verdict::not_run:
      return "not run";
    case Verdict::other_tier:
      break;
  }
  return "not asked of " + tier;
}

std::string relations_text(const TableResult& result) {
  if (result.relations.empty()) return "";
  std::string text =
      "| what must hold | source | left | right, with factor and offset | |\n| --- | --- | --- | --- | --- |\n";
  for (const RelationResult& judged : result.relations) {
    text += fmt::format("| `{}` | {} | {:.6g} | {:.6g} | {} |\n", judged.relation->text, judged.relation->tag,
                        judged.left, judged.right, verdict_text(judged, result.tier));
  }
  return text + "\n";
}

/// The runs of a row as one would make them anew, into the usual folder.
std::vector<Job> jobs_anew(const TableResult& result, const Row& row) {
  return jobs_of(*result.table, row, {.tier = result.tier, .data = {{"", "."}}});
}

std::string command_text(const TableResult& result) {
  std::set<std::string> datasets;
  for (const RowResult& row : result.rows) datasets.insert(dataset_of(jobs_anew(result, *row.row).front()));
  datasets.erase("");
  std::string text = fmt::format("stint reproduce run {} --tier {}", result.table->name, result.tier);
  for (const std::string& dataset : datasets) text += fmt::format(" --data-dir {}={}", dataset, data_variable(dataset));
  return text;
}

/// The command of each row's first seed, whether it was run or not.
std::string commands_text(const TableResult& result) {
  std::string text = fmt::format("```\n{}\n\n", command_text(result));
  for (const RowResult& row : result.rows) {
    text += fmt::format("# {}\n{}\n", row.row->name, paste_text(jobs_anew(result, *row.row).front()));
  }
  return text + "```\n\n";
}

std::string pictures_text(const TableResult& result, const std::string& folder) {
  std::string text;
  for (const Picture& picture : result.table->pictures) {
    text += fmt::format("![{}]({}pictures/{}.png)\n\n", picture.title, folder, picture_file(result, picture));
  }
  return text;
}

std::string not_run_text(const TableResult& result) {
  const Tier& tier = result.table->tiers.at(result.tier);
  return fmt::format("Not run here: {}, {}some {:g} hours: `{}`.\n\n", result.tier,
                     tier.note.empty() ? "" : tier.note + "; ", tier.hours, command_text(result));
}

std::string tier_text(const TableResult& result, const std::string& folder) {
  if (!result.was_run()) return not_run_text(result);
  const Tier& tier = result.table->tiers.at(result.tier);
  std::string text = fmt::format("### {}, {}\n\n", result.table->name, result.tier);
  if (!tier.note.empty()) text += tier.note + ".\n\n";
  if (!tier.says.empty()) {
    auto by = [&](const std::string& mention) { return mention_text(result, *parse_mention(mention)); };
    text += replace_mentions(tier.says, by) + "\n\n";
  }
  std::string runs = folder + folder_of(*result.table, result.tier, "").string();
  text += table_text(result, runs) + "\n" + relations_text(result) + pictures_text(result, folder);
  return text + commands_text(result);
}

/// `Debian (3), not recorded (2)`; without numbers where all say the same.
std::string values_text(const std::map<std::string, int>& values) {
  std::vector<std::string> parts;
  for (const auto& [value, runs] : values) {
    std::string text = value.empty() ? "not recorded" : value;
    parts.push_back(values.size() == 1 ? text : fmt::format("{} ({})", text, runs));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// What the runs recorded of the machine.
std::string machine_text(const std::vector<TableResult>& results) {
  std::map<std::string, int> cpu, threads, jobs, version, day;  // runs by value
  auto count = [](std::int64_t number) { return number > 0 ? fmt::format("{}", number) : ""; };
  auto add = [&](const std::vector<EndedRun>& runs) {
    for (const EndedRun& run : runs) {
      const Circumstances& c = run.record.circumstances;
      ++cpu[c.cpu], ++threads[count(c.threads)], ++jobs[count(c.jobs)], ++version[c.version], ++day[c.day];
    }
  };
  for (const TableResult& result : results) {
    for (const RowResult& row : result.rows) add(row.runs), add(row.failed);
  }
  return fmt::format(
      "What the runs recorded, with the number of runs where they differ. Processor: {}. Threads a run: {}. Runs at a "
      "time: {}. stint: {}. Day of the end (UTC): {}.\n\n",
      values_text(cpu), values_text(threads), values_text(jobs), values_text(version), values_text(day));
}

std::string note_text(const std::string& note) {
  if (note.empty()) return "";
  std::string text = "> **A note, written by hand.**\n";
  std::istringstream lines(note);
  for (std::string line; std::getline(lines, line);) text += line.empty() ? ">\n" : "> " + line + "\n";
  return text + "\n";
}

constexpr const char* introduction =
    "# The papers' tables, run again\n\n"
    "Written by `stint reproduce report`; nothing here is typed in by hand but what is called a note. A figure is a "
    "mean over seeds ± standard deviation (none: one seed, or all the same), over those of the runs that ended "
    "(`1 of 3`) in which it came, and in brackets what is known of the paper's, with its source; the runs behind it "
    "are "
    "named in its line. Time is measured where it is not called emulated. Of several workers, bytes and time are "
    "those of worker 0, and memory is that of its process, which workers in one process share: it also sends the "
    "running statistics, and of a sharded server it holds the first shard, which "
    "need not be as large as another. Sources: ABS abstract, CODE, README and REC (records) of the authors' "
    "repositories, ISSUE, PAGE a third party's page, SIM simulated, DER derived, MEM from memory, which is never "
    "compared.\n\n"
    "The commands that make a table's rows stand below it, first the one for all of them, then each row's with its "
    "first "
    "seed; another seed is another `--seed` (and `--experiment`). They run in a shell in whose `PATH` is `stint` "
    "(`export PATH=$PWD/build:$PATH` in a clone that was built), with a variable set to where each data set lies: "
    "`export MNIST=DIR`.\n\n";

}  // namespace

std::string picture_file(const TableResult& result, const Picture& picture) {
  return folder_of(*result.table, result.tier, "").string() + "-" + picture.name;
}

std::string page_of(const std::vector<TableResult>& results, const std::string& folder, const std::string& note) {
  std::string text = introduction + machine_text(results) + note_text(note), last;
  for (const TableResult& result : results) {
    const Table& table = *result.table;
    if (table.name != last) {
      text += fmt::format("## {}\n\n{}.\n\n{}\n\n", table.title, table.source, table.says);
      last = table.name;
    }
    text += tier_text(result, folder);
  }
  return text;
}

}  // namespace stint::reproduce
