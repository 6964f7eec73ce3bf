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

inline constexpr const char* drop_example = "mink:gamma=0.9,layers=conv+linear,exclude=stem+head,index=auto";

/// Empty where the text is none.
std::optional<DropOption> read_drop(const std::string& text);

/// What was expected of a text that is none, with an example; empty for one that is.
std::string drop_fault(const std::string& text);

/// A share from 0 to below 1; empty where the text is none.
std::optional<double> read_gamma(const std::string& text);

}  // namespace stint
