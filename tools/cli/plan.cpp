#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/report.h>
#include <stint/tools/trainer/plan.h>
#include <stint/tools/trainer/sync_plan.h>

#include <algorithm>

namespace stint {

namespace {

/// How many images of each class every worker has.
std::vector<std::vector<std::int64_t>> histograms(const std::vector<std::vector<std::int64_t>>& shards,
                                                  const ImageSet& images) {
  std::vector<std::vector<std::int64_t>> counts(shards.size(), std::vector<std::int64_t>(images.classes));
  for (std::size_t w = 0; w < shards.size(); ++w) {
    for (std::int64_t sample : shards[w]) ++counts[w][images.labels[sample]];
  }
  return counts;
}

std::int64_t sum_of(const std::vector<std::int64_t>& counts) {
  std::int64_t sum = 0;
  for (std::int64_t count : counts) sum += count;
  return sum;
}

void print_shards(const std::string& rule, const std::vector<std::vector<std::int64_t>>& counts) {
  constexpr std::size_t most_columns = 20;
  std::size_t columns = std::min(counts[0].size(), most_columns);
  fmt::print("\ntraining images of each worker ({}{}), by class{}\n{:<8}{:>8}", rule,
             rule == "iid" ? ", shared out anew in every epoch: one such draw" : "",
             columns < counts[0].size() ? fmt::format(" (the first {})", columns) : "", "worker", "images");
  for (std::size_t c = 0; c < columns; ++c) fmt::print("{:>7}", c);
  fmt::print("\n");
  for (std::size_t w = 0; w < counts.size(); ++w) {
    fmt::print("{:<8}{:>8}", w, sum_of(counts[w]));
    for (std::size_t c = 0; c < columns; ++c) fmt::print("{:>7}", counts[w][c]);
    fmt::print("\n");
  }
}

}  // namespace

int run_plan(const Config& config) {
  if (config.sync.workers > 1) warn("memory is that of a step of one worker, without what --sync keeps");
  DataSet data = load_dataset(config);
  StepPlan plan = plan_step(config, data.train);
  SyncPlan sync = plan_sync(config, data.train);
  auto workers = static_cast<int>(config.sync.workers);
  auto shards = histograms(configured_shards(config, data.train, workers), data.train);
  if (config.log.json) {
    nlohmann::ordered_json json = {{"model", config.model.name},
                                   {"batch", config.data.batch_size},
                                   {"parameters", plan.parameters},
                                   {"flops", plan.flops},
                                   {"peak_bytes", to_json(plan.memory.peak)},
                                   {"saved_act_bytes", plan.memory.saved_activations},
                                   {"reserved_bytes", plan.memory.peak_reserved},
                                   {"wire_bytes_per_step", sync.bytes_per_step()},
                                   {"shards", shards}};
    for (const auto& stage : sync.stages) {
      json["stages"].push_back({{"begin", stage.begin},
                                {"steps", stage.steps},
                                {"period", stage.period},
                                {"lr_factor", stage.rate},
                                {"rounds", stage.rounds()}});
    }
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  std::int64_t size = config.data.image_size;
  fmt::print("{} on {} images of {}x{}x{}, batches of {}\n", config.model.name, data.name,
             size > 0 ? size : data.train.height, size > 0 ? size : data.train.width, data.train.channels,
             config.data.batch_size);
  fmt::print("{:<16}{:>12}\n", "parameters", human_count(static_cast<double>(plan.parameters)));
  fmt::print("{:<16}{:>12}  forward and backward\n", "FLOPs a step", human_count(plan.flops));
  fmt::print("{:<16}{:>12}\n", "saved", human_bytes(plan.memory.saved_activations));
  fmt::print("{:<16}{:>12}  of which at that moment\n{}", "peak", human_bytes(plan.memory.peak.total()),
             purpose_table(plan.memory.peak));
  fmt::print("{:<16}{:>12}\n", "reserved", human_bytes(plan.memory.peak_reserved));
  fmt::print("{}", text_of(sync, config));
  if (shards.size() > 1) print_shards(config.data.shard, shards);
  return 0;
}

}  // namespace stint
