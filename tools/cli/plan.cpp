#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/report.h>
#include <stint/tools/trainer/plan.h>
#include <stint/tools/trainer/sync_plan.h>

namespace stint {

int run_plan(const Config& config) {
  DataSet data = load_dataset(config);
  StepPlan plan = plan_step(config, data.train);
  SyncPlan sync = plan_sync(config, data.train);
  if (config.log.json) {
    nlohmann::ordered_json json = {{"model", config.model.name},
                                   {"batch", config.data.batch_size},
                                   {"parameters", plan.parameters},
                                   {"flops", plan.flops},
                                   {"peak_bytes", to_json(plan.memory.peak)},
                                   {"saved_act_bytes", plan.memory.saved_activations},
                                   {"reserved_bytes", plan.memory.peak_reserved},
                                   {"wire_bytes_per_step", sync.bytes_per_step()}};
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
  fmt::print("{} on {} images of {}x{}x{}, batches of {}\n", config.model.name, data.name, data.train.height,
             data.train.width, data.train.channels, config.data.batch_size);
  fmt::print("{:<16}{:>12}\n", "parameters", human_count(static_cast<double>(plan.parameters)));
  fmt::print("{:<16}{:>12}  forward and backward\n", "FLOPs a step", human_count(plan.flops));
  fmt::print("{:<16}{:>12}\n", "saved", human_bytes(plan.memory.saved_activations));
  fmt::print("{:<16}{:>12}  of which at that moment\n{}", "peak", human_bytes(plan.memory.peak.total()),
             purpose_table(plan.memory.peak));
  fmt::print("{:<16}{:>12}\n", "reserved", human_bytes(plan.memory.peak_reserved));
  fmt::print("{}", text_of(sync, config));
  return 0;
}

}  // namespace stint
