#pragma once

#include <stint/tools/cli/arguments.h>

#include <string>
#include <vector>

/// What each subcommand runs. Reports go to standard output, as text or with `log.json` as JSON; errors are thrown. The
/// result is the exit code.
namespace stint {

int run_train(const Config& config);
int run_eval(Config config, const std::string& checkpoint);
int run_plan(const Config& config);
/// Not `named`: lists the models instead.
int run_inspect_model(const Config& config, bool named);
int run_compare(const Config& config, const std::vector<std::string>& runs, const std::string& picture);
int run_inspect_mem(const Config& config);
int run_bench(const Config& config, int steps);
/// Classes of the images in a safetensors file, or in image files, folders and archives. `output`: a file for the
/// logits; may be empty.
int run_predict(const Config& config, const std::vector<std::string>& inputs, const std::string& output);
/// Reads `model.pretrained` into the model, writes it to `output` under the names of model `to` (empty: the same).
int run_convert(const Config& config, const std::string& to, const std::string& output);

/// `list`, `run` or `report` of the papers' tables.
int run_reproduce(const ReproduceArguments& arguments);

/// `words`: behind `launch`. Returns the code of the rank that failed first.
int run_launch(const std::vector<std::string>& words);

}  // namespace stint
