#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/memory_json.h>
#include <stint/tools/trainer/memory_text.h>
#include <stint/tools/trainer/probe.h>

#include <cmath>
#include <fstream>
#include <sstream>

namespace stint {

namespace {

void run(Training& training, const Batch& batch, SavePolicy& policy) {
  Tape tape(Tape::Mode::training, policy);
  tape.random = &training.random();
  try {
    Value loss = training.loss(tape, batch);
    training.state().forget_gradients();
    tape.backward(loss);
    training.state().complete_gradients();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::memory) throw;
    Error explained(error.kind(), std::string("probe: a step of all gradients does not fit, which --probe-every runs "
                                              "without --drop first: ") +
                                      error.what());
    fail_for_memory(explained, tape.ledger(), true);
  }
}

/// The flat gradients of a batch, on the CPU (on the null device: there). Running statistics and random numbers are put
/// back.
Tensor gradients_of(Training& training, const Batch& batch, SavePolicy& policy) {
  ModelState& state = training.state();
  Tensor buffers = state.buffers().copy_to(training.device());
  RandomState random = training.random();
  run(training, batch, policy);
  state.buffers().copy_from(buffers);
  training.random() = random;
  bool planned = training.device().type == Device::Type::null;
  return state.gradients().copy_to(planned ? training.device() : Device::cpu());
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
  if (error_square == 0) return;  // also where both are zero
  row.cosine = exact_square == 0 || dropped_square == 0 ? 0 : dot / std::sqrt(exact_square * dropped_square);
  row.relative_error = std::sqrt(error_square / exact_square);
}

}  // namespace

std::vector<LayerProbe> probe(Training& training, const Batch& batch) {
  DropPolicy* policy = training.dropping().policy();
  if (!policy) return {};
  allocator_of(training.device()).reset_peak();
  Tensor exact = gradients_of(training, batch, keep_dense());
  policy->set_recording(Recording::energy);
  Tensor dropped = gradients_of(training, batch, training.dropping().policy_of(training.steps()));
  policy->set_recording(Recording::off);
  training.note_memory();
  std::vector<LayerProbe> rows;
  if (training.device().type == Device::Type::null) return rows;
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
