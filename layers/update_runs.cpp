#include <stint/layers/update_runs.h>

namespace stint {

std::vector<UpdateRun> update_runs(const BlockTable& table) {
  std::vector<UpdateRun> runs;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const Block& block = table[i];
    if (runs.empty() || runs.back().lr_scale != block.lr_scale) {
      runs.push_back({.begin = block.offset, .lr_scale = block.lr_scale});
    }
    UpdateRun& run = runs.back();
    std::int64_t end = (i + 1 < table.size() ? table[i + 1].offset : table.extent()) - run.begin;
    if (!run.decays.empty() && run.decays.back().decay == block.decay) {
      run.decays.back().end = end;
    } else {
      run.decays.push_back({run.count, end, block.decay});
    }
    run.count = end;
  }
  return runs;
}

}  // namespace stint
