#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace stint::reproduce {

/// Other runs of this program, as its children: they end with it, and what ends it (Ctrl-C, SIGTERM) they are told
/// first, so that they leave checkpoints.
class Children {
 public:
  Children();

  /// Starts `stint WORDS`, with its standard output in `log`; its errors go where ours go. Returns its number.
  int start(const std::vector<std::string>& words, const std::filesystem::path& log);

  struct End {
    int number, code;  ///< the code as a shell knows it
  };
  /// Waits until one has ended. Passes a signal on to all of them.
  End wait();

  int running() const { return static_cast<int>(numbers_.size()); }
  /// The signal that came, 0 if none did.
  int stopped() const;

 private:
  std::map<int, int> numbers_;  // by process
  int started_ = 0;
  int stopped_ = 0;
};

}  // namespace stint::reproduce
