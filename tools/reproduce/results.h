#pragma once

#include <stint/tools/reproduce/job.h>
#include <stint/tools/reproduce/measures.h>

namespace stint::reproduce {

/// Over the `count` runs in which it came.
struct Figure {
  double mean = NAN, deviation = 0;
  int count = 0;
};

struct FinishedRun {
  Job job;
  std::int64_t seed;
  Measures measures;
};

struct RowResult {
  const Row* row = nullptr;
  std::vector<FinishedRun> runs;
  std::vector<std::string> failed;        ///< runs that ended without figures, with the reason
  std::vector<std::string> missing;       ///< runs that are not finished, or not by this command
  std::map<std::string, Figure> figures;  ///< by column, scaled

  /// Runs that ended, with figures or without.
  int ended() const { return static_cast<int>(runs.size() + failed.size()); }
};

enum class Verdict { holds, fails, not_run, other_tier };

struct RelationResult {
  const Relation* relation = nullptr;
  double left = NAN, right = NAN;  ///< right: with factor and offset
  Verdict verdict = Verdict::not_run;
};

struct TableResult {
  const Table* table = nullptr;
  std::string tier;
  std::vector<RowResult> rows;
  std::vector<RelationResult> relations;

  bool was_run() const;
  const RowResult& row(const std::string& name) const;
};

/// Reads what there is of a table under the output folder.
TableResult read_results(const Table& table, const std::string& tier, const std::filesystem::path& output);

}  // namespace stint::reproduce
