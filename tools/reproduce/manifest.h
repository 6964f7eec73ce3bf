#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

/// Tables and figures of papers, run again: what docs/reproduce.md describes.
namespace stint::reproduce {

/// How much of a table is run: in seconds, on two cores, on one GPU, as in the paper.
inline const std::vector<std::string> tier_names = {"smoke", "reduced", "gpu", "full"};

/// Where a statement of the paper was read; `MEM` (from memory) is never compared with anything.
inline const std::vector<std::string> tag_names = {"ABS",  "CODE", "README", "REC", "ISSUE",
                                                   "PAGE", "SIM",  "DER",    "MEM"};

struct Tier {
  std::string arguments;                      ///< behind the table's
  std::map<std::string, std::string> values;  ///< of `$name` in arguments
  std::vector<std::int64_t> seeds;
  double hours = 0;  ///< of the whole table
  std::string note;
  std::string says;  ///< what came of it, with figures in it: see mention.h
};

/// One line of the table: a run for every seed.
struct Row {
  std::string name;
  std::string arguments;
  std::string command = "train";        ///< or `plan`, `inspect mem`
  std::int64_t processes = 1;           ///< more: through `launch`
  std::string from;                     ///< the row whose weights it starts with
  std::string series;                   ///< rows of one series are one curve in a picture of points
  std::string baseline;                 ///< the row that ratios are taken against
  std::string ideal;                    ///< `overlap` (CoCoD-SGD) or `serial` (Local SGD)
  double x = NAN;                       ///< what the row stands for on an axis: a gamma, a period
  std::map<std::string, double> paper;  ///< the paper's figures, by column
  std::string tag;                      ///< of those
};

/// A figure of a row: the value that a measure has at the end, or at the first epoch at which a condition holds; or
/// what it is to the baseline's. The ideal is the speed-up of a round of x steps, at the baseline's ratio of
/// communication to computing, in the way that the row names.
struct Column {
  enum class As { value, x, difference, ratio, speedup, of_baseline, ideal };

  std::string key, title, measure;
  As as = As::value;
  bool best = false;     ///< the largest instead of the last
  std::string when;      ///< a measure; empty: at the end
  double at_least = 0;   ///< what `when` must reach,
  bool falling = false;  ///< or fall to
  double scale = 1;      ///< what is shown is the value times this
  int digits = 2;
};

/// `left.column(left.row) <= factor * column(row) + offset`, of means over the seeds, or `>=` or `==`.
struct Relation {
  std::string text;
  std::string left_column, left_row, comparison, right_column, right_row;  ///< without a right row: offset alone
  double factor = 1, offset = 0;
  std::string tag;
  std::vector<std::string> tiers;  ///< in which it must hold
};

struct RecordedCurve {
  std::string name;
  std::vector<double> x, y;
};

/// The law a + b log x or a + b sqrt x through two points of a curve, its last and that at a tenth of the last one's x:
/// does it come to that law?
struct Guide {
  std::string curve, law;
};

/// Either the course of every row's runs, by measures, or a point a row, by columns.
struct Picture {
  std::string name, title;
  bool course = false;
  std::vector<std::string> x;       ///< a panel each
  std::vector<std::string> y;       ///< of points: further ones are drawn thin
  std::vector<std::string> log;     ///< those of x and y that have an axis of powers
  std::vector<std::string> rows;    ///< empty: all
  std::vector<std::string> dashed;  ///< curves that others lie on
  std::string start;                ///< of points: a curve of one point, with which every other begins
  std::vector<Guide> guides;
  std::vector<RecordedCurve> recorded;
};

struct Table {
  std::string name;   ///< "vrl/lenet": folder and file
  std::string title;  ///< of one line
  std::string source;
  std::string says;  ///< what the paper says, with tags; and what differs here
  std::string arguments;
  std::map<std::string, Tier> tiers;
  std::vector<Row> rows;
  std::vector<Column> columns;
  std::vector<Relation> relations;
  std::vector<Picture> pictures;

  const Row* find_row(const std::string& row) const;
  const Column* find_column(const std::string& key) const;
};

/// Errors (ErrorKind::usage), with file and line: unknown keys, a row, column or tag that is none, a relation or a
/// figure in a text that cannot be read, a relation that rests on memory alone.
Table read_table(const std::filesystem::path& file, const std::string& name);

/// All tables under a folder, in the order of their names. Errors: as `read_table`; there are none.
std::vector<Table> read_tables(const std::filesystem::path& folder);

/// Those that `name` means: a table's name, a paper's folder, or `all`. Errors (ErrorKind::usage): none, a table
/// without rows or without the tier (a tier that is empty: any).
std::vector<Table> choose_tables(const std::vector<Table>& tables, const std::string& name, const std::string& tier);

/// Where manifests lie: beside an installed program, or in the sources.
std::filesystem::path manifest_folder();

}  // namespace stint::reproduce
