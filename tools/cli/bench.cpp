#include <stint/runtime/parallel.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/report.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>

namespace stint {

namespace {

constexpr int warm_up_steps = 3;

std::size_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

struct OperatorTime {
  double seconds = 0;
  int calls = 0;
  Work work;
};

/// Time by operator, the most expensive first. Ranges that contain others ("step") are left out.
std::vector<std::pair<std::string, OperatorTime>> by_operator(const std::vector<ProfileEvent>& events) {
  std::map<std::string, OperatorTime> sums;
  for (const ProfileEvent& e : events) {
    if (e.name == "step") continue;
    OperatorTime& sum = sums[e.name];
    sum.seconds += static_cast<double>(e.end_ns - e.begin_ns) * 1e-9;
    sum.work.flops += e.work.flops;
    sum.work.bytes += e.work.bytes;
    ++sum.calls;
  }
  std::vector<std::pair<std::string, OperatorTime>> rows(sums.begin(), sums.end());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  return rows;
}

void print_operators(const std::vector<ProfileEvent>& events, double step_seconds) {
  double rest = step_seconds;
  fmt::print("\n{:<32}{:>8}{:>12}{:>9}{:>12}{:>10}\n", "operator", "calls", "ms a step", "share", "GFLOP/s", "GB/s");
  for (const auto& [name, sum] : by_operator(events)) {
    fmt::print("{:<32}{:>8}{:>12.3f}{:>8.1f}%{:>12.1f}{:>10.1f}\n", name, sum.calls, sum.seconds * 1e3,
               100 * sum.seconds / step_seconds, sum.work.flops / sum.seconds * 1e-9,
               sum.work.bytes / sum.seconds * 1e-9);
    rest -= sum.seconds;
  }
  fmt::print("{:<32}{:>8}{:>12.3f}{:>8.1f}%\n", "(between operators)", "", rest * 1e3, 100 * rest / step_seconds);
}

nlohmann::ordered_json operators_to_json(const std::vector<ProfileEvent>& events) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& [name, sum] : by_operator(events)) {
    rows.push_back({{"name", name},
                    {"calls", sum.calls},
                    {"seconds", sum.seconds},
                    {"flops", sum.work.flops},
                    {"bytes", sum.work.bytes}});
  }
  return rows;
}

}  // namespace

int run_bench(const Config& config, int steps) {
  DataSet data = load_dataset(config);
  Loader loader(data.train, training_options(config, data.train));
  Training training(config, data.train, loader.batches(), Device::parse(config.device));
  Batch batch = loader.batch(0, 0, training.device());
  std::vector<double> seconds;
  for (int i = 0; i < warm_up_steps + steps; ++i) {
    auto start = std::chrono::steady_clock::now();
    training.step(batch);
    Stream::current(training.device()).synchronize();
    std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (i >= warm_up_steps) seconds.push_back(taken.count());
  }
  Profiler::start();
  training.step(batch);
  auto events = Profiler::stop();

  std::sort(seconds.begin(), seconds.end());
  double median = seconds[seconds.size() / 2];
  double rate = static_cast<double>(config.data.batch_size) / median;
  const StepMemory& memory = training.memory();
  if (config.log.json) {
    nlohmann::ordered_json json = {{"model", config.model.name},
                                   {"batch", config.data.batch_size},
                                   {"threads", thread_count()},
                                   {"dtype", name_of(training.state().compute())},
                                   {"images_per_s", rate},
                                   {"step_s", {{"median", median}, {"min", seconds.front()}, {"max", seconds.back()}}},
                                   {"peak_bytes", to_json(memory.peak)},
                                   {"saved_act_bytes", memory.saved_activations},
                                   {"rss_peak_bytes", peak_resident_bytes()},
                                   {"device", training.device().name()},
                                   {"operators", operators_to_json(events)}};
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  fmt::print("{}, batches of {}, {} thread(s), {}: {:.1f} images/s\n", config.model.name, config.data.batch_size,
             thread_count(), name_of(training.state().compute()), rate);
  fmt::print("step: median {:.2f} ms, min {:.2f}, max {:.2f} over {} steps\n", median * 1e3, seconds.front() * 1e3,
             seconds.back() * 1e3, seconds.size());
  fmt::print("peak {}, saved {}, resident {}\n", human_bytes(memory.peak.total()),
             human_bytes(memory.saved_activations), human_bytes(peak_resident_bytes()));
  print_operators(events, median);
  return 0;
}

}  // namespace stint
