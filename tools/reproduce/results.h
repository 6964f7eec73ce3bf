#pragma once

#include <stint/tools/reproduce/record.h>

namespace stint::reproduce {

/// Over the `count` runs in which it came.
struct Figure {
  double mean = NAN, deviation = 0;
  int count = 0;
};

struct EndedRun {
  std::string name;  ///< ROW-SEED
  Record record;
};

struct RowResult {
  const Row* row = nullptr;
  std::vector<EndedRun> runs;             ///< finished
  std::vector<EndedRun> failed;           ///< ended without figures
  std::vector<std::string> missing;       ///< runs that have not ended, or were made by another command
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

/// Reads the records of a table's runs under the output folder, and makes those that are missing.
TableResult read_results(const Table& table, const std::string& tier, const std::filesystem::path& output);

}  // namespace stint::reproduce
