#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/memory_json.h>
#include <stint/tools/trainer/probe.h>

#include <cmath>
#include <fstream>
#include <sstream>

namespace stint {

namespace {

/// The flat gradients of a batch, on the CPU. Running statistics and random numbers are put back.
Tensor gradients_of(Training& training, const Batch& batch, SavePolicy& policy) {
  ModelState& state = training.state();
  Tensor buffers = state.buffers().copy_to(training.device());
  RandomState random = training.random();
  {
    Tape tape(Tape::Mode::training, policy);
    tape.random = &training.random();
    Value loss = training.loss(tape, batch);
    state.forget_gradients();
    tape.backward(loss);
    state.complete_gradients();
  }
  state.buffers().copy_from(buffers);
  training.random() = random;
  return state.gradients().copy_to(Device::cpu());
}

void compare(std::span<const float> exact, std::span<const float> dropped, LayerProbe& row) {
  double dot = 0, exact_square = 0, dropped_square = 0, error_square = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    double e = exact[i], d = dropped[i];
    dot += e * d;
    exact_square += e * e;
    dropped_square += d * d;
    error_square += (e - d) * (e - d);
  }
  if (exact_square > 0 && dropped_square > 0) row.cosine = dot / std::sqrt(exact_square * dropped_square);
  if (exact_square > 0) row.relative_error = std::sqrt(error_square / exact_square);
}

}  // namespace

std::vector<LayerProbe> probe(Training& training, const Batch& batch) {
  DropPolicy* policy = training.dropping().policy();
  if (!policy) return {};
  Tensor exact = gradients_of(training, batch, keep_dense());
  policy->set_recording(Recording::energy);
  Tensor dropped = gradients_of(training, batch, training.dropping().policy_of(training.steps()));
  policy->set_recording(Recording::off);
  std::vector<LayerProbe> rows;
  for (const DropRecord& record : policy->records()) {
    for (const std::string& layer : record.layers) {
      for (const Block& block : training.state().parameter_table().blocks()) {
        bool weight = block.shape.rank() >= 2 && block.name.substr(0, block.name.rfind('.')) == layer;
        if (!weight) continue;
        auto part = [&](const Tensor& flat) { return flat.span<float>().subspan(block.offset, block.count); };
        rows.push_back({.layer = layer, .input = record});
        compare(part(exact), part(dropped), rows.back());
      }
    }
  }
  return rows;
}

bool probe_due(const Config& config, std::int64_t step) {
  return config.memory.probe_every > 0 && !config.memory.drop.empty() && step % config.memory.probe_every == 0;
}

void write_probes(const std::filesystem::path& run, Training& training, const Batch& batch) {
  std::ofstream file(run / "probes.jsonl", std::ios::app);
  for (const LayerProbe& row : probe(training, batch)) {
    nlohmann::ordered_json json = {{"step", training.steps()}, {"layer", row.layer}};
    json.update(to_json(row.input));
    json["kept_energy"] = row.input.kept_energy;
    json["cosine"] = row.cosine;
    json["relative_error"] = row.relative_error;
    file << json.dump() << "\n";
  }
  file.flush();
  if (!file) fail(ErrorKind::runtime, "probe", "cannot write {}", (run / "probes.jsonl").string());
}

void forget_probes(const std::filesystem::path& run, std::int64_t step) {
  std::filesystem::path path = run / "probes.jsonl";
  if (!std::filesystem::exists(path)) return;
  std::istringstream lines(read_file(path));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.value("step", step) < step) kept += line + "\n";
  }
  write_file(path, kept);
}

}  // namespace stint
