#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stint/runtime/closest.h>
#include <stint/runtime/error.h>
#include <stint/tools/config/options.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace stint {

namespace {

#define STINT_SLOT(member) [](Config& c) -> OptionSlot { return &c.member; }

constexpr double none = std::numeric_limits<double>::infinity();

std::vector<Option> make_options() {
  std::vector<std::string> datasets = {"digits",       "mnist",  "cifar10",  "cifar100",
                                       "image-folder", "libsvm", "synthetic"};
  return {
      {"device", "--device", STINT_SLOT(device), "auto, cpu, cuda or cuda:N", {}},
      {"seed", "--seed", STINT_SLOT(seed), "seed of everything random", {}, 0},
      {"threads", "--threads", STINT_SLOT(threads), "threads of the CPU kernels; 0 for all cores", {}, 0, 1024},
      {"amp", "--amp", STINT_SLOT(amp), "compute in bf16, with f32 master weights", {"", "bf16"}},
      {"resume", "--resume", STINT_SLOT(resume), "go on with a run: auto, or its directory", {}},

      {"data.dataset", "--dataset", STINT_SLOT(data.dataset), "data set", datasets},
      {"data.dir", "--data-dir", STINT_SLOT(data.dir), "where the data set lies", {}},
      {"data.batch_size", "--batch-size", STINT_SLOT(data.batch_size), "images a step and rank", {}, 1, 1 << 20},
      {"data.image_size", "--image-size", STINT_SLOT(data.image_size), "height and width; 0 for the data set's", {}, 0, 16384},
      {"data.num_classes", "--num-classes", STINT_SLOT(data.num_classes), "classes; 0 for the data set's", {}, 0, 1 << 24},
      {"data.channels", "--channels", STINT_SLOT(data.channels), "channels of synthetic images; 0 for 3", {}, 0, 4096},
      {"data.samples", "--samples", STINT_SLOT(data.samples), "synthetic images; 0 for a few batches", {}, 0, 1 << 30},

      {"model.name", "--model", STINT_SLOT(model.name), "a registered model: resnet18, lenet5, ...", {}},
      {"model.kwargs", "--model-kwargs", STINT_SLOT(model.kwargs), "keyword arguments of the model: stem=cifar", {}},

      {"optim.opt", "--opt", STINT_SLOT(optim.opt), "optimiser", {"sgd", "adamw"}},
      {"optim.lr", "--lr", STINT_SLOT(optim.lr), "learning rate", {}, 0, 1e6},
      {"optim.momentum", "--momentum", STINT_SLOT(optim.momentum), "momentum of sgd", {}, 0, 1},
      {"optim.nesterov", "--nesterov", STINT_SLOT(optim.nesterov), "Nesterov's momentum", {}},
      {"optim.weight_decay", "--weight-decay", STINT_SLOT(optim.weight_decay), "weight decay", {}, 0, none},
      {"optim.beta1", "--beta1", STINT_SLOT(optim.beta1), "adamw: decay of the first moment", {}, 0, 1},
      {"optim.beta2", "--beta2", STINT_SLOT(optim.beta2), "adamw: decay of the second moment", {}, 0, 1},
      {"optim.opt_eps", "--opt-eps", STINT_SLOT(optim.opt_eps), "adamw: added to the root", {}, 0, none},
      {"optim.sched", "--sched", STINT_SLOT(optim.sched), "learning-rate schedule", {"cosine", "step", "constant"}},
      {"optim.epochs", "--epochs", STINT_SLOT(optim.epochs), "passes over the training data", {}, 1, 1e6},
      {"optim.warmup_epochs", "--warmup-epochs", STINT_SLOT(optim.warmup_epochs), "epochs of linear warm-up", {}, 0, 1e6},
      {"optim.warmup_lr", "--warmup-lr", STINT_SLOT(optim.warmup_lr), "where the warm-up starts", {}, 0, 1e6},
      {"optim.min_lr", "--min-lr", STINT_SLOT(optim.min_lr), "cosine: where it ends", {}, 0, 1e6},
      {"optim.decay_epochs", "--decay-epochs", STINT_SLOT(optim.decay_epochs), "step: epochs between decays", {}, 1, 1e6},
      {"optim.decay_rate", "--decay-rate", STINT_SLOT(optim.decay_rate), "step: factor of a decay", {}, 0, 1},
      {"optim.clip_grad", "--clip-grad", STINT_SLOT(optim.clip_grad), "largest norm of the gradient; 0 for any", {}, 0, none},
      {"optim.smoothing", "--smoothing", STINT_SLOT(optim.smoothing), "label smoothing", {}, 0, 1},

      {"sync.algorithm", "--sync", STINT_SLOT(sync.algorithm), "algorithm between workers", {"none"}},
      {"memory.budget", "--mem-budget", STINT_SLOT(memory.budget), "most memory to use: 6GiB", {}},

      {"log.output", "--output", STINT_SLOT(log.output), "where run directories go", {}},
      {"log.experiment", "--experiment", STINT_SLOT(log.experiment), "name of the run; empty for a time stamp", {}},
      {"log.interval", "--log-interval", STINT_SLOT(log.interval), "steps between lines where there is no terminal", {}, 1, 1e9},
      {"log.recovery_interval", "--recovery-interval", STINT_SLOT(log.recovery_interval), "steps between checkpoints within an epoch; 0 for none", {}, 0, 1e9},
      {"log.trace", "--trace", STINT_SLOT(log.trace), "write trace.json (Chrome, Perfetto) of the first steps", {}},
      {"log.json", "--json", STINT_SLOT(log.json), "report as JSON", {}},
  };
}

[[noreturn]] void wrong(const Option& option, const std::string& text, const std::string& where,
                        const std::string& expected) {
  fail(ErrorKind::usage, where, "{} is '{}', expected {}", option.key, text, expected);
}

std::string range_text(const Option& option, const char* kind) {
  bool low = std::isfinite(option.low), high = std::isfinite(option.high);
  if (low && high) return fmt::format("{} from {} to {}", kind, option.low, option.high);
  if (low) return fmt::format("{} of at least {}", kind, option.low);
  return kind;
}

template <typename Number>
void set_number(const Option& option, Number& value, const std::string& text, const std::string& where,
                const char* kind) {
  Number parsed{};
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data(), end, parsed);
  bool good = error == std::errc{} && after == end && std::isfinite(static_cast<double>(parsed)) &&
              static_cast<double>(parsed) >= option.low && static_cast<double>(parsed) <= option.high;
  if (!good) wrong(option, text, where, range_text(option, kind));
  value = parsed;
}

struct Setter {
  const Option& option;
  const std::string& text;
  const std::string& where;

  void operator()(bool* value) const {
    if (text != "true" && text != "false") wrong(option, text, where, "true or false");
    *value = text == "true";
  }
  void operator()(std::int64_t* value) const { set_number(option, *value, text, where, "an integer"); }
  void operator()(double* value) const { set_number(option, *value, text, where, "a number"); }
  void operator()(std::string* value) const {
    const auto& choices = option.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
      fail(ErrorKind::usage, where, "{} is '{}', expected one of {}{}", option.key, text, fmt::join(choices, ", "),
           did_you_mean(text, choices));
    }
    *value = text;
  }
  void operator()(std::map<std::string, std::string>* value) const {
    std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) wrong(option, text, where, "key=value");
    (*value)[text.substr(0, equals)] = text.substr(equals + 1);
  }
};

struct Printer {
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const std::int64_t* value) const { return std::to_string(*value); }
  std::string operator()(const double* value) const { return fmt::format("{}", *value); }  // shortest that reads back
  std::string operator()(const std::string* value) const { return *value; }
  std::string operator()(const std::map<std::string, std::string>*) const { return ""; }
};

}  // namespace

const std::vector<Option>& options() {
  static const std::vector<Option> table = make_options();
  return table;
}

const Option& option_of(const std::string& key, const std::string& where) {
  std::vector<std::string> keys;
  for (const Option& option : options()) {
    if (option.key == key) return option;
    keys.push_back(option.key);
  }
  fail(ErrorKind::usage, where, "there is no option '{}'{}", key, did_you_mean(key, keys));
}

void set_option(Config& config, const std::string& key, const std::string& text, const std::string& where) {
  const Option& option = option_of(key, where);
  std::visit(Setter{option, text, where}, option.slot(config));
}

std::string value_text(const Option& option, const Config& config) {
  return std::visit(Printer{}, option.slot(const_cast<Config&>(config)));  // the printer only reads
}

std::uint64_t parse_bytes(const std::string& text) {
  static const std::map<std::string, std::uint64_t> units = {
      {"B", 1},          {"KiB", 1u << 10}, {"MiB", 1u << 20},       {"GiB", 1u << 30},
      {"KB", 1000},      {"MB", 1000000},   {"GB", 1000000000},      {"", 1}};
  std::uint64_t count = 0;
  auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  auto unit = units.find(std::string(after, text.data() + text.size()));
  std::uint64_t bytes = 0;
  if (error != std::errc{} || unit == units.end() || __builtin_mul_overflow(count, unit->second, &bytes)) {
    fail(ErrorKind::usage, "memory.budget", "expected bytes with a unit, like 6GiB or 512MiB, got '{}'", text);
  }
  return bytes;
}

}  // namespace stint
