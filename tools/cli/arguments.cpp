#include <stint/runtime/closest.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/error.h>
#include <stint/tools/cli/arguments.h>
#include <stint/tools/config/options.h>

#include <CLI/CLI.hpp>  // costs 10 s to compile: included here only

namespace stint {

namespace {

/// Texts as they were given, in the order of precedence in which they are applied.
struct RawFlags {
  std::vector<std::string> files;
  std::map<std::string, std::vector<std::string>> values;  // by option key
  std::vector<std::string> sets;
};

bool is_switch(const Option& option) {
  Config config;
  return std::holds_alternative<bool*>(option.slot(config));
}

bool is_map(const Option& option) {
  Config config;
  return std::holds_alternative<std::map<std::string, std::string>*>(option.slot(config));
}

void add_options(CLI::App& app, RawFlags& raw) {
  app.add_option("-c,--config", raw.files, "YAML file; several may be given, later ones win")->expected(1)->take_all();
  for (const Option& option : options()) {
    auto& values = raw.values[option.key];
    std::string help = option.help + (option.choices.empty() ? "" : " {" + CLI::detail::join(option.choices, "|") + "}");
    if (is_switch(option)) {
      app.add_flag_callback(option.flag, [&values] { values = {"true"}; }, help)->group("Options");
    } else {
      app.add_option(option.flag, values, help)->type_name("")->expected(1, is_map(option) ? 64 : 1)->take_all();
    }
  }
  app.add_option("--set", raw.sets, "any option by its YAML key: --set optim.lr=0.1")->expected(1)->take_all();
}

std::string split_set(const std::string& text, std::string& value) {
  std::size_t equals = text.find('=');
  if (equals == std::string::npos) fail(ErrorKind::usage, "--set", "expected key=value, got '{}'", text);
  value = text.substr(equals + 1);
  return text.substr(0, equals);
}

Config resolve(const RawFlags& raw) {
  Config config;
  for (const std::string& file : raw.files) read_yaml(config, file);
  for (const Option& option : options()) {
    for (const std::string& text : raw.values.at(option.key)) set_option(config, option.key, text, option.flag);
  }
  for (const std::string& text : raw.sets) {
    std::string value;
    std::string key = split_set(text, value);
    set_option(config, key, value, "--set");
  }
  if (!config.memory.budget.empty()) parse_bytes(config.memory.budget);  // refuse it now
  return config;
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

std::vector<std::string> names_of(const std::vector<CLI::App*>& apps) {
  std::vector<std::string> names;
  for (const CLI::App* app : apps) names.push_back(app->get_name());
  return names;
}

/// The first word that nobody took is the mistake.
void refuse_extras(const CLI::App& app, const std::string& command) {
  for (const std::string& word : app.remaining()) {
    if (word.starts_with("-")) {
      std::string flag = word.substr(0, word.find('='));
      fail(ErrorKind::usage, command, "there is no flag '{}'{}", flag, did_you_mean(flag, flags_of(app)));
    }
    fail(ErrorKind::usage, command, "did not expect '{}'", word);
  }
}

std::string version_text() {
  return fmt::format("stint {} ({}, {})\n", STINT_VERSION,
                     cuda_device_count() > 0 ? "cpu and cuda" : "cpu: " + cuda_absence(), STINT_BUILD);
}

}  // namespace

Arguments parse_arguments(const std::vector<std::string>& arguments) {
  Arguments result;
  RawFlags raw;
  CLI::App app("Trains image models in less memory and over slower networks.", "stint");
  app.allow_extras();
  bool version = false;
  app.add_flag("--version", version, "print the version");
  auto add_command = [&](CLI::App& parent, const char* name, const char* help) {
    CLI::App* command = parent.add_subcommand(name, help);
    command->allow_extras();
    return command;
  };
  for (auto [name, help] : {std::pair{"train", "train a model"}, {"eval", "accuracy of saved weights on the test data"},
                            {"plan", "memory and arithmetic of a step, without running it"},
                            {"bench", "time and memory of training steps"}}) {
    CLI::App* command = add_command(app, name, help);
    add_options(*command, raw);
    if (name == std::string("eval")) {
      command->add_option("--checkpoint", result.checkpoint, "a run, a checkpoint or model.safetensors");
    }
    if (name == std::string("bench")) {
      command->add_option("--steps", result.steps, "timed steps, after three to warm up")->check(CLI::Range(1, 100000));
    }
  }
  CLI::App* inspect = add_command(app, "inspect", "look into a model");
  CLI::App* model = add_command(*inspect, "model", "layers, shapes, parameters, FLOPs and saved bytes of a model");
  std::string model_name;
  model->add_option("name", model_name, "a registered model")->required();
  add_options(*model, raw);

  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    CLI::App* asked = &app;
    while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
    result.message = asked->help();
    return result;
  } catch (const CLI::ParseError& error) {
    fail(ErrorKind::usage, "arguments", "{}", error.what());
  }
  if (version) {
    result.message = version_text();
    return result;
  }
  if (app.get_subcommands().empty()) {
    auto extras = app.remaining();
    if (extras.empty()) {
      result.message = app.help();
      return result;
    }
    if (!extras.front().starts_with("-")) {
      fail(ErrorKind::usage, "stint", "there is no command '{}'{}", extras.front(),
           did_you_mean(extras.front(), names_of(app.get_subcommands({}))));
    }
    refuse_extras(app, "stint");
  }
  result.command = "";
  for (CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    result.command += (result.command.empty() ? "" : " ") + at->get_name();
    if (at->get_subcommands().empty()) {
      if (at == inspect) fail(ErrorKind::usage, "inspect", "expected `inspect model NAME`");
      refuse_extras(*at, result.command);
    }
  }
  if (!model_name.empty()) raw.values["model.name"] = {model_name};
  result.config = resolve(raw);
  return result;
}

}  // namespace stint
