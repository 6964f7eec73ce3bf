#include <stint/tools/cli/command_options.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/report.h>
#include <stint/tools/config/json_text.h>
#include <stint/tools/trainer/plan.h>

#include <filesystem>

namespace stint {

namespace {

/// What stands in the last column: who else has the bytes; for what was not dropped, why.
std::string remark(const LedgerRow& row, bool dropping) {
  if (!dropping || row.policy != "keep") return row.holder;
  if (row.packable) return row.holder.empty() ? "not chosen" : row.holder + ", not all chosen";
  return row.holder.empty() && row.slot.fidelity == Fidelity::exact ? "exact" : row.holder;
}

std::string slot_name(const Slot& slot) {
  return fmt::format("{} {} {}", slot.layer.empty() ? "(loss)" : slot.layer, slot.op, slot.index);
}

std::string percent(std::size_t part, std::size_t whole) {
  return fmt::format("{:.2f} %", whole == 0 ? 0.0 : 100 * static_cast<double>(part) / static_cast<double>(whole));
}

void print_rows(const std::vector<LedgerRow>& rows, bool dropping) {
  std::size_t width = 10;
  for (const LedgerRow& row : rows) width = std::max(width, slot_name(row.slot).size());
  fmt::print("{:<{}}  {:<22}{:<6}{:>12}{:>12}  {:<6}{:<20}{}\n", "layer operator slot", width, "shape", "dtype",
             "dense", "held", "policy", " encoding", " remark");
  for (const LedgerRow& row : rows) {
    const TensorSpec& spec = row.slot.spec;
    fmt::print("{:<{}}  {:<22}{:<6}{:>12}{:>12}  {:<6} {:<20}{}\n", slot_name(row.slot), width, spec.shape.text(),
               name_of(spec.dtype), human_bytes(row.dense_bytes), human_bytes(row.held_bytes), row.policy, row.encoding,
               remark(row, dropping));
  }
}

nlohmann::ordered_json to_json(const LedgerRow& row, bool dropping) {
  auto dims = row.slot.spec.shape.dims();
  return {{"layer", row.slot.layer},
          {"operator", row.slot.op},
          {"slot", row.slot.index},
          {"fidelity", row.slot.fidelity == Fidelity::exact ? "exact" : "parameter_gradient_only"},
          {"shape", std::vector<std::int64_t>(dims.begin(), dims.end())},
          {"dtype", name_of(row.slot.spec.dtype)},
          {"dense_bytes", row.dense_bytes},
          {"held_bytes", row.held_bytes},
          {"policy", row.policy},
          {"encoding", row.encoding},
          {"remark", remark(row, dropping)}};
}

std::size_t held_of(const std::vector<LedgerRow>& rows) {
  std::size_t sum = 0;
  for (const LedgerRow& row : rows) sum += row.held_bytes;
  return sum;
}

}  // namespace

int run_inspect_mem(const Config& config) {
  warn(note_on_workers(config));
  DataSet data = load_dataset(config);
  StepPlan plan = plan_step(config, data.train);
  Config dense = config;
  dense.memory.drop.clear();
  dense.memory.drop_layers.clear();
  bool dropping = !config.memory.drop.empty();
  std::size_t held = held_of(plan.ledger);
  std::size_t if_dense = dropping ? held_of(plan_step(dense, data.train).ledger) : held;
  if (config.log.json) {
    auto slots = nlohmann::ordered_json::array();
    for (const LedgerRow& row : plan.ledger) slots.push_back(to_json(row, dropping));
    nlohmann::ordered_json json = {{"model", config.model.name},
                                   {"batch", config.data.batch_size},
                                   {"held_bytes", held},
                                   {"dense_bytes", if_dense},
                                   {"slots", slots}};
    fmt::print("{}\n", json_text(json, 2));
    return 0;
  }
  fmt::print("{}, batches of {}: what is held between forward and backward\n", config.model.name,
             config.data.batch_size);
  print_rows(plan.ledger, dropping);
  fmt::print("held {} ({} bytes), {} of {} without --drop\n", human_bytes(held), held, percent(held, if_dense),
             human_bytes(if_dense));
  return 0;
}

}  // namespace stint
