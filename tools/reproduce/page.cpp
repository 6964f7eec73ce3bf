#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stint/tools/reproduce/mention.h>
#include <stint/tools/reproduce/page.h>

#include <algorithm>

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
  if (figure.count > 1) text += fmt::format(" ± {}", number_text(figure.deviation, column.digits));
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

std::string runs_cell(const RowResult& row, const std::string& folder) {
  std::string text;
  for (const FinishedRun& run : row.runs) {
    std::string name = run.job.run.filename();
    text += fmt::format("{}[{}]({}/{})", text.empty() ? "" : ", ", name, folder, name);
  }
  if (!row.failed.empty()) {
    text += fmt::format("{}failed ({} of {}): {}", text.empty() ? "" : "; ", row.failed.size(), row.ended(),
                        fmt::join(row.failed, ", "));
  }
  if (!row.missing.empty()) {
    text += fmt::format("{}not finished: {}", text.empty() ? "" : "; ", fmt::join(row.missing, ", "));
  }
  return text;
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
  std::string text = "| what must hold | source | left | right | |\n| --- | --- | --- | --- | --- |\n";
  for (const RelationResult& judged : result.relations) {
    text += fmt::format("| `{}` | {} | {:.6g} | {:.6g} | {} |\n", judged.relation->text, judged.relation->tag,
                        judged.left, judged.right, verdict_text(judged, result.tier));
  }
  return text + "\n";
}

std::string command_text(const TableResult& result) {
  return fmt::format("stint reproduce run {} --tier {}", result.table->name, result.tier);
}

/// The commands that made each row's runs, of the first seed; the data's place and the threads are the machine's.
std::string commands_text(const TableResult& result) {
  std::string text = fmt::format("```\n{}\n", command_text(result));
  for (const RowResult& row : result.rows) {
    if (row.runs.empty()) continue;
    text += fmt::format("{}: stint {}\n", row.row->name, shell_text(row.runs.front().job.command));
  }
  return text + "```\n\n";
}

std::string pictures_text(const TableResult& result, const std::string& pictures) {
  std::string text;
  for (const Picture& picture : result.table->pictures) {
    std::string file = pictures + "/" + picture_file(result, picture);
    text += fmt::format("![{}]({}.png)\n\n", picture.title, file);
  }
  return text;
}

std::string tier_text(const TableResult& result, const std::string& pictures) {
  const Tier& tier = result.table->tiers.at(result.tier);
  std::string name = folder_of(*result.table, result.tier, "").string();
  std::string text = fmt::format("### {}, {}\n\n", result.table->name, result.tier);
  if (!result.was_run()) {
    return text + fmt::format("Not run here{}: `{}`, some {:g} hours.\n\n",
                              tier.note.empty() ? "" : " (" + tier.note + ")", command_text(result), tier.hours);
  }
  if (!tier.note.empty()) text += tier.note + ".\n\n";
  if (!tier.says.empty()) {
    auto by = [&](const std::string& mention) { return mention_text(result, *parse_mention(mention)); };
    text += replace_mentions(tier.says, by) + "\n\n";
  }
  text += table_text(result, name) + "\n" + relations_text(result) + pictures_text(result, pictures);
  return text + commands_text(result);
}

constexpr const char* introduction =
    "# The papers' tables, run again\n\n"
    "Written by `stint reproduce report`; nothing here is typed in by hand. A figure is a mean over seeds ± standard "
    "deviation, over those of them (`1 of 3`) in which it came, and in brackets what is known of the paper's, with its "
    "source; the runs behind it are named in its line, and the command that makes them stands below. Time is measured "
    "where it is not called emulated. Sources: ABS "
    "abstract, CODE, README and REC (records) of the authors' repositories, ISSUE, PAGE a third party's page, SIM "
    "simulated, DER derived, MEM from memory, which is never compared.\n\n";

}  // namespace

std::string picture_file(const TableResult& result, const Picture& picture) {
  return folder_of(*result.table, result.tier, "").string() + "-" + picture.name;
}

std::string page_of(const std::vector<TableResult>& results, const std::string& pictures) {
  std::string text = introduction, last;
  for (const TableResult& result : results) {
    const Table& table = *result.table;
    if (table.name != last) {
      text += fmt::format("## {}\n\n{}.\n\n{}\n\n", table.title, table.source, table.says);
      last = table.name;
    }
    text += tier_text(result, pictures);
  }
  return text;
}

}  // namespace stint::reproduce
