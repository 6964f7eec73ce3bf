#include <stint/models/kwargs.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/report.h>
#include <stint/tools/config/json_text.h>
#include <stint/tools/trainer/plan.h>

#include <algorithm>
#include <map>

namespace stint {

namespace {

struct LayerRow {
  std::string name;
  std::string ops;
  Shape output;
  std::int64_t parameters = 0;
  double flops = 0;  // forward
  std::size_t saved = 0;
};

/// One row a layer that applies operators, in the order of the forward, then one a parameter that is in none of them
/// (a class token).
std::vector<LayerRow> layer_rows(const StepPlan& plan, const BlockTable& table) {
  std::vector<LayerRow> rows;
  std::map<std::string, std::size_t> places;
  for (const Application& a : plan.applications) {
    auto [place, fresh] = places.try_emplace(a.layer, rows.size());
    if (fresh) rows.push_back({.name = a.layer, .ops = "", .output = {}});
    LayerRow& row = rows[place->second];
    row.ops += (row.ops.empty() ? "" : "+") + std::string(a.op);
    row.output = a.output.shape;
    row.flops += a.work.flops;
  }
  for (const LedgerRow& l : plan.ledger) rows[places.at(l.slot.layer)].saved += l.held_bytes;
  for (const Block& block : table.blocks()) {
    std::size_t dot = block.name.rfind('.');
    auto layer = places.find(block.name.substr(0, dot));
    bool own = dot != std::string::npos && layer != places.end();
    if (!own) rows.push_back({.name = block.name, .ops = "(parameter)", .output = block.shape});
    (own ? rows[layer->second] : rows.back()).parameters += block.count;
  }
  return rows;
}

void print_table(const std::vector<LayerRow>& rows) {
  std::size_t width = 10;
  for (const LayerRow& row : rows) width = std::max(width, row.name.size());
  fmt::print("{:<{}}  {:<22}{:<20}{:>12}{:>12}{:>12}\n", "layer", width, "operators", "output", "parameters", "FLOPs",
             "saved");
  LayerRow total{.name = "total", .ops = "", .output = {}};
  auto print = [&](const LayerRow& row) {
    fmt::print("{:<{}}  {:<22}{:<20}{:>12}{:>12}{:>12}\n", row.name.empty() ? "(loss)" : row.name, width, row.ops,
               row.output.rank() == 0 ? "" : row.output.text(), row.parameters, human_count(row.flops),
               human_bytes(row.saved));
  };
  for (const LayerRow& row : rows) {
    print(row);
    total.parameters += row.parameters;
    total.flops += row.flops;
    total.saved += row.saved;
  }
  print(total);
}

void list_models(bool json) {
  if (json) return fmt::print("{}\n", nlohmann::json(model_names()).dump(2));
  for (const std::string& name : model_names()) fmt::print("{}\n", name);
}

}  // namespace

int run_inspect_model(const Config& config, bool named) {
  if (!named) {
    list_models(config.log.json);
    return 0;
  }
  Config shape = config;
  if (config.data.dataset == "digits") {  // the default, which few models are made for: images as its family has them
    const auto& kwargs = config.model.kwargs;
    bool small = config.model.name == "resnet20" || config.model.name == "resnet56" ||
                 config.model.name.starts_with("preact") || kwargs.contains("stem") || kwargs.contains("head");
    auto or_else = [](std::int64_t value, std::int64_t fallback) { return value > 0 ? value : fallback; };
    std::int64_t side = small ? 32 : 224;
    if (kwargs.contains("image_size")) side = Kwargs({config.model.name, kwargs}).integer("image_size", side);
    shape.data.dataset = "synthetic";
    shape.data.image_size = or_else(config.data.image_size, side);
    shape.data.num_classes = or_else(config.data.num_classes, small ? 10 : 1000);
  }
  shape.data.samples = 1;
  shape.data.batch_size = config.data.batch_size;
  DataSet data = load_dataset(shape);
  StepPlan plan = plan_step(shape, data.train);
  auto model = make_configured_model(shape, data.train);
  ModelState state(*model, Device::null(), DType::f32, 0);
  auto rows = layer_rows(plan, state.parameter_table());
  InputRecipe input = recipe_of(shape, data.train);
  std::int64_t batch = config.data.batch_size, classes = std::max(shape.data.num_classes, data.train.classes);
  if (!config.log.json) {
    fmt::print("{} on {} images [{},{},{},{}], {} classes; FLOPs of the forward, a multiply-add counts two\n",
               config.model.name, data.name, batch, input.height, input.width, input.channels, classes);
    print_table(rows);
    return 0;
  }
  auto layers = nlohmann::ordered_json::array();
  double flops = 0;
  std::size_t saved = 0;
  for (const LayerRow& row : rows) {
    auto dims = row.output.dims();
    layers.push_back({{"layer", row.name},
                      {"operators", row.ops},
                      {"output", std::vector<std::int64_t>(dims.begin(), dims.end())},
                      {"parameters", row.parameters},
                      {"flops", row.flops},
                      {"saved_bytes", row.saved}});
    flops += row.flops;
    saved += row.saved;
  }
  nlohmann::ordered_json json = {{"model", config.model.name},
                                 {"batch", batch},
                                 {"dataset", data.name},
                                 {"input", {batch, input.height, input.width, input.channels}},
                                 {"classes", classes},
                                 {"parameters", plan.parameters},
                                 {"flops", flops},
                                 {"saved_bytes", saved},
                                 {"layers", layers}};
  fmt::print("{}\n", json_text(json, 2));
  return 0;
}

}  // namespace stint
