#include <stint/dist/algorithms/algorithms.h>
#include <stint/runtime/closest.h>

#include <array>

namespace stint::dist {

namespace {

struct Entry {
  const char* name;
  AlgorithmMaker (*read)(Arguments&, const std::string&);
  bool compresses;
};

constexpr std::array entries = {
    Entry{"sync", sync_sgd, false},   Entry{"local", local_sgd, false},    Entry{"lb", large_batch_sgd, false},
    Entry{"crpsgd", cr_psgd, false},  Entry{"easgd", easgd, false},        Entry{"pipe", pipe_sgd, false},
    Entry{"liec", liec_sgd, true},    Entry{"stl", stl_sgd, false},        Entry{"vrl", vrl_sgd, false},
    Entry{"cocod", cocod_sgd, false}, Entry{"mem", mem_sgd, true},         Entry{"doublesqueeze", double_squeeze, true},
    Entry{"cser", cser, true},        Entry{"neolithic", neolithic, true},
};

}  // namespace

std::vector<std::string> algorithm_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.emplace_back(entry.name);
  return names;
}

AlgorithmMaker parse_algorithm(const std::string& text, const std::string& compressor) {
  Arguments arguments(text);
  for (const Entry& entry : entries) {
    if (arguments.name() != entry.name) continue;
    if (!entry.compresses && !compressor.empty()) {
      fail(ErrorKind::usage, "sync", "{} sends models or gradients as they are and takes no compressor, got {}",
           entry.name, compressor);
    }
    AlgorithmMaker maker = entry.read(arguments, compressor);
    arguments.refuse_rest();
    return maker;
  }
  fail(ErrorKind::usage, "sync", "there is no algorithm '{}'{}", arguments.name(),
       did_you_mean(arguments.name(), algorithm_names()));
}

}  // namespace stint::dist
