#pragma once

#include <stint/tests/cli/run_program.h>
#include <stint/tests/temporary_directory.h>

#include <filesystem>
#include <fstream>
#include <sstream>

/// What tests of `stint reproduce` write and read: manifests and runs in a directory of their own.
namespace stint::test {

namespace fs = std::filesystem;

/// A table of two quick rows; `tail` is what stands behind them.
inline const std::string table_head =
    "title: t\n"
    "source: s\n"
    "says: what is said\n"
    "arguments: --dataset digits --model logistic --batch-size 64 --lr 0.1\n"
    "tiers:\n"
    "  smoke: {arguments: --epochs $epochs, values: {epochs: 2}, seeds: [1, 2], hours: 0.001}\n"
    "rows:\n"
    "  - {name: one, baseline: one, paper: {top1: 12.5}, tag: REC}\n"
    "  - {name: two, baseline: one, from: one, arguments: --lr 0.05, paper: {top1: 99}, tag: MEM}\n"
    "columns:\n"
    "  top1: {value: eval_top1}\n"
    "  share: {value: saved_act_bytes, as: ratio}\n"
    "  epoch: {value: epochs, when: eval_top1, at_least: 1, digits: 0}\n";

inline void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

inline std::string read(const fs::path& file) {
  std::ifstream stream(file);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

inline Outcome table_tool(const std::string& words, const TemporaryDirectory& directory) {
  std::size_t space = words.find(' ');
  return run_program("reproduce " + words.substr(0, space) + " --manifests manifests" +
                         (space == std::string::npos ? "" : words.substr(space)),
                     directory.path());
}

inline int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace stint::test
