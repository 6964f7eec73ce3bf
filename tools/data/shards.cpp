#include <stint/runtime/error.h>
#include <stint/tools/data/gamma.h>
#include <stint/tools/data/sequences.h>
#include <stint/tools/data/shards.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace stint {

namespace {

using Samples = std::vector<std::int64_t>;

std::optional<ShardRule> read_rule(const std::string& text) {
  if (text == "iid") return ShardRule{ShardRule::Kind::iid};
  if (text == "sorted") return ShardRule{ShardRule::Kind::sorted};
  std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {};
  std::string name = text.substr(0, colon);
  double value = 0;
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data() + colon + 1, end, value);
  if (error != std::errc{} || after != end || !(value > 0 && value <= 1e6)) return {};
  if (name == "classes" && value == std::floor(value)) return ShardRule{ShardRule::Kind::classes, value};
  if (name == "dirichlet" && value >= 1e-3) return ShardRule{ShardRule::Kind::dirichlet, value};
  return {};
}

/// `pieces` runs of nearly equal length.
std::vector<Samples> cut(const Samples& samples, std::int64_t pieces) {
  std::vector<Samples> runs(pieces);
  auto count = static_cast<std::int64_t>(samples.size());
  for (std::int64_t i = 0; i < pieces; ++i) {
    runs[i].assign(samples.begin() + count * i / pieces, samples.begin() + count * (i + 1) / pieces);
  }
  return runs;
}

Samples in_class_order(const std::vector<std::int32_t>& labels, Samples samples) {
  std::stable_sort(samples.begin(), samples.end(), [&](auto a, auto b) { return labels[a] < labels[b]; });
  return samples;
}

std::vector<Samples> by_classes(const Samples& sorted, int workers, std::int64_t classes_each, RandomSequence random) {
  auto runs = cut(sorted, workers * classes_each);
  auto order = shuffled_range(workers * classes_each, random);
  std::vector<Samples> shards(workers);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Samples& run = runs[order[i]];
    Samples& shard = shards[i % workers];
    shard.insert(shard.end(), run.begin(), run.end());
  }
  return shards;
}

std::vector<Samples> by_dirichlet(const std::vector<std::int32_t>& labels, const Samples& sorted, std::int64_t classes,
                                  int workers, double alpha, RandomSequence random) {
  std::vector<Samples> shards(workers);
  std::uint64_t at = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    auto same = [&](std::int64_t bound) {
      return std::lower_bound(sorted.begin(), sorted.end(), bound, [&](auto s, auto b) { return labels[s] < b; });
    };
    Samples members(same(c), same(c + 1));
    std::vector<double> shares(workers);
    double sum = 0, before = 0;
    for (double& share : shares) sum += share = draw_gamma(alpha, random, at) + 1e-300;
    auto count = static_cast<double>(members.size());
    for (int w = 0; w < workers; ++w) {
      auto begin = std::llround(count * before / sum);
      before += shares[w];
      auto end = w + 1 == workers ? std::llround(count) : std::llround(count * before / sum);
      shards[w].insert(shards[w].end(), members.begin() + begin, members.begin() + end);
    }
  }
  return shards;
}

}  // namespace

bool is_shard_rule(const std::string& text) {
  return read_rule(text).has_value();
}

ShardRule parse_shard_rule(const std::string& text) {
  auto rule = read_rule(text);
  if (!rule) fail(ErrorKind::usage, "data.shard", "expected iid, sorted, classes:K or dirichlet:ALPHA, got '{}'", text);
  return *rule;
}

std::vector<Samples> make_shards(const std::vector<std::int32_t>& labels, std::int64_t classes, int workers,
                                 const ShardRule& rule, std::uint64_t seed) {
  auto count = static_cast<std::int64_t>(labels.size());
  if (count < workers) {
    fail(ErrorKind::usage, "data.shard", "expected at least one sample a worker, got {} for {}", count, workers);
  }
  Samples stored(count);
  std::iota(stored.begin(), stored.end(), std::int64_t{0});
  if (workers == 1) return {stored};
  RandomSequence random{seed, shard_sequence}, order{seed, shard_sequence + 1};
  Samples drawn = shuffled_range(count, order);
  if (rule.kind == ShardRule::Kind::iid) return cut(drawn, workers);
  Samples sorted = in_class_order(labels, drawn);  // within a class, in random order
  if (rule.kind == ShardRule::Kind::sorted) return cut(sorted, workers);
  auto shards = rule.kind == ShardRule::Kind::classes
                    ? by_classes(sorted, workers, static_cast<std::int64_t>(rule.value), random)
                    : by_dirichlet(labels, sorted, classes, workers, rule.value, random);
  for (int w = 0; w < workers; ++w) {
    if (shards[w].empty()) {
      fail(ErrorKind::usage, "data.shard", "worker {} of {} would have no sample: another --seed or rule", w, workers);
    }
  }
  return shards;
}

}  // namespace stint
