#pragma once

#include <stint/tools/config/config.h>

#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace stint {

using KeywordMap = std::map<std::string, std::string>;

/// Where in a configuration an option lives, and with that its type.
using OptionSlot = std::variant<bool*, std::int64_t*, double*, std::string*, KeywordMap*>;

/// One option. YAML reader and writer, flags, `--set` and help all walk the one table of these.
struct Option {
  std::string key;   ///< "optim.lr"; without a dot: at the top level
  std::string flag;  ///< "--lr"
  OptionSlot (*slot)(Config&);
  std::string help;
  std::vector<std::string> choices = {};                  ///< of a text; empty: any
  double low = -std::numeric_limits<double>::infinity();  ///< of a number
  double high = std::numeric_limits<double>::infinity();
  std::string (*fault)(const std::string&) = nullptr;  ///< of a text that will not do: what was expected

  std::string section() const;  ///< "optim"; empty at the top level
  std::string name() const;     ///< "lr"

  template <typename T>
  bool holds() const {
    Config config;
    return std::holds_alternative<T*>(slot(config));
  }
};

const std::vector<Option>& options();

/// Errors (ErrorKind::usage): no such key; `where` says where it stands.
const Option& option_of(const std::string& key, const std::string& where);

/// `: did you mean 'optim.lr'?` for an unknown key, also where only the section is missing or wrong; empty if nothing
/// is close.
std::string did_you_mean_option(const std::string& key);

/// The value as text, as `set_option` reads it; not for keyword arguments.
std::string value_text(const Option& option, const Config& config);

}  // namespace stint
