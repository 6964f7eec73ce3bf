#include <fmt/format.h>
#include <stint/dist/algorithms/stl.h>
#include <stint/dist/null_group.h>
#include <stint/tools/trainer/sync_plan.h>
#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/training.h>

#include <algorithm>

namespace stint {

namespace {

constexpr std::int64_t most_steps = 2000;

ImageSet without_pixels(const ImageSet& images) {
  ImageSet set = images;
  set.pixels.clear();
  return set;
}

struct Counted {
  dist::Traffic traffic;
  std::int64_t rounds;
};

Counted count(const std::string& algorithm, const std::string& compressor, const Config& config, Training& training,
              std::int64_t steps, bool ends) {
  dist::NullGroup group(1, static_cast<int>(config.sync.workers));
  ModelState& state = training.state();
  auto made = dist::parse_algorithm(
      algorithm, compressor)({group, state.parameter_table(), training.device(), buffer_policy(config)});
  for (std::int64_t t = 0; t < steps; ++t) {
    dist::StepContext context{t,
                              static_cast<float>(training.lr_of(t)),
                              state.parameters(),
                              state.gradients(),
                              state.buffers(),
                              training.optimiser()};
    if (config.optim.on_nan == "skip") any_now(group, false);
    made->step(context);
    if (ends && t + 1 == steps) made->finish(context);
  }
  return {group.traffic(), made->rounds()};
}

/// As in a run: all workers have equally many.
std::int64_t planned_steps_of_epoch(const Config& config, const ImageSet& images) {
  auto workers = static_cast<int>(config.sync.workers);
  std::int64_t batch = config.data.batch_size;
  Loader loader(
      images, training_options(config, images, {.workers = workers, .batch_size = batch, .together = batch * workers}));
  return steps_of_epoch(config, loader);
}

}  // namespace

SyncPlan plan_sync(const Config& config, const ImageSet& images) {
  SyncPlan plan;
  auto workers = config.sync.workers;
  check_sync(config, static_cast<int>(workers));
  if (config.sync.algorithm == "none" || workers < 2) return plan;
  std::int64_t epoch = planned_steps_of_epoch(config, images);
  plan.run_steps = config.optim.epochs * epoch;
  plan.steps = std::min(plan.run_steps, most_steps);
  Training training(config, without_pixels(images), epoch, Device::null());
  Counted counted =
      count(config.sync.algorithm, config.sync.compress, config, training, plan.steps, plan.steps == plan.run_steps);
  plan.traffic = counted.traffic;
  plan.rounds = counted.rounds;
  double dense = static_cast<double>(count("sync", "", config, training, 1, false).traffic.total_sent());
  plan.dense_ratio = dense / std::max(1.0, plan.bytes_per_step());
  dist::Arguments arguments(config.sync.algorithm);
  if (arguments.name() == "stl") plan.stages = dist::stl_stages(dist::read_stl_options(arguments), plan.run_steps);
  return plan;
}

std::string text_of(const SyncPlan& plan, const Config& config) {
  if (plan.steps == 0) return "";
  std::string text = fmt::format(
      "{} with {} workers: {:.0f} bytes a step sent by each, {:.4g} times less than sync; {} rounds in {} steps\n",
      config.sync.algorithm, config.sync.workers, plan.bytes_per_step(), plan.dense_ratio, plan.rounds, plan.steps);
  for (int i = 0; i < dist::payload_count; ++i) {
    if (plan.traffic.sent[i] == 0) continue;
    text += fmt::format("  {:<14}{:>12.0f}\n", dist::payload_names[i],
                        static_cast<double>(plan.traffic.sent[i]) / static_cast<double>(plan.steps));
  }
  if (plan.stages.empty()) return text;
  text += fmt::format("{:>7}{:>10}{:>9}{:>9}{:>12}{:>9}\n", "stage", "from", "steps", "period", "lr factor", "rounds");
  std::int64_t rounds = 0;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const auto& stage = plan.stages[s];
    rounds += stage.rounds();
    text += fmt::format("{:>7}{:>10}{:>9}{:>9}{:>12.4g}{:>9}\n", s + 1, stage.begin, stage.steps, stage.period,
                        stage.rate, stage.rounds());
  }
  return text + fmt::format("{:>7}{:>10}{:>9}{:>9}{:>12}{:>9}\n", "all", "", plan.run_steps, "", "", rounds);
}

}  // namespace stint
