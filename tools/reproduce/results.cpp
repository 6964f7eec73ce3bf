#include <stint/tools/reproduce/relation.h>
#include <stint/tools/reproduce/results.h>

#include <algorithm>
#include <charconv>

namespace stint::reproduce {

namespace fs = std::filesystem;

namespace {

/// The seeds that were run beside the tier's own ones.
std::vector<std::int64_t> seeds_of(const Row& row, const Tier& tier, const fs::path& folder) {
  std::vector<std::int64_t> seeds = tier.seeds;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    std::string name = entry.path().filename(), prefix = row.name + "-";
    if (!name.starts_with(prefix) || !entry.is_directory()) continue;
    std::int64_t seed = 0;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), seed);
    bool ours = name == prefix + std::to_string(seed);
    if (ours && std::find(seeds.begin(), seeds.end(), seed) == seeds.end()) seeds.push_back(seed);
  }
  return seeds;
}

RowResult read_row(const Table& table, const Row& row, const std::string& tier, const fs::path& output) {
  Request request{.output = output, .tier = tier, .data = {{"", "."}}};
  request.seeds = seeds_of(row, table.tiers.at(tier), folder_of(table, tier, output));
  RowResult result{.row = &row};
  for (const Job& job : jobs_of(table, row, request)) {
    std::string name = job.run.filename();
    auto record = find_record(job);
    bool other = record ? record->command != job.command_text() : job.state() == Job::State::stale;
    if (other) {
      result.missing.push_back(name + " (made by another command)");
    } else if (!record) {
      result.missing.push_back(name);
    } else {
      (record->failed ? result.failed : result.runs).push_back({name, *record});
    }
  }
  return result;
}

Figure figure_of(const std::vector<double>& values) {
  Figure figure{.count = static_cast<int>(values.size())};
  if (values.empty()) return figure;
  bool same = std::all_of(values.begin(), values.end(), [&](double value) { return value == values[0]; });
  if (same) return {.mean = values[0], .count = figure.count};
  double sum = 0, squares = 0;
  for (double value : values) sum += value;
  figure.mean = sum / figure.count;
  for (double value : values) squares += (value - figure.mean) * (value - figure.mean);
  figure.deviation = std::sqrt(squares / (figure.count - 1));
  return figure;
}

/// NaN where it did not come in every run: those in which it came are not the row.
double whole_mean(const Figure& figure, const RowResult& row) {
  return figure.count == row.ended() ? figure.mean : NAN;
}

double mean_of(const RowResult& row, const Column& column) {
  std::vector<double> values;
  for (const EndedRun& run : row.runs) {
    double value = value_of(column, run.record.measures);
    if (!std::isnan(value)) values.push_back(value);
  }
  return whole_mean(figure_of(values), row);
}

/// What a run's value is to the baseline's.
double related(const Column& column, double value, double base, const Row& row) {
  switch (column.as) {
    case Column::As::x:
      return row.x;
    case Column::As::difference:
      return value - base;
    case Column::As::ratio:
      return value / base;
    case Column::As::speedup:
      return base / value;
    case Column::As::of_baseline:
      return base;
    case Column::As::ideal:
      if (row.ideal.empty()) return NAN;
      return (1 + base) / (row.ideal == "overlap" ? std::max(1.0, base / row.x) : 1 + base / row.x);
    case Column::As::value:
      break;
  }
  return value;
}

Figure figure_of(const Column& column, const RowResult& row, const RowResult* baseline) {
  Column source = column;
  if (column.as == Column::As::ideal) source.measure = ideal_measure;
  double base = baseline ? mean_of(*baseline, source) : NAN;
  std::vector<double> values;
  for (const EndedRun& run : row.runs) {
    double value = related(column, value_of(source, run.record.measures), base, *row.row) * column.scale;
    if (!std::isnan(value)) values.push_back(value);
  }
  return figure_of(values);
}

RelationResult judge(const Relation& relation, const TableResult& result) {
  RelationResult judged{.relation = &relation};
  const RowResult& left = result.row(relation.left_row);
  const RowResult& other = relation.right_row.empty() ? left : result.row(relation.right_row);
  judged.left = whole_mean(left.figures.at(relation.left_column), left);
  double right = relation.right_row.empty() ? 0 : whole_mean(other.figures.at(relation.right_column), other);
  judged.right = relation.factor * right + relation.offset;
  bool here = std::find(relation.tiers.begin(), relation.tiers.end(), result.tier) != relation.tiers.end();
  if (!here) {
    judged.verdict = Verdict::other_tier;
  } else if (left.ended() > 0 && other.ended() > 0) {  // a figure that did not come fails it
    judged.verdict = holds(relation, judged.left, right) ? Verdict::holds : Verdict::fails;
  }
  return judged;
}

}  // namespace

bool TableResult::was_run() const {
  return std::any_of(rows.begin(), rows.end(), [](const RowResult& row) { return row.ended() > 0; });
}

const RowResult& TableResult::row(const std::string& name) const {
  return *std::find_if(rows.begin(), rows.end(), [&](const RowResult& row) { return row.row->name == name; });
}

TableResult read_results(const Table& table, const std::string& tier, const fs::path& output) {
  TableResult result{.table = &table, .tier = tier};
  for (const Row& row : table.rows) result.rows.push_back(read_row(table, row, tier, output));
  for (RowResult& row : result.rows) {
    auto baseline = std::find_if(result.rows.begin(), result.rows.end(),
                                 [&](const RowResult& other) { return other.row->name == row.row->baseline; });
    const RowResult* base = baseline == result.rows.end() ? nullptr : &*baseline;
    for (const Column& column : table.columns) row.figures[column.key] = figure_of(column, row, base);
  }
  for (const Relation& relation : table.relations) result.relations.push_back(judge(relation, result));
  return result;
}

}  // namespace stint::reproduce
