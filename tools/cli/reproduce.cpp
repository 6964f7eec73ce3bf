#include <fmt/format.h>
#include <stint/runtime/closest.h>
#include <stint/runtime/error.h>
#include <stint/tools/cli/ceilings.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/reproduce/page.h>
#include <stint/tools/reproduce/pictures.h>
#include <stint/tools/reproduce/runner.h>
#include <stint/tools/trainer/files.h>

#include <algorithm>
#include <cstdio>

namespace stint {

namespace {

using reproduce::Table;
using reproduce::TableResult;
using reproduce::Verdict;

constexpr int out_of_tolerance = 8;  // exit code

void say(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

void list(const std::vector<Table>& tables) {
  for (const Table& table : tables) {
    fmt::print("{}: {}\n", table.name, table.title);
    std::string tiers, rows;
    for (const std::string& name : reproduce::tier_names) {
      auto tier = table.tiers.find(name);
      if (tier == table.tiers.end()) continue;
      tiers += fmt::format("  {} {:.2g} h x{}", name, tier->second.hours, tier->second.seeds.size());
    }
    for (const auto& row : table.rows) rows += " " + row.name;
    fmt::print("  tiers:{}\n  rows: {}\n", tiers, rows);
  }
}

void check_tier(const std::string& tier) {
  const auto& known = reproduce::tier_names;
  if (tier.empty() || std::find(known.begin(), known.end(), tier) != known.end()) return;
  fail(ErrorKind::usage, "--tier", "there is no tier '{}'{}", tier, did_you_mean(tier, known));
}

reproduce::Request request_of(const ReproduceArguments& arguments) {
  reproduce::Request request{.output = arguments.output,
                             .tier = arguments.tier.empty() ? "smoke" : arguments.tier,
                             .only = arguments.only,
                             .seeds = arguments.seeds,
                             .threads = arguments.threads,
                             .jobs = arguments.jobs,
                             .cpu = cpu_model()};
  for (const std::string& text : arguments.data) {
    std::size_t equals = text.find('=');
    std::string name = equals == std::string::npos ? "" : text.substr(0, equals);
    request.data[name] = equals == std::string::npos ? text : text.substr(equals + 1);
  }
  return request;
}

std::vector<TableResult> results_of(const std::vector<Table>& tables, const ReproduceArguments& arguments) {
  std::vector<TableResult> results;
  for (const Table& table : tables) {
    for (const std::string& tier : reproduce::tier_names) {
      if (!table.tiers.contains(tier) || (!arguments.tier.empty() && tier != arguments.tier)) continue;
      results.push_back(read_results(table, tier, arguments.output));
    }
  }
  bool any = std::any_of(results.begin(), results.end(), [](const TableResult& r) { return r.was_run(); });
  if (!any) fail(ErrorKind::usage, "reproduce", "nothing was run in {}: stint reproduce run", arguments.output);
  return results;
}

void draw(const TableResult& result, const std::filesystem::path& folder) {
  if (!result.was_run()) return;
  for (const auto& picture : result.table->pictures) {
    Chart chart = draw_picture(picture, result);
    std::string file = (folder / picture_file(result, picture)).string();
    write_file(file + ".svg", chart_svg(chart));
    write_file(file + ".png", chart_png(chart));
  }
}

/// Copies the records that the page leads to.
void publish_runs(const TableResult& result, const std::filesystem::path& output) {
  std::filesystem::path folder = folder_of(*result.table, result.tier, output);
  for (const auto& row : result.rows) {
    for (const auto& run : row.runs) write_record(folder / run.name, run.record);
    for (const auto& run : row.failed) write_record(folder / run.name, run.record);
  }
}

/// Writes pictures and page, and with `--publish` what it leads to. Returns where the page is.
std::filesystem::path write_page(const std::vector<TableResult>& results, const ReproduceArguments& arguments) {
  bool publish = !arguments.publish.empty();
  std::filesystem::path folder = publish ? arguments.publish : arguments.output;
  if (!folder.has_filename()) folder = folder.parent_path();  // a slash at the end
  std::filesystem::path page = publish ? std::filesystem::path(folder.string() + ".md") : folder / "report.md";
  std::string note = arguments.note.empty() ? "" : read_file(arguments.note);
  std::filesystem::create_directories(folder / "pictures");
  for (const TableResult& result : results) {
    draw(result, folder / "pictures");
    if (publish) publish_runs(result, folder);
  }
  write_file(page, page_of(results, publish ? folder.filename().string() + "/" : "", note));
  if (publish && !note.empty()) write_file(folder / "note.md", note);
  return page;
}

/// Writes the page; prints what does not hold.
int report(const std::vector<Table>& tables, const ReproduceArguments& arguments) {
  auto results = results_of(tables, arguments);
  std::filesystem::path page = write_page(results, arguments);
  int code = 0, held = 0;
  for (const TableResult& result : results) {
    for (const auto& judged : result.relations) {
      held += judged.verdict == Verdict::holds;
      if (judged.verdict != Verdict::fails) continue;
      code = out_of_tolerance;
      say(fmt::format("{}, {}: {} does not hold: {:.6g} and {:.6g}", result.table->name, result.tier,
                      judged.relation->text, judged.left, judged.right));
    }
  }
  say(fmt::format("{} relations hold; page: {}", held, page.string()));
  return code;
}

}  // namespace

int run_reproduce(const ReproduceArguments& arguments) {
  check_tier(arguments.tier);
  auto folder = arguments.manifests.empty() ? reproduce::manifest_folder() : std::filesystem::path(arguments.manifests);
  auto tables = reproduce::read_tables(folder);
  if (arguments.action == "run") {
    reproduce::Request request = request_of(arguments);
    return run_tables(reproduce::choose_tables(tables, arguments.table, request.tier), request, say);
  }
  if (arguments.action == "report") return report(reproduce::choose_tables(tables, arguments.table, ""), arguments);
  list(reproduce::choose_tables(tables, arguments.table, ""));
  return 0;
}

}  // namespace stint
