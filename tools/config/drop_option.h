#pragma once

#include <stint/kernels/drop/drop.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stint {

/// `--drop mink:gamma=0.9,layers=conv+linear,exclude=stem+head,index=auto`, read.
struct DropOption {
  DropStrategy strategy = DropStrategy::mink;
  std::map<std::int64_t, double> gammas = {{0, 0.9}};         ///< by the epoch from which on they hold; 0 is there
  std::vector<std::string> operators = {"conv2d", "linear"};  ///< `layers=`
  std::vector<std::string> excluded = {};                     ///< stem, head, or paths of layers
  std::optional<DropIndex> index = {};                        ///< empty: auto

  double gamma(std::int64_t epoch) const { return std::prev(gammas.upper_bound(epoch))->second; }
};

/// What `read_drop` takes, in words.
inline constexpr const char* drop_form =
    "mink, random, nsigma or sampled, then :gamma=0.9 (or by epoch, 0.5/0.9@5), layers=conv+linear, exclude=stem+head, "
    "index=auto|bitmask|int32 with commas between";

/// Empty where the text is none.
std::optional<DropOption> read_drop(const std::string& text);

/// A share from 0 to below 1; empty where the text is none.
std::optional<double> read_gamma(const std::string& text);

}  // namespace stint
