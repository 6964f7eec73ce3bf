#pragma once

#include <stint/tools/config/config.h>

#include <string>
#include <vector>

namespace stint {

/// What `reproduce` is asked for.
struct ReproduceArguments {
  std::string action;  ///< list, run, report
  std::string table = "all", tier;
  std::string output = "runs/reproduce";
  std::string manifests;  ///< empty: the program's own
  std::string publish;    ///< report: DIR of a page DIR.md; empty: report.md beside the runs
  std::string note;       ///< report: a file
  std::vector<std::string> only, data;
  std::vector<std::int64_t> seeds;
  std::int64_t threads = 0, jobs = 1;
};

/// What a command line asks for.
struct Arguments {
  std::string command;  ///< "train", "inspect model", ...; empty when `message` is all there is to do
  std::string message;  ///< help or version, to print
  Config config;
  std::string checkpoint;           ///< eval
  int steps = 10;                   ///< bench
  bool model_named = false;         ///< inspect model
  std::vector<std::string> inputs;  ///< predict
  std::string output;               ///< predict, convert: a safetensors file
  std::string to;                   ///< convert: the model whose names to write; empty for the same
  std::vector<std::string> runs;    ///< compare
  std::string picture = "compare";  ///< compare
  ReproduceArguments reproduce;
};

/// Defaults < files (-c) < flags < --set. Errors (ErrorKind::usage): anything unknown, mistyped or out of range.
Arguments parse_arguments(const std::vector<std::string>& arguments);

}  // namespace stint
