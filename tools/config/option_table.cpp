#include <stint/tools/config/byte_size.h>
#include <stint/tools/config/drop_option.h>
#include <stint/tools/config/number_list.h>
#include <stint/tools/config/options.h>

#include <limits>

namespace stint {

namespace {

/// The pointer of an entry.
#define AT(member) [](Config& c) -> OptionSlot { return &c.member; }

constexpr double any = std::numeric_limits<double>::infinity();
constexpr double below_one = 1 - std::numeric_limits<double>::epsilon() / 2;

std::string byte_size_fault(const std::string& text) {
  return read_byte_size(text) ? "" : "bytes with a unit, like 6GiB";
}

std::string number_list_fault(const std::string& text) {
  return is_number_list(text) ? "" : "numbers like 0.5,0.25";
}

Option list_option(const char* key, const char* flag, OptionSlot (*slot)(Config&), const char* help) {
  return {key, flag, slot, help, {}, -any, any, number_list_fault};
}

std::vector<Option> make_options() {
  std::vector<std::string> datasets = {"digits", "mnist", "cifar10", "cifar100", "image-folder", "libsvm", "synthetic"};
  return {
      {"device", "--device", AT(device), "auto, cpu, cuda or cuda:N"},
      {"seed", "--seed", AT(seed), "seed of everything random", {}, 0},
      {"threads", "--threads", AT(threads), "threads of the CPU kernels; 0: all cores", {}, 0, 1024},
      {"amp", "--amp", AT(amp), "compute in bf16, with f32 master weights", {"", "bf16"}},
      {"resume", "--resume", AT(resume), "go on with a run: auto, or its directory"},

      {"data.dataset", "--dataset", AT(data.dataset), "data set", datasets},
      {"data.dir", "--data-dir", AT(data.dir), "where the data set lies: a folder, an archive or a file"},
      {"data.batch_size", "--batch-size", AT(data.batch_size), "images a step and rank", {}, 1, 1 << 20},
      {"data.image_size", "--image-size", AT(data.image_size), "height and width; 0: the data set's", {}, 0, 16384},
      {"data.num_classes", "--num-classes", AT(data.num_classes), "classes; 0: the data set's", {}, 0, 1 << 24},
      {"data.channels", "--channels", AT(data.channels), "channels of synthetic images; 0: 3", {}, 0, 4096},
      {"data.samples", "--samples", AT(data.samples), "synthetic images; 0: a few batches", {}, 0, 1 << 30},

      {"data.val_split", "--val-split", AT(data.val_split), "share of the training images to validate on", {}, 0, 0.99},
      {"data.bad_samples", "--bad-samples", AT(data.bad_samples), "at one that is damaged", {"stop", "skip"}},
      {"data.loader_threads", "--loader-threads", AT(data.loader_threads), "threads ahead of the step", {}, 0, 256},
      {"data.crop_padding", "--crop-padding", AT(data.crop_padding), "random crop: border in pixels", {}, 0, 1024},
      list_option("data.scale", "--scale", AT(data.scale), "random-resized crop: share of the area, 0.08,1"),
      list_option("data.ratio", "--ratio", AT(data.ratio), "random-resized crop: width / height, 0.75,1.33"),
      {"data.hflip", "--hflip", AT(data.hflip), "probability of mirroring", {}, 0, 1},
      {"data.vflip", "--vflip", AT(data.vflip), "probability of turning upside down", {}, 0, 1},
      {"data.mixup", "--mixup", AT(data.mixup), "alpha of mixup; 0: off", {}, 0, 1000},
      {"data.cutmix", "--cutmix", AT(data.cutmix), "alpha of cutmix; 0: off", {}, 0, 1000},
      {"data.crop_pct",
       "--crop-pct",
       AT(data.crop_pct),
       "part of a test image that is scaled; 0: all, 0.875 with --scale",
       {},
       0,
       1},
      list_option("data.mean", "--mean", AT(data.mean), "of pixels in 0..1; empty: the data set's"),
      list_option("data.std", "--std", AT(data.std), "deviation of pixels; empty: the data set's"),
      {"data.shard", "--shard", AT(data.shard), "images of a worker: iid, sorted, classes:K, dirichlet:ALPHA"},

      {"model.name", "--model", AT(model.name), "a registered model: resnet18, ..., or a definition: net.yaml"},
      {"model.kwargs", "--model-kwargs", AT(model.kwargs), "keyword arguments of the model: stem=cifar"},
      {"model.pretrained", "--pretrained", AT(model.pretrained), "weights to start from, as safetensors"},

      {"optim.opt", "--opt", AT(optim.opt), "optimiser", {"sgd", "adamw"}},
      {"optim.lr", "--lr", AT(optim.lr), "learning rate", {}, 0, 1e6},
      {"optim.momentum", "--momentum", AT(optim.momentum), "momentum of sgd", {}, 0, 1},
      {"optim.nesterov", "--nesterov", AT(optim.nesterov), "Nesterov's momentum"},
      {"optim.weight_decay", "--weight-decay", AT(optim.weight_decay), "weight decay", {}, 0, any},
      {"optim.beta1", "--beta1", AT(optim.beta1), "adamw: decay of the first moment", {}, 0, below_one},
      {"optim.beta2", "--beta2", AT(optim.beta2), "adamw: decay of the second moment", {}, 0, below_one},
      {"optim.opt_eps", "--opt-eps", AT(optim.opt_eps), "adamw: added to the root", {}, 0, any},
      {"optim.sched", "--sched", AT(optim.sched), "learning-rate schedule", {"cosine", "step", "constant"}},
      {"optim.epochs", "--epochs", AT(optim.epochs), "passes over the training data", {}, 1, 1e6},
      {"optim.warmup_epochs", "--warmup-epochs", AT(optim.warmup_epochs), "epochs of linear warm-up", {}, 0, 1e6},
      {"optim.warmup_lr", "--warmup-lr", AT(optim.warmup_lr), "where the warm-up starts", {}, 0, 1e6},
      {"optim.min_lr", "--min-lr", AT(optim.min_lr), "cosine: where it ends", {}, 0, 1e6},
      {"optim.decay_epochs", "--decay-epochs", AT(optim.decay_epochs), "step: epochs between decays", {}, 1, 1e6},
      {"optim.decay_rate", "--decay-rate", AT(optim.decay_rate), "step: factor of a decay", {}, 0, 1},
      {"optim.clip_grad", "--clip-grad", AT(optim.clip_grad), "largest norm of the gradient; 0: any", {}, 0, any},
      {"optim.smoothing", "--smoothing", AT(optim.smoothing), "label smoothing", {}, 0, 1},

      {"optim.grad_accum_steps", "--grad-accum-steps", AT(optim.grad_accum_steps), "batches of a step", {}, 1, 65536},
      {"optim.model_ema", "--model-ema", AT(optim.model_ema), "average the weights, and evaluate with the average"},
      {"optim.model_ema_decay", "--model-ema-decay", AT(optim.model_ema_decay), "of the average, a step", {}, 0, 1},
      {"optim.decay_exclude", "--decay-exclude", AT(optim.decay_exclude), "without weight decay", {"", "norm-bias"}},
      {"optim.on_nan", "--on-nan", AT(optim.on_nan), "at a loss or gradient that is not finite", {"stop", "skip"}},

      {"optim.lr_scale", "--lr-scale", AT(optim.lr_scale), "factor of the rate for weights that begin so: fc=10"},

      {"sync.algorithm", "--sync", AT(sync.algorithm), "algorithm between workers: none, sync, liec:period=32, ..."},
      {"sync.compress", "--compress", AT(sync.compress), "compressor: sign, topk:RATIO, bf16, identity"},
      {"sync.workers", "--workers", AT(sync.workers), "workers in this process, as replicas", {}, 1, 256},
      {"sync.buffers",
       "--buffers",
       AT(sync.buffers),
       "running statistics between workers",
       {"mean", "local", "root", "root-every-step"}},
      {"sync.world_change", "--allow-world-change", AT(sync.world_change),
       "resume with another number of workers from their common model and the start of the epoch"},
      {"sync.speeds", "--speeds", AT(sync.speeds),
       "relative speeds of cocod's workers, which share out a batch: 2/1/1"},
      {"sync.net", "--net", AT(sync.net), "emulated clock of in-process workers: bandwidth=1Gbps,latency=50us"},
      {"sync.timeout", "--sync-timeout", AT(sync.timeout), "seconds to wait for another process", {}, 0.1, 1e6},
      {"memory.budget", "--mem-budget", AT(memory.budget), "most memory to use: 6GiB", {}, -any, any, byte_size_fault},
      {"memory.drop",
       "--drop",
       AT(memory.drop),
       "hold inputs of layers by their largest elements: "
       "mink:gamma=0.9,layers=conv+linear,exclude=stem+head,index=auto",
       {},
       -any,
       any,
       drop_fault},
      {"memory.drop_layers", "--drop-layers", AT(memory.drop_layers), "gammas of layers: layer1=0.5 layer4.0.conv1=0"},
      {"memory.probe_every", "--probe-every", AT(memory.probe_every), "steps between probes of --drop", {}, 0, 1e9},

      {"log.output", "--output", AT(log.output), "where run directories go"},
      {"log.experiment", "--experiment", AT(log.experiment), "name of the run; empty for a time stamp"},
      {"log.interval", "--log-interval", AT(log.interval), "steps between lines without a terminal", {}, 1, 1e9},
      {"log.recovery_interval",
       "--recovery-interval",
       AT(log.recovery_interval),
       "steps between saves in an epoch; 0: at its end only",
       {},
       0,
       1e9},
      {"log.eval_train", "--eval-train", AT(log.eval_train), "evaluate on all of the training data too"},
      {"log.trace", "--trace", AT(log.trace), "write trace.json (Chrome, Perfetto) of the first steps"},
      {"log.json", "--json", AT(log.json), "report as JSON"},
      {"log.checkpoint_hist", "--checkpoint-hist", AT(log.checkpoint_hist), "checkpoints to keep", {}, 1, 1000},
  };
}

#undef AT

}  // namespace

const std::vector<Option>& options() {
  static const std::vector<Option> table = make_options();
  return table;
}

}  // namespace stint
