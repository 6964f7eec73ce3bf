#include <stint/runtime/parallel.h>
#include <stint/tools/cli/command_options.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/operator_table.h>
#include <stint/tools/cli/report.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

namespace stint {

namespace {

constexpr int warm_up_steps = 3;

std::size_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

/// Until the device has done it.
double seconds_of_step(Training& training, const Batch& batch) {
  auto start = std::chrono::steady_clock::now();
  training.step(batch);
  Stream::current(training.device()).synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// On the CPU, where they can be measured.
std::optional<Ceilings> ceilings_of(Device device) {
  if (device.type != Device::Type::cpu) return {};
  return measured_ceilings();
}

}  // namespace

int run_bench(const Config& config, int steps) {
  warn(note_on_workers(config));
  DataSet data = load_dataset(config);
  Loader loader(data.train, training_options(config, data.train));
  std::int64_t epoch = std::max<std::int64_t>(1, loader.batches() / config.optim.grad_accum_steps);  // in steps
  Training training(config, data.train, epoch, Device::parse(config.device));
  Batch batch = loader.batch(0, 0, training.device());
  std::vector<double> seconds;
  for (int i = 0; i < warm_up_steps + steps; ++i) {
    double taken = seconds_of_step(training, batch);
    if (i >= warm_up_steps) seconds.push_back(taken);
  }
  Profiler::start();
  double profiled = seconds_of_step(training, batch);  // what the operators' shares are of
  auto events = Profiler::stop();
  if (config.log.trace) write_trace("trace.json", events);

  std::sort(seconds.begin(), seconds.end());
  double median = seconds[seconds.size() / 2];
  double rate = static_cast<double>(config.data.batch_size * training.accumulations()) / median;
  const StepMemory memory = training.memory();
  // Ceilings are measured after the steps: 512 MiB that they move would be in the peak of resident memory.
  std::size_t resident = peak_resident_bytes();
  auto operators = by_operator(events);
  auto ceilings = ceilings_of(training.device());
  StepCost cost{profiled, ceilings, training.state().compute() == DType::bf16};
  if (config.log.json) {
    nlohmann::ordered_json json = {{"model", config.model.name},
                                   {"batch", config.data.batch_size},
                                   {"threads", thread_count()},
                                   {"dtype", name_of(training.state().compute())},
                                   {"images_per_s", rate},
                                   {"step_s", {{"median", median}, {"min", seconds.front()}, {"max", seconds.back()}}},
                                   {"peak_bytes", to_json(memory.peak)},
                                   {"saved_act_bytes", memory.saved_activations},
                                   {"rss_peak_bytes", resident},
                                   {"device", training.device().name()},
                                   {"operators", to_json(operators, cost)}};
    if (ceilings) {
      json["ceilings"] = {
          {"f32_flops", ceilings->f32}, {"bf16_flops", ceilings->bf16}, {"memory_bytes", ceilings->memory}};
    }
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  fmt::print("{}, batches of {}, {} thread(s), {}: {:.1f} images/s\n", config.model.name, config.data.batch_size,
             thread_count(), name_of(training.state().compute()), rate);
  fmt::print("step: median {:.2f} ms, min {:.2f}, max {:.2f} over {} steps\n", median * 1e3, seconds.front() * 1e3,
             seconds.back() * 1e3, seconds.size());
  fmt::print("peak {}, saved {}, resident {}\n", human_bytes(memory.peak.total()),
             human_bytes(memory.saved_activations), human_bytes(resident));
  print_operators(operators, cost);
  return 0;
}

}  // namespace stint
