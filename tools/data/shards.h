#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stint {

/// How training samples are divided among workers, each of which then has its own ones for the whole run:
///   iid          drawn at random
///   sorted       in order of their class, cut into runs
///   classes:K    K classes a worker at most, as McMahan et al. 2017: K runs of the sorted samples each
///   dirichlet:A  every class in shares drawn from Dirichlet(A), as Hsu et al. 2019: small A, few classes a worker
struct ShardRule {
  enum class Kind { iid, sorted, classes, dirichlet };
  Kind kind = Kind::iid;
  double value = 0;
};

bool is_shard_rule(const std::string& text);
ShardRule parse_shard_rule(const std::string& text);  ///< Errors (ErrorKind::usage): another text.

/// Which samples each worker has. Every sample is in exactly one shard; a function of the arguments alone. With one
/// worker the samples stay in their order. Errors (ErrorKind::usage): fewer samples than workers, or (dirichlet) a
/// worker that would have none.
std::vector<std::vector<std::int64_t>> make_shards(const std::vector<std::int32_t>& labels, std::int64_t classes,
                                                   int workers, const ShardRule& rule, std::uint64_t seed);

}  // namespace stint
