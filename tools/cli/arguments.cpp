#include <stint/runtime/closest.h>
#include <stint/runtime/error.h>
#include <stint/tools/cli/arguments.h>
#include <stint/tools/cli/command_options.h>
#include <stint/tools/config/options.h>
#include <stint/tools/config/printable.h>
#include <stint/tools/trainer/run_directory.h>

#include <CLI/CLI.hpp>  // costs 10 s to compile: included here only
#include <charconv>
#include <filesystem>

namespace stint {

namespace {

/// What was given, still as text: the table of options does the typing, in the order of precedence.
struct RawTexts {
  std::vector<std::string> files;
  std::map<std::string, std::vector<std::string>> values;  // by option key
  std::vector<std::string> sets, runs, inputs;
  std::string model, source, checkpoint, steps, picture;
  std::string to;
  ReproduceArguments reproduce;
  bool version = false;
};

/// CLI11 takes `--flag=` for `--flag`, and `--` and `++` for the end of a command, without a word.
std::vector<std::string> as_cli11_reads(const std::vector<std::string>& words) {
  std::vector<std::string> result;
  for (const std::string& word : words) {
    if (word == "--" || word == "++") throw Error(ErrorKind::usage, fmt::format("did not expect '{}'", word));
    if (word.starts_with("--") && word.ends_with("=")) {
      result.insert(result.end(), {word.substr(0, word.size() - 1), ""});
    } else {
      result.push_back(word);
    }
  }
  std::reverse(result.begin(), result.end());
  return result;
}

std::string help_of(const Option& option, const std::string& command) {
  std::string choices, text = meaning(option, command);
  for (const std::string& choice : option.choices) choices += (choices.empty() ? "" : "|") + choice;
  if (!choices.empty()) text += " {" + choices + "}";
  std::string value = option.key == "log.output" && text != option.help ? "" : value_text(option, Config{});
  return value.empty() || option.holds<bool>() ? text : fmt::format("{} [{}]", text, value);
}

CLI::Option* add_texts(CLI::App& app, const std::string& name, std::vector<std::string>& texts,
                       const std::string& help) {
  return app.add_option(name, texts, help)->type_name("")->expected(1)->take_all()->allow_extra_args(false);
}

void add_table(CLI::App& app, RawTexts& raw, const std::string& command) {
  add_texts(app, "-c,--config", raw.files, "YAML file; several may be given, later ones win");
  add_texts(app, "--set", raw.sets, "any option by its YAML key: --set optim.lr=0.1");
  for (const Option& option : options()) {
    auto& texts = raw.values[option.key];
    std::string help = help_of(option, command);
    CLI::Option* added =
        option.holds<bool>() ? app.add_flag(option.flag, texts, help) : add_texts(app, option.flag, texts, help);
    if (option.holds<KeywordMap>()) added->expected(1, 64)->allow_extra_args();
    if (!option.section().empty()) added->group(option.section());
    if (!concerns(option, command)) added->group("");  // hides it
  }
}

std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent && parent->get_parent() ? full_name(*parent) + " " + app.get_name() : app.get_name();
}

CLI::App* add_command(CLI::App& parent, const char* name, const char* help) {
  CLI::App* command = parent.add_subcommand(name, help);
  command->allow_extras();
  return command;
}

CLI::App* add_run_command(CLI::App& parent, RawTexts& raw, const char* name, const char* help) {
  CLI::App* command = add_command(parent, name, help);
  add_table(*command, raw, full_name(*command));
  return command;
}

void add_reproduce(CLI::App& app, ReproduceArguments& r) {
  CLI::App* all = add_command(app, "reproduce", "tables of the papers: run again, and compared");
  CLI::App* list = add_command(*all, "list", "tables, their tiers and hours, and their rows");
  CLI::App* run = add_command(*all, "run", "train what a table needs; finished runs stay, stopped ones go on");
  CLI::App* report = add_command(*all, "report", "a page with pictures of what was run; exit 8 if a relation fails");
  for (CLI::App* command : {list, run, report}) {
    command->add_option("TABLE", r.table, "a table, a paper or all [all]")->type_name("");
    command->add_option("--manifests", r.manifests, "a folder of tables in the place of the program's")->type_name("");
  }
  for (CLI::App* command : {run, report}) {
    command->add_option("--tier", r.tier, "smoke, reduced, gpu or full; run: [smoke], report: all")->type_name("");
    command->add_option("--output", r.output, "where runs and report go [runs/reproduce]")->type_name("");
  }
  report->add_option("--publish", r.publish, "DIR: write DIR.md, and what it leads to into DIR, to be committed")
      ->type_name("");
  report->add_option("--note", r.note, "FILE: a text that the page shows as a note")->type_name("");
  run->add_option("--data-dir", r.data, "[DATASET=]PATH: where a data set lies; may be repeated")->type_name("");
  run->add_option("--only", r.only, "these rows")->type_name("");
  run->add_option("--seeds", r.seeds, "in the place of the table's")->type_name("");
  run->add_option("--threads", r.threads, "of each run")->check(CLI::Range(0, 1024))->type_name("");
  run->add_option("--jobs", r.jobs, "runs at a time [1]")->check(CLI::Range(1, 64))->type_name("");
}

void add_commands(CLI::App& app, RawTexts& raw) {
  app.allow_extras();
  app.set_help_flag("-h,--help", "print this help");
  app.get_formatter()->column_width(26);
  app.add_flag("--version", raw.version, "print the version");
  add_run_command(app, raw, "train", "train a model");
  CLI::App* eval = add_run_command(app, raw, "eval", "accuracy of saved weights on the test data");
  eval->add_option("--checkpoint", raw.checkpoint, "a run, a checkpoint or model.safetensors")->type_name("");
  add_run_command(app, raw, "plan", "memory and arithmetic of a step, without running it");
  CLI::App* bench = add_run_command(app, raw, "bench", "time and memory of training steps");
  bench->add_option("--steps", raw.steps, "timed steps, after three to warm up [10]")->type_name("");
  bench->footer(
      "On the CPU the environment chooses how convolutions are computed:\n"
      "  STINT_WINOGRAD=auto|off|always          Winograd: where it wins [auto], never, wherever it exists\n"
      "  STINT_CPU_CONV=blocked|reordered|channels-last\n"
      "                                          how activations lie between layers [blocked]\n"
      "The machine's ceilings are measured once, after the steps, and kept in ~/.cache/stint.");
  CLI::App* predict = add_run_command(app, raw, "predict", "classes of images, by --pretrained weights");
  predict
      ->add_option("--input", raw.inputs,
                   "image files, folders or archives of them, or FILE.safetensors with `input` [N,C,H,H] f32")
      ->type_name("");
  CLI::App* convert = add_run_command(app, raw, "convert", "weights from --pretrained to --output, checked by name");
  convert->add_option("--to", raw.to, "a model of the same layers under other names: vit_base_patch16_224")
      ->type_name("");
  add_reproduce(app, raw.reproduce);
  add_command(app, "launch", "start N processes that train together: launch -n N -- train ...");  // read in launch.cpp
  CLI::App* compare = add_command(app, "compare", "a table and a picture of runs");
  compare->add_option("RUN", raw.runs, "run directories")->type_name("");
  compare->add_option("--picture", raw.picture, "NAME.svg and NAME.png are written [compare]")->type_name("");
  compare->add_flag("--json", raw.values["log.json"], "report as JSON");
  CLI::App* inspect = add_command(app, "inspect", "look into a model or its memory");
  CLI::App* model =
      add_run_command(*inspect, raw, "model", "layers, shapes, parameters, FLOPs and saved bytes of a model");
  model->add_option("NAME", raw.model, "a registered model; without it, all their names")->type_name("");
  CLI::App* mem =
      add_run_command(*inspect, raw, "mem", "every tensor that a step saves for backward, and what it costs");
  mem->add_option("RUN|CONFIG", raw.source, "a run directory or a YAML file; without it, what the flags say")
      ->type_name("");
}

bool has_commands(const CLI::App& app) {
  return !app.get_subcommands({}).empty();  // with a filter: all, given or not
}

/// The program's own name is in front of every message already.
[[noreturn]] void refuse(const CLI::App& app, const std::string& text) {
  throw Error(ErrorKind::usage, app.get_parent() ? full_name(app) + ": " + text : text);
}

std::string help_hint(const CLI::App& app) {
  return fmt::format("; see `{}{} --help`", app.get_parent() ? "stint " : "", full_name(app));
}

[[noreturn]] void unknown_flag(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  std::string flag = word.substr(0, word.find('='));
  std::string hint = did_you_mean(flag, known);
  if (hint.empty()) hint = has_commands(app) ? " before the command" + help_hint(app) : help_hint(app);
  refuse(app, fmt::format("there is no flag '{}'{}", printable(flag), hint));
}

[[noreturn]] void unknown_command(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands({})) known.push_back(command->get_name());
  std::string hint = did_you_mean(word, known);
  if (hint.empty()) hint = help_hint(app);
  refuse(app, fmt::format("there is no command '{}'{}", printable(word), hint));
}

/// The first word that nobody took is the mistake.
void refuse_extras(const CLI::App& app) {
  for (const std::string& word : app.remaining()) {
    if (word.starts_with("-")) unknown_flag(app, word);
    if (has_commands(app)) unknown_command(app, word);
    refuse(app, fmt::format("did not expect '{}'{}", printable(word), help_hint(app)));
  }
}

/// The command that was given, down through the levels: `inspect`, then `model`.
const CLI::App& given_command(const CLI::App& app) {
  refuse_extras(app);
  auto given = app.get_subcommands();
  if (given.size() > 1) {
    refuse(*given[0], fmt::format("did not expect the command '{}' after it", given[1]->get_name()));
  }
  return given.empty() ? app : given_command(*given[0]);
}

/// CLI11 stops for a flag that lacks its value; its other complaints cannot happen, since all values are texts.
void parse(CLI::App& app, const std::vector<std::string>& words) {
  try {
    app.parse(as_cli11_reads(words));
  } catch (const CLI::ArgumentMismatch& error) {
    std::string text = error.what();
    fail(ErrorKind::usage, text.substr(0, text.find(':')), "expected a value");
  } catch (const CLI::CallForHelp&) {
    throw;
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::usage, error.what());
  }
}

/// CLI11 gives a flag the next word, whatever that is.
void refuse_flags_as_values(const RawTexts& raw) {
  for (const Option& option : options()) {
    for (const std::string& text : raw.values.at(option.key)) {
      if (text.starts_with("--")) fail(ErrorKind::usage, option.flag, "expected a value, got '{}'", printable(text));
    }
  }
}

void set_by_key(Config& config, const std::string& text) {
  std::size_t equals = text.find('=');
  if (equals == std::string::npos) fail(ErrorKind::usage, "--set", "expected key=value, got '{}'", printable(text));
  set_option(config, text.substr(0, equals), text.substr(equals + 1), "--set");
}

/// The copy of a model definition that lies beside the arguments of a run; empty: none does.
std::string definition_beside(const std::filesystem::path& file) {
  std::filesystem::path own = definition_of(file.parent_path());
  return file.filename() == "args.yaml" && std::filesystem::exists(own) ? own.string() : "";
}

/// Lets `set` change options. Where it names the model, that is the file of this name, or the copy that `definition`
/// is.
template <typename Set>
void set_options(Config& config, const std::string& definition, Set set) {
  const std::string nobody = "\n";
  std::string before = std::exchange(config.model.name, nobody);
  set();
  if (config.model.name == nobody) {
    config.model.name = before;
  } else {
    config.model.definition = config.model.is_defined() ? definition : "";
  }
}

/// `earlier`: the arguments of an earlier run, which everything given now goes over; may be empty.
Config resolve(const RawTexts& raw, const std::string& earlier = "") {
  Config config;
  std::vector<std::string> files = raw.files;
  if (!earlier.empty()) files.insert(files.begin(), earlier);
  for (const std::string& file : files) {
    set_options(config, definition_beside(file), [&] { read_yaml(config, file); });
  }
  set_options(config, "", [&] {
    for (const Option& option : options()) {
      for (const std::string& text : raw.values.at(option.key)) set_option(config, option.key, text, option.flag);
    }
    for (const std::string& text : raw.sets) set_by_key(config, text);
  });
  return config;
}

int read_steps(const std::string& text, int otherwise) {
  if (text.empty()) return otherwise;
  int steps = 0;
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data(), end, steps);
  if (error != std::errc{} || after != end || steps < 1 || steps > 100000) {
    fail(ErrorKind::usage, "--steps", "is '{}', expected an integer from 1 to 100000", printable(text));
  }
  return steps;
}

/// What `predict` and `convert` cannot do without.
void require_weights(const Arguments& arguments) {
  bool predict = arguments.command == "predict", convert = arguments.command == "convert";
  auto expect = [&](bool wanted, const std::string& given, const char* flag) {
    if (wanted && given.empty()) fail(ErrorKind::usage, arguments.command, "expected {}", flag);
  };
  expect(predict || convert, arguments.config.model.pretrained, "--pretrained FILE: weights as safetensors");
  expect(predict, arguments.inputs.empty() ? "" : arguments.inputs[0],
         "--input: image files, a folder or FILE.safetensors");
  expect(convert, arguments.output, "--output FILE.safetensors");
}

/// Of the run that the command looks into, or whose weights it reads.
std::string earlier_arguments(const Arguments& given, const std::string& source) {
  if (std::filesystem::is_directory(source)) return arguments_of_run(source).string();
  if (!source.empty()) return source;
  bool reads = given.command == "predict" || given.command == "convert";
  std::string weights = reads ? given.config.model.pretrained : given.checkpoint;
  return weights.empty() ? "" : arguments_of_run(weights).string();
}

/// The options of a training run, which are those of the run that it goes on with where nothing else is said.
Config training_config(const RawTexts& raw) {
  Config config = resolve(raw);
  auto run = run_to_resume(config);
  if (run.empty()) return config;
  config = resolve(raw, arguments_of_run(run).string());
  config.resume = run.string();  // found once: what `auto` finds depends on options that are now the run's
  return config;
}

Arguments arguments_of(const CLI::App& command, const RawTexts& raw) {
  Arguments result;
  result.command = full_name(command);
  result.checkpoint = raw.checkpoint;
  if (result.command == "train") {
    result.config = training_config(raw);
  } else {
    result.config = resolve(raw);
    std::string earlier = earlier_arguments(result, raw.source);
    if (!earlier.empty()) result.config = resolve(raw, earlier);
  }
  result.steps = read_steps(raw.steps, result.steps);
  if (!raw.model.empty()) {
    set_options(result.config, "", [&] { set_option(result.config, "model.name", raw.model, result.command); });
  }
  result.inputs = raw.inputs;
  result.to = raw.to;
  if (!raw.values.at("log.output").empty()) result.output = raw.values.at("log.output").back();
  require_weights(result);
  if (result.command == "eval" && raw.checkpoint.empty()) {
    fail(ErrorKind::usage, "eval", "expected --checkpoint PATH: a run, a checkpoint or model.safetensors");
  }
  result.reproduce = raw.reproduce;
  if (result.command.starts_with("reproduce ")) result.reproduce.action = result.command.substr(10);
  result.runs = raw.runs;
  if (!raw.picture.empty()) result.picture = raw.picture;
  if (result.command == "compare" && raw.runs.empty()) fail(ErrorKind::usage, "compare", "expected run directories");
  result.model_named = !raw.model.empty();
  return result;
}

std::string version_text() {
  return fmt::format("stint {} ({}, {})\n", STINT_VERSION, STINT_WITH_CUDA ? "cpu and cuda" : "cpu", STINT_BUILD);
}

Arguments only_message(const std::string& message) {
  Arguments result;
  result.message = message;
  return result;
}

}  // namespace

Arguments parse_arguments(const std::vector<std::string>& words) {
  CLI::App app("Trains image models in less memory and over slower networks.", "stint");
  RawTexts raw;
  add_commands(app, raw);
  try {
    parse(app, words);
  } catch (const CLI::CallForHelp&) {
    return only_message(app.help());  // of the command that was given
  }
  refuse_flags_as_values(raw);
  const CLI::App& command = given_command(app);
  if (raw.version) return only_message(version_text());
  if (words.empty()) return only_message(app.help());
  if (has_commands(command)) refuse(command, "expected a command" + help_hint(command));
  return arguments_of(command, raw);
}

}  // namespace stint
