#include <fmt/ranges.h>
#include <stint/runtime/closest.h>
#include <stint/tools/reproduce/manifest.h>
#include <stint/tools/reproduce/mention.h>
#include <stint/tools/reproduce/relation.h>
#include <stint/tools/reproduce/yaml_block.h>

#include <algorithm>
#include <set>

namespace stint::reproduce {

namespace fs = std::filesystem;

namespace {

/// Refuses a text that is none of `known`.
void expect_one_of(const YamlBlock& block, const std::string& what, const std::string& text,
                   const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), text) != known.end()) return;
  std::string hint = did_you_mean(text, known);
  block.refuse("there is no {} '{}'{}", what, text,
               hint.empty() ? fmt::format(", expected one of {}", fmt::join(known, ", ")) : hint);
}

std::map<std::string, Tier> read_tiers(YamlBlock& file) {
  std::map<std::string, Tier> tiers;
  for (auto& [name, block] : file.named_blocks("tiers")) {
    expect_one_of(block, "tier", name, tier_names);
    Tier tier{.arguments = block.text("arguments", "")};
    for (auto& [key, value] : block.named_texts("values")) {
      if (value.find('$') != std::string::npos)
        block.refuse("{}: {} is no value: a name in it is not replaced", key, value);
      tier.values[key] = value;
    }
    tier.seeds = block.wholes("seeds");
    if (std::set(tier.seeds.begin(), tier.seeds.end()).size() != tier.seeds.size()) {
      block.refuse("seeds: one is there twice");
    }
    if (tier.seeds.empty() && block.has("seeds")) block.refuse("seeds: expected one at least");
    if (tier.seeds.empty()) tier.seeds = {1};
    tier.hours = block.number("hours");
    tier.note = block.text("note", "");
    tier.says = block.text("says", "");
    block.finish();
    tiers[name] = tier;
  }
  return tiers;
}

Row read_row(YamlBlock& block) {
  Row row{.name = block.text("name"), .arguments = block.text("arguments", "")};
  row.command = block.text("command", row.command);
  expect_one_of(block, "command", row.command, {"train", "plan", "inspect mem"});
  row.processes = block.whole("processes", 1);
  row.from = block.text("from", "");
  row.series = block.text("series", "");
  row.baseline = block.text("baseline", "");
  row.x = block.number("x", NAN);
  row.ideal = block.text("ideal", "");
  if (!row.ideal.empty()) expect_one_of(block, "ideal", row.ideal, {"overlap", "serial"});
  for (auto& [column, value] : block.named_numbers("paper")) row.paper[column] = value;
  if (!row.paper.empty()) {
    row.tag = block.text("tag");
    expect_one_of(block, "tag", row.tag, tag_names);
  }
  block.finish();
  return row;
}

Column read_column(const std::string& key, YamlBlock& block) {
  static const std::vector<std::string> forms = {"value",   "x",           "difference", "ratio",
                                                 "speedup", "of-baseline", "ideal"};
  Column column{.key = key, .title = block.text("title", key), .measure = block.text("value", "")};
  std::string as = block.text("as", "value");
  expect_one_of(block, "form of a column", as, forms);
  column.as = static_cast<Column::As>(std::find(forms.begin(), forms.end(), as) - forms.begin());
  bool own = column.as == Column::As::x || column.as == Column::As::ideal;
  if (column.measure.empty() && !own) block.refuse("expected `value:`, a measure");
  std::string take = block.text("take", "last");
  expect_one_of(block, "way to take a figure", take, {"last", "best"});
  column.best = take == "best";
  column.when = block.text("when", "");
  column.falling = block.has("at_most");
  if (!column.when.empty()) column.at_least = block.number(column.falling ? "at_most" : "at_least");
  column.scale = block.number("scale", 1);
  column.digits = static_cast<int>(block.whole("digits", 2));
  block.finish();
  return column;
}

Relation read_relation(YamlBlock& block) {
  std::string text = block.text("holds");
  auto relation = parse_relation(text);
  if (!relation) block.refuse("'{}' is no relation, expected one like: loss(local) >= 2 * loss(vrl)", text);
  relation->tag = block.text("tag");
  expect_one_of(block, "tag", relation->tag, tag_names);
  if (relation->tag == "MEM") block.refuse("'{}' is from memory, which nothing is compared with", text);
  relation->tiers = block.texts("tiers");
  for (const std::string& tier : relation->tiers) expect_one_of(block, "tier", tier, tier_names);
  block.finish();
  return *relation;
}

Picture read_picture(YamlBlock& block) {
  Picture picture{.name = block.text("name"), .title = block.text("title")};
  std::string of = block.text("of", "points");
  expect_one_of(block, "kind of picture", of, {"points", "course"});
  picture.course = of == "course";
  picture.x = block.texts("x");
  picture.y = block.texts("y");
  if (picture.x.empty() || picture.y.empty()) block.refuse("expected `x:` and `y:`");
  std::vector<std::string> axes = picture.x;
  axes.insert(axes.end(), picture.y.begin(), picture.y.end());
  picture.log = block.texts("log");
  for (const std::string& axis : picture.log) expect_one_of(block, "axis", axis, axes);
  picture.rows = block.texts("rows");
  picture.dashed = block.texts("dashed");
  picture.start = block.text("start", "");
  for (auto& [curve, law] : block.named_texts("guides")) {
    expect_one_of(block, "law", law, {"log", "sqrt"});
    picture.guides.push_back({curve, law});
  }
  for (auto& [name, recorded] : block.named_blocks("recorded")) {
    picture.recorded.push_back({name, recorded.numbers("x"), recorded.numbers("y")});
    if (picture.recorded.back().x.size() != picture.recorded.back().y.size()) {
      recorded.refuse("expected as many x as y");
    }
    recorded.finish();
  }
  block.finish();
  return picture;
}

std::vector<std::string> names_of(const std::vector<Row>& rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) names.push_back(row.name);
  return names;
}

/// That a tier's text mentions figures that are there.
void check_mentions(const std::string& says, const YamlBlock& file, const std::vector<std::string>& rows,
                    const std::vector<std::string>& columns) {
  replace_mentions(says, [&](const std::string& text) {
    auto mention = parse_mention(text);
    if (!mention) {
      file.refuse("'{{{}}}' is no figure, expected one like {{loss(vrl)}} or {{loss(local) / loss(vrl):2}}", text);
    }
    expect_one_of(file, "row", mention->row, rows);
    expect_one_of(file, "column", mention->column, columns);
    if (mention->operation.empty()) return "";
    expect_one_of(file, "row", mention->other_row, rows);
    expect_one_of(file, "column", mention->other_column, columns);
    return "";
  });
}

/// That rows, columns, texts and pictures speak of what is there.
void check_names(const Table& table, const YamlBlock& file) {
  std::vector<std::string> rows = names_of(table.rows), curves = rows, columns;
  for (const Row& row : table.rows) curves.push_back(row.series);
  for (const Column& column : table.columns) columns.push_back(column.key);
  if (std::set(rows.begin(), rows.end()).size() != rows.size()) file.refuse("two rows have one name");
  for (const Row& row : table.rows) {
    if (!row.from.empty()) {
      expect_one_of(file, "row", row.from, rows);
      const std::string& before = table.find_row(row.from)->from;
      if (!before.empty()) {
        file.refuse("row {} starts from {}, which starts from {}: expected a row that starts from none", row.name,
                    row.from, before);
      }
    }
    if (!row.baseline.empty()) expect_one_of(file, "row", row.baseline, rows);
    for (const auto& [column, value] : row.paper) expect_one_of(file, "column", column, columns);
  }
  if (table.says.find_first_of("{}") != std::string::npos) {
    file.refuse("says: a figure is one tier's: expected it in that tier's `says:`");
  }
  for (const auto& [name, tier] : table.tiers) check_mentions(tier.says, file, rows, columns);
  for (const Relation& relation : table.relations) {
    expect_one_of(file, "row", relation.left_row, rows);
    expect_one_of(file, "column", relation.left_column, columns);
    if (relation.right_row.empty()) continue;
    expect_one_of(file, "row", relation.right_row, rows);
    expect_one_of(file, "column", relation.right_column, columns);
  }
  for (const Picture& picture : table.pictures) {
    for (const std::string& row : picture.rows) expect_one_of(file, "row", row, rows);
    if (!picture.start.empty()) expect_one_of(file, "curve", picture.start, curves);
    for (const std::string& curve : picture.dashed) expect_one_of(file, "curve", curve, curves);
    for (const Guide& guide : picture.guides) expect_one_of(file, "curve", guide.curve, curves);
    if (picture.course) continue;
    for (const std::string& x : picture.x) expect_one_of(file, "column", x, columns);
    for (const std::string& y : picture.y) expect_one_of(file, "column", y, columns);
  }
}

}  // namespace

const Row* Table::find_row(const std::string& row) const {
  auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.name == row; });
  return found == rows.end() ? nullptr : &*found;
}

const Column* Table::find_column(const std::string& key) const {
  auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.key == key; });
  return found == columns.end() ? nullptr : &*found;
}

Table read_table(const fs::path& path, const std::string& name) {
  YamlBlock file = YamlBlock::read_file(path);
  Table table{.name = name, .title = file.text("title"), .source = file.text("source"), .says = file.text("says")};
  table.arguments = file.text("arguments", "");
  table.tiers = read_tiers(file);
  for (YamlBlock& block : file.blocks("rows")) table.rows.push_back(read_row(block));
  for (auto& [key, block] : file.named_blocks("columns")) table.columns.push_back(read_column(key, block));
  for (YamlBlock& block : file.blocks("relations")) table.relations.push_back(read_relation(block));
  for (YamlBlock& block : file.blocks("pictures")) table.pictures.push_back(read_picture(block));
  file.finish();
  check_names(table, file);
  return table;
}

std::vector<Table> read_tables(const fs::path& folder) {
  std::set<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.path().extension() == ".yaml") files.insert(entry.path());
  }
  if (files.empty()) fail(ErrorKind::usage, "reproduce", "there are no tables in {}", folder.string());
  std::vector<Table> tables;
  for (const fs::path& file : files) {
    tables.push_back(read_table(file, fs::relative(file, folder).replace_extension().string()));
  }
  return tables;
}

std::vector<Table> choose_tables(const std::vector<Table>& tables, const std::string& name, const std::string& tier) {
  std::vector<Table> chosen;
  std::vector<std::string> known = {"all"};
  for (const Table& table : tables) {
    known.push_back(table.name);
    known.push_back(table.name.substr(0, table.name.find('/')));
    if (name == "all" || table.name == name || table.name.starts_with(name + "/")) chosen.push_back(table);
  }
  if (chosen.empty()) fail(ErrorKind::usage, "reproduce", "there is no table '{}'{}", name, did_you_mean(name, known));
  for (const Table& table : chosen) {
    if (table.rows.empty()) fail(ErrorKind::usage, "reproduce", "table {} has no rows", table.name);
    if (!tier.empty() && !table.tiers.contains(tier)) {
      fail(ErrorKind::usage, "reproduce", "table {} has no tier {}", table.name, tier);
    }
  }
  return chosen;
}

fs::path manifest_folder() {
  std::error_code error;
  fs::path installed = fs::read_symlink("/proc/self/exe", error).parent_path() / "../share/stint/reproduce";
  return fs::is_directory(installed, error) ? installed : fs::path(STINT_REPRODUCE_FOLDER);
}

}  // namespace stint::reproduce
