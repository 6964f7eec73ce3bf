#include <stint/runtime/error.h>
#include <stint/tools/data/libsvm.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>

// The format (csie.ntu.edu.tw/~cjlin/libsvmtools/datasets): LABEL INDEX:VALUE ..., indices from 1 and ascending;
// features that are not named are 0.
namespace stint {

namespace {

constexpr std::int64_t most_features = 65536;
constexpr std::size_t most_classes = 1000;
constexpr std::int64_t most_numbers = std::int64_t{1} << 31;

/// Reads the words of a line from the left.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) { skip_spaces(); }

  bool empty() const { return rest_.empty(); }

  template <typename Number>
  bool number(Number& value) {
    if (rest_.starts_with('+')) rest_.remove_prefix(1);
    auto [after, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{} || !std::isfinite(static_cast<double>(value))) return false;
    rest_.remove_prefix(static_cast<std::size_t>(after - rest_.data()));
    return true;
  }
  bool colon() {
    bool there = rest_.starts_with(':');
    rest_.remove_prefix(there);
    return there;
  }
  /// False if a word goes on here.
  bool end_of_word() {
    std::size_t before = rest_.size();
    skip_spaces();
    return rest_.empty() || rest_.size() < before;
  }

 private:
  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r"), rest_.size())); }
  std::string_view rest_;
};

/// What is wrong with the line; empty if nothing.
const char* parse_row(std::string_view line, LibsvmRow& row) {
  Words words(line);
  if (!words.number(row.label) || !words.end_of_word()) return "expected a label that is a number";
  std::int64_t last = 0;
  while (!words.empty()) {
    std::int64_t index = 0;
    float value = 0;
    if (!words.number(index) || !words.colon() || !words.number(value) || !words.end_of_word()) {
      return "expected INDEX:VALUE";
    }
    if (index <= last) return "expected indices from 1 and ascending";
    if (index > most_features) return "expected indices up to 65536";
    row.features.emplace_back(index, value);
    last = index;
  }
  return "";
}

std::vector<LibsvmRow> read_rows(const std::string& path, BadSamples& bad) {
  Bytes data = decompress(read_bytes(path), path);
  return parse_libsvm({reinterpret_cast<const char*>(data.data()), data.size()}, path, bad);
}

std::vector<double> labels_of(const std::vector<LibsvmRow>& train, const std::vector<LibsvmRow>& test,
                              const std::string& path) {
  std::set<double> labels;
  for (const auto* part : {&train, &test}) {
    for (const LibsvmRow& row : *part) labels.insert(row.label);
    if (labels.size() > most_classes)
      fail(ErrorKind::data, "libsvm", "{} has more than {} classes", path, most_classes);
  }
  return {labels.begin(), labels.end()};
}

ImageSet dense(const std::vector<LibsvmRow>& rows, std::int64_t width, const std::vector<double>& labels,
               const std::string& path) {
  if (static_cast<std::int64_t>(rows.size()) > most_numbers / width) {
    fail(ErrorKind::data, "libsvm", "{} has {} rows of {} features, more than 2^31 numbers", path, rows.size(), width);
  }
  ImageSet set{.height = 1, .width = 1, .channels = width, .classes = static_cast<std::int64_t>(labels.size())};
  set.features.assign(rows.size() * width, 0.0f);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (auto [index, value] : rows[i].features) set.features[i * width + index - 1] = value;
    auto found = std::lower_bound(labels.begin(), labels.end(), rows[i].label);
    set.labels.push_back(static_cast<std::int32_t>(found - labels.begin()));
  }
  for (double label : labels) set.class_names.push_back(fmt::format("{}", label));
  return set;
}

}  // namespace

std::vector<LibsvmRow> parse_libsvm(std::string_view text, const std::string& name, BadSamples& bad) {
  std::vector<LibsvmRow> rows;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    std::size_t length = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos || line.starts_with('#')) continue;
    LibsvmRow row;
    const char* problem = parse_row(line, row);
    if (*problem) {
      bad.add(fmt::format("libsvm: {}:{}: {}", name, number, problem));
    } else {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

DataSet load_libsvm(const std::string& path, BadSamples& bad) {
  auto train = read_rows(path, bad);
  std::vector<LibsvmRow> test;
  if (std::filesystem::exists(path + ".t")) test = read_rows(path + ".t", bad);
  if (train.empty()) fail(ErrorKind::data, "libsvm", "{} has no rows", path);
  std::int64_t width = 1;
  for (const auto* part : {&train, &test}) {
    for (const LibsvmRow& row : *part) {
      if (!row.features.empty()) width = std::max(width, row.features.back().first);
    }
  }
  auto labels = labels_of(train, test, path);
  ImageSet set = dense(train, width, labels, path);
  if (test.empty()) return hold_out_every_fifth("libsvm", set);
  return {"libsvm", std::move(set), dense(test, width, labels, path)};
}

}  // namespace stint
