#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace stint {

/// Everything that a run depends on. The options and their texts (YAML keys, flags, help) are in
/// option_table.cpp.
struct Config {
  std::string device = "auto";
  std::int64_t seed = 42;
  std::int64_t threads = 0;  ///< 0: all cores
  std::string amp;           ///< "" or "bf16"
  std::string resume;        ///< "", "auto" or a path

  struct Data {
    std::string dataset = "digits";
    std::string dir;
    std::int64_t batch_size = 64;  ///< per rank
    std::int64_t image_size = 0;   ///< 0: the data set's
    std::int64_t num_classes = 0;  ///< 0: the data set's
    std::int64_t channels = 0;     ///< of synthetic images; 0: 3
    std::int64_t samples = 0;      ///< synthetic; 0: a few batches
    double val_split = 0;          ///< share of the training images that takes the place of the test images
    std::string bad_samples = "stop";
    std::int64_t loader_threads = 1;
    std::int64_t crop_padding = 0;
    std::string scale, ratio;  ///< "LOW,HIGH" of the random-resized crop; "": off, 3/4 to 4/3
    double hflip = 0;
    double vflip = 0;
    double mixup = 0;
    double cutmix = 0;
    double crop_pct = 0;    ///< 0: all where training scales all, 0.875 with `scale`
    std::string mean, std;  ///< "": the data set's
    std::string shard = "iid";
    bool operator==(const Data&) const = default;
  } data;

  struct Model {
    std::string name = "resnet20";
    std::map<std::string, std::string> kwargs;
    std::string pretrained;  ///< weights to start from: a run, a checkpoint or a safetensors file
    /// No option: where a run's options are read again, its own copy of the definition file that `name` is; or empty.
    std::string definition;
    bool operator==(const Model&) const = default;

    bool is_defined() const { return name.ends_with(".yaml"); }
    /// What the network is made from: a registered name or a definition file.
    const std::string& source() const { return definition.empty() ? name : definition; }
  } model;

  struct Optim {
    std::string opt = "sgd";
    double lr = 0.1;
    double momentum = 0.9;
    bool nesterov = false;
    double weight_decay = 5e-4;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double opt_eps = 1e-8;
    std::string sched = "cosine";
    std::int64_t epochs = 10;
    std::int64_t warmup_epochs = 0;
    double warmup_lr = 1e-5;
    double min_lr = 0;
    std::int64_t decay_epochs = 30;
    double decay_rate = 0.1;
    double clip_grad = 0;  ///< 0: off
    double smoothing = 0;
    std::int64_t grad_accum_steps = 1;
    bool model_ema = false;
    double model_ema_decay = 0.9998;
    std::string decay_exclude;  ///< "" or "norm-bias"
    std::string on_nan = "stop";
    std::map<std::string, std::string> lr_scale;  ///< factor of the learning rate, by the beginning of a name
    bool operator==(const Optim&) const = default;
  } optim;

  struct Sync {
    std::string algorithm = "none";  ///< name:key=value,...
    std::string compress;            ///< of algorithms that compress: "" for their own choice
    std::int64_t workers = 1;        ///< in this process
    std::string buffers = "mean";    ///< running statistics between workers
    std::string speeds;              ///< of the workers, for cocod: 2/1/1; "": equal
    std::string net;                 ///< of an emulated clock for workers in one process; "": none
    bool world_change = false;       ///< resume with another number of workers, at the price of their state
    double timeout = 60;             ///< seconds that a rank waits for another process
    bool operator==(const Sync&) const = default;
  } sync;

  struct Memory {
    std::string budget;                              ///< "" or bytes with a unit: 6GiB
    std::string drop;                                ///< "" or as `read_drop` takes it (drop_option.h)
    std::map<std::string, std::string> drop_layers;  ///< gammas of layers, each with what is below it
    std::int64_t probe_every = 0;                    ///< steps; 0: never
    bool operator==(const Memory&) const = default;
  } memory;

  struct Log {
    std::string output = "runs";
    std::string experiment;
    std::int64_t interval = 50;          ///< steps
    std::int64_t recovery_interval = 0;  ///< steps; 0: at the end of an epoch only
    bool eval_train = false;
    bool trace = false;
    bool json = false;
    std::int64_t checkpoint_hist = 2;  ///< newest checkpoints to keep, beside the best
    bool operator==(const Log&) const = default;
  } log;

  bool operator==(const Config&) const = default;
};

/// Sets one option from text: `optim.lr` to `0.1`, `model.kwargs` to `stem=cifar`, or for one keyword
/// `model.kwargs.stem` to `cifar`. `where` says where the text stands, for errors. Errors (ErrorKind::usage): an
/// unknown key, a text of the wrong type or out of range.
void set_option(Config& config, const std::string& key, const std::string& text, const std::string& where);

/// Reads a YAML file over a configuration. Errors (ErrorKind::usage), with file, line and column: unreadable, not YAML,
/// unknown or repeated keys, wrong types, lists, anchors, aliases and tags, a second document, more than 1 MiB.
void read_yaml(Config& config, const std::string& path);

/// The whole configuration as YAML that reads back to an equal one.
std::string to_yaml(const Config& config);

/// What `now` trains otherwise than `before`, option by option: "optim.lr was 0.1, is 0.01". Not counted: where it runs
/// and what it logs.
std::vector<std::string> differences(const Config& before, const Config& now);

/// `6GiB`, `9.5MiB`: a number with B, KiB to TiB, or KB to TB. Errors (ErrorKind::usage): another text.
std::uint64_t parse_bytes(const std::string& text);

}  // namespace stint
