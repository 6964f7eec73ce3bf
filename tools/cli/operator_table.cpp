#include <fmt/format.h>
#include <stint/tools/cli/operator_table.h>

#include <algorithm>
#include <map>

namespace stint {

namespace {

std::string ceiling_text(const OperatorTime& o, const StepCost& step) {
  if (!step.ceilings) return "-";
  return fmt::format("{:.0f}%", 100 * step.ceilings->share(o.work, o.seconds, step.bf16));
}

}  // namespace

std::vector<OperatorTime> by_operator(const std::vector<ProfileEvent>& events) {
  std::map<std::string, OperatorTime> sums;
  for (const ProfileEvent& e : events) {
    if (e.name == "step") continue;
    OperatorTime& sum = sums[e.name];
    sum.name = e.name;
    sum.seconds += static_cast<double>(e.end_ns - e.begin_ns) * 1e-9;
    sum.work.flops += e.work.flops;
    sum.work.bytes += e.work.bytes;
    ++sum.calls;
  }
  std::vector<OperatorTime> rows;
  for (const auto& [name, sum] : sums) rows.push_back(sum);
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return rows;
}

void print_operators(const std::vector<OperatorTime>& operators, const StepCost& step) {
  constexpr auto form = "{:<32}{:>8}{:>12}{:>9}{:>12}{:>10}{:>12}\n";
  fmt::print("\n");
  fmt::print(form, "operator", "calls", "ms a step", "share", "GFLOP/s", "GB/s", "of ceiling");
  double rest = step.seconds;
  auto line = [&](const std::string& name, const std::string& calls, double seconds, const Work& work,
                  const std::string& ceiling) {
    auto rate = [&](double amount) { return amount > 0 ? fmt::format("{:.1f}", amount / seconds * 1e-9) : "-"; };
    fmt::print(form, name, calls, fmt::format("{:.3f}", seconds * 1e3),
               fmt::format("{:.1f}%", 100 * seconds / step.seconds), rate(work.flops), rate(work.bytes), ceiling);
  };
  for (const OperatorTime& o : operators) {
    line(o.name, std::to_string(o.calls), o.seconds, o.work, ceiling_text(o, step));
    rest -= o.seconds;
  }
  line("(between operators)", "", rest, {}, "");
  if (!step.ceilings) return;
  const Ceilings& c = *step.ceilings;
  fmt::print("\nceilings, measured: f32 {:.0f} GFLOP/s, bf16 {:.0f} GFLOP/s, memory {:.1f} GB/s ({})\n", c.f32 * 1e-9,
             c.bf16 * 1e-9, c.memory * 1e-9, ceilings_file().string());
}

nlohmann::ordered_json to_json(const std::vector<OperatorTime>& operators, const StepCost& step) {
  auto rows = nlohmann::ordered_json::array();
  for (const OperatorTime& o : operators) {
    nlohmann::ordered_json row = {{"name", o.name},
                                  {"calls", o.calls},
                                  {"seconds", o.seconds},
                                  {"share", o.seconds / step.seconds},
                                  {"flops", o.work.flops},
                                  {"bytes", o.work.bytes},
                                  {"flops_per_s", o.work.flops / o.seconds},
                                  {"bytes_per_s", o.work.bytes / o.seconds}};
    if (step.ceilings) row["ceiling_share"] = step.ceilings->share(o.work, o.seconds, step.bf16);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace stint
